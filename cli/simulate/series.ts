/** What is kept of a run: sums over periods and years, and where things stand at their ends. */
import { sumOf } from '../../protocol/epoch/shares.ts'
import { WORKERS } from './cast.ts'
import type { SettledEpoch, SettledState } from './settled-state.ts'
import type { Tokens } from './tokens.ts'

/** Wei of one period: all that its epochs come to, however late they are settled. */
export const FLOWS = [
  'scheduled',
  'net',
  'netCap',
  'released',
  'burned',
  'iosdMinted',
  'iosdSpent',
  'hiresClaimed',
  'hiresPaid',
  'availabilityPaid',
  'workersPaid',
  'ownersAndGatewaysPaid',
] as const
export type Flow = (typeof FLOWS)[number]
export type Flows = Readonly<Record<Flow, bigint>>

/** At the end of a period. Amounts in wei, price with 18 decimals. */
export interface Standing {
  readonly supply: bigint
  readonly reserve: bigint
  readonly escrowIo: bigint
  readonly escrowIosd: bigint
  readonly iosdSupply: bigint
  /** Wei of IOSD for hires that are charged and not settled. */
  readonly hiresWaiting: bigint
  /** Wei of IO that was paid and whose network fee has not been taken. */
  readonly paidWithoutFee: bigint
  readonly gpus: bigint
  /** The highest certified price of the last epoch; 0 when none was certified. */
  readonly price: bigint
  /** Epochs that have ended and are not settled. */
  readonly epochsWaiting: number
}

/** One line of the series. */
export interface Period {
  /** Seconds from t0 to its end. */
  readonly endSec: number
  readonly flows: Flows
  readonly standing: Standing
}

export interface Year {
  /** Of 365 days; the first is 1. */
  readonly year: number
  readonly flows: Flows
  /** All that the schedule has minted until its end. */
  readonly scheduledSoFar: bigint
  /** When its last epoch was settled. */
  readonly standing: Standing
}

export class Tally {
  #flows: Record<Flow, bigint> = emptyFlows()

  add(flows: Partial<Flows>): void {
    for (const flow of FLOWS) this.#flows[flow] += flows[flow] ?? 0n
  }

  /** The sums so far; from now on they begin anew. */
  take(): Flows {
    const taken = this.#flows
    this.#flows = emptyFlows()
    return taken
  }
}

function emptyFlows(): Record<Flow, bigint> {
  return Object.fromEntries(FLOWS.map(flow => [flow, 0n])) as Record<Flow, bigint>
}

/** What settling an epoch adds; the cap is not in what was settled, so it is passed in. */
export function settledFlows({ allocation, usage }: SettledEpoch, netCap: bigint): Partial<Flows> {
  const { pool } = allocation
  const workersPaid = WORKERS.reduce((sum, { address }) => sum + (usage.payments.get(address) ?? 0n), 0n)
  return {
    scheduled: pool.scheduled,
    net: pool.net,
    netCap,
    released: pool.released,
    iosdSpent: usage.debitIosd,
    hiresClaimed: allocation.hiredClaimed,
    hiresPaid: allocation.hiredPaid,
    availabilityPaid: allocation.availabilityPaid,
    workersPaid,
    ownersAndGatewaysPaid: sumOf(usage.payments) - workersPaid,
  }
}

export function standingOf(
  tokens: Tokens,
  state: SettledState,
  now: { readonly gpus: bigint; readonly price: bigint | undefined; readonly epochsWaiting: number },
): Standing {
  return {
    supply: tokens.ioSupply,
    reserve: state.reserve,
    escrowIo: tokens.escrowIo,
    escrowIosd: tokens.escrowIosd,
    iosdSupply: tokens.iosdSupply,
    hiresWaiting: state.hiresWaiting(),
    paidWithoutFee: state.paidWithoutFee(),
    gpus: now.gpus,
    price: now.price ?? 0n,
    epochsWaiting: now.epochsWaiting,
  }
}
