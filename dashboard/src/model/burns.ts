import { iosdForIo, type Price, type Wei } from '../../../protocol/units.ts'
import { WireError } from './fields.ts'

/** One `Burned` event of the Burner. */
export interface Burn {
  /** Block and index in it: unique. */
  id: string
  block: number
  account: string
  io: Wei
  iosd: Wei
  price: Price
  /** Round of the report that gave the price. */
  round: number
  /** IOSD made equals ⌊IO · price⌋, to the last wei. */
  exact: boolean
}

/** A log as JSON-RPC returns it, reduced to what is read here. */
export interface Log {
  blockNumber: string
  logIndex: string
  topics: readonly string[]
  data: string
}

/**
 * Decodes `Burned(address indexed account, uint256 indexed epoch, uint256 io, uint256 iosd, uint256 price, uint40 round)`.
 *
 * @throws {WireError} when the log is not one
 */
export function decodeBurn(log: Log): Burn {
  const account = log.topics[1]
  if (account?.length !== 66 || log.topics.length !== 3) throw new WireError('log.topics', 'those of a burn')
  if (log.data.length !== 2 + 4 * 64) throw new WireError('log.data', 'four words')
  const word = (index: number) => BigInt(`0x${log.data.slice(2 + index * 64, 66 + index * 64)}`)
  const io = word(0) as Wei
  const iosd = word(1) as Wei
  const price = word(2) as Price
  const block = Number(log.blockNumber)
  return {
    id: `${block}/${Number(log.logIndex)}`,
    block,
    account: `0x${account.slice(26)}`,
    io,
    iosd,
    price,
    round: Number(word(3)),
    exact: iosd === iosdForIo(io, price),
  }
}

/** The panel shows a dozen; the rest is on the chain. */
const MAX_BURNS = 100

/**
 * Puts what the chain said about blocks from `fromBlock` on in place of what was known about them, so that a
 * short reorganisation corrects itself. Newest first.
 */
export function mergeBurns(known: readonly Burn[], fromBlock: number, fetched: readonly Burn[]): Burn[] {
  const newest = [...fetched].sort((a, b) => b.block - a.block || (a.id < b.id ? 1 : -1))
  return [...newest, ...known.filter(burn => burn.block < fromBlock)].slice(0, MAX_BURNS)
}
