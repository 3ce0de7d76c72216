import { formatDecimal, iosdForIo, type Price, type Wei } from '../protocol/units.ts'

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
  readonly iosdSupply: Wei
}

/** The last line of `ionet devnet --json`. Amounts are decimal strings of wei. */
export interface DevnetSummary {
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
  /** What is not as it must be; empty when all is well. */
  readonly failedChecks: readonly FailedCheck[]
}

export type FailedCheck =
  | 'NO_CERTIFIED_PRICE'
  | 'BURN_NOT_AT_PRICE'
  | 'IO_SUPPLY_NOT_GENESIS_MINUS_BURNED'
  | 'IOSD_SUPPLY_NOT_MINTED'

/** Sums a run up, and checks to the wei that tokens came and went only as they may. */
export function summarize(
  chain: ChainSnapshot,
  run: Pick<DevnetSummary, 'venues' | 'oracles' | 'certifiedReports' | 'firstPriceMs'>,
): DevnetSummary {
  const burned = sum(chain.burns.map(burn => burn.io))
  const minted = sum(chain.burns.map(burn => burn.iosd))
  const failedChecks: FailedCheck[] = []
  if (chain.onChainUpdates === 0) failedChecks.push('NO_CERTIFIED_PRICE')
  if (chain.burns.some(burn => burn.iosd !== iosdForIo(burn.io, burn.price)))
    failedChecks.push('BURN_NOT_AT_PRICE')
  if (chain.ioSupply !== chain.genesis - burned) failedChecks.push('IO_SUPPLY_NOT_GENESIS_MINUS_BURNED')
  if (chain.iosdSupply !== minted) failedChecks.push('IOSD_SUPPLY_NOT_MINTED')
  return {
    ...run,
    onChainUpdates: chain.onChainUpdates,
    lastPriceUsd: chain.lastPrice === undefined ? null : formatDecimal(chain.lastPrice),
    genesisWei: chain.genesis.toString(),
    burnedWei: burned.toString(),
    iosdMintedWei: minted.toString(),
    totalSupplyWei: chain.ioSupply.toString(),
    failedChecks,
  }
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n)
}
