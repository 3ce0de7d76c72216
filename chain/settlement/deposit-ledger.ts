/** What payers have in escrow at any recent block, from the escrow's events. */
import { type Address, bytesOf, compareBytes } from '../../protocol/bytes.ts'
import type { DepositLine } from '../../protocol/epoch/deposits.ts'
import { ASSET } from '../../protocol/usage/wire.ts'
import type { DepositLog, FollowedLog } from './events.ts'

interface Movement {
  readonly block: number
  readonly payer: Address
  readonly io: bigint
  readonly iosd: bigint
}

/** A movement costs its payer a transaction; half an hour of full blocks is less. The older half is folded. */
const KEPT_MOVEMENTS = 20_000

export function isDepositLog(log: FollowedLog): log is DepositLog {
  return log.eventName === 'Deposited' || log.eventName === 'Withdrawn'
}

export class DepositLedger {
  readonly #kept: number
  readonly #base = new Map<Address, DepositLine>()
  #recent: Movement[] = []
  /** Balances at blocks before this one are no longer known apart. */
  #foldedTo = 0

  constructor(kept: number = KEPT_MOVEMENTS) {
    this.#kept = kept
  }

  add(log: DepositLog): void {
    this.#recent.push(movementOf(log))
    if (this.#recent.length > this.#kept) this.#fold()
  }

  /** The lines after `block`, ascending by payer; undefined when it is too long ago. */
  at(block: number): DepositLine[] | undefined {
    if (block < this.#foldedTo) return undefined
    const lines = new Map(this.#base)
    for (const movement of this.#recent) if (movement.block <= block) addTo(lines, movement)
    return sorted(lines)
  }

  #fold(): void {
    const last = this.#recent[Math.floor(this.#recent.length / 2)]?.block ?? 0
    for (const movement of this.#recent) if (movement.block <= last) addTo(this.#base, movement)
    this.#recent = this.#recent.filter(movement => movement.block > last)
    this.#foldedTo = last
  }
}

/** The lines that a list of movements leads to, in order of their payers' bytes. */
export function linesOf(logs: Iterable<DepositLog>): DepositLine[] {
  const lines = new Map<Address, DepositLine>()
  for (const log of logs) addTo(lines, movementOf(log))
  return sorted(lines)
}

/** A payer keeps its line with nothing left in it: it keeps its leaf in the tree of debits. */
function addTo(lines: Map<Address, DepositLine>, { payer, io, iosd }: Movement): void {
  const line = lines.get(payer) ?? { payer, io: 0n, iosd: 0n }
  lines.set(payer, { payer, io: line.io + io, iosd: line.iosd + iosd })
}

function movementOf(log: DepositLog): Movement {
  const { payer, asset, amount } = log.args
  const signed = log.eventName === 'Deposited' ? amount : -amount
  return {
    block: Number(log.blockNumber),
    payer: payer.toLowerCase() as Address,
    io: asset === ASSET.io ? signed : 0n,
    iosd: asset === ASSET.iosd ? signed : 0n,
  }
}

function sorted(lines: ReadonlyMap<Address, DepositLine>): DepositLine[] {
  return [...lines.values()].sort((a, b) => compareBytes(bytesOf(a.payer), bytesOf(b.payer)))
}
