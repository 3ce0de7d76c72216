import { formatDecimal, iosdForIo, type Price, type Wei } from '../protocol/units.ts'
import type { ConservationSummary } from './conservation.ts'
import type { UsageFigures } from './relayer-client.ts'

export interface BurnRecord {
  readonly io: Wei
  readonly iosd: Wei
  readonly price: Price
}

/** What the chain held at one block, read at that block. Amounts in wei. */
export interface ChainSnapshot {
  readonly burns: readonly BurnRecord[]
  readonly onChainUpdates: number
  readonly lastPrice: Price | undefined
  readonly genesis: Wei
  readonly ioSupply: Wei
  readonly conservation: ConservationSummary
}

/** The last line of `ionet devnet --json`. Amounts are decimal strings of wei. */
export interface DevnetSummary extends ConservationSummary {
  readonly venues: 'live' | 'simulated'
  readonly oracles: number
  readonly certifiedReports: number
  readonly onChainUpdates: number
  readonly lastPriceUsd: string | null
  /** From the start of the command to the first price that was seen on chain. */
  readonly firstPriceMs: number | null
  readonly genesisWei: string
  readonly burnedWei: string
  readonly iosdMintedWei: string
  readonly totalSupplyWei: string
  /** As the relayer told when the end began; null when it did not answer. */
  readonly usageRecordsAccepted: number | null
  readonly usageRecordsSettled: number | null
  readonly inferencesPaid: number | null
  /** What is not as it must be; empty when all is well. */
  readonly failedChecks: readonly FailedCheck[]
}

export type FailedCheck = 'NO_CERTIFIED_PRICE' | 'BURN_NOT_AT_PRICE' | 'NOT_CONSERVED' | 'NO_RELAYER'

/** Sums a run up, and checks to the wei that tokens came and went only as they may. */
export function summarize(
  chain: ChainSnapshot,
  run: Pick<DevnetSummary, 'venues' | 'oracles' | 'certifiedReports' | 'firstPriceMs'> & {
    readonly usage: UsageFigures | undefined
  },
): DevnetSummary {
  const { usage, ...rest } = run
  const failedChecks: FailedCheck[] = []
  if (chain.onChainUpdates === 0) failedChecks.push('NO_CERTIFIED_PRICE')
  if (chain.burns.some(burn => burn.iosd !== iosdForIo(burn.io, burn.price)))
    failedChecks.push('BURN_NOT_AT_PRICE')
  if (chain.conservation.conservation !== 'ok') failedChecks.push('NOT_CONSERVED')
  if (usage === undefined) failedChecks.push('NO_RELAYER')
  return {
    ...rest,
    onChainUpdates: chain.onChainUpdates,
    lastPriceUsd: chain.lastPrice === undefined ? null : formatDecimal(chain.lastPrice),
    genesisWei: chain.genesis.toString(),
    burnedWei: sum(chain.burns.map(burn => burn.io)).toString(),
    iosdMintedWei: sum(chain.burns.map(burn => burn.iosd)).toString(),
    totalSupplyWei: chain.ioSupply.toString(),
    usageRecordsAccepted: usage?.usageRecordsAccepted ?? null,
    usageRecordsSettled: usage?.usageRecordsSettled ?? null,
    inferencesPaid: usage?.inferencesPaid ?? null,
    ...chain.conservation,
    failedChecks,
  }
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n)
}
