/**
 * Whether tokens came and went on a local chain only as they may. Reads what the contracts count, computes schedule
 * and net emission again as a node would, and compares both with the events. `scripts/check-conservation.ts` says the
 * same without any of this code.
 */
import type { Address, PublicClient } from 'viem'
import { burnerAbi } from '../chain/abi/burner.ts'
import { emissionAbi } from '../chain/abi/emission.ts'
import { escrowAbi } from '../chain/abi/escrow.ts'
import { ioAbi } from '../chain/abi/io.ts'
import { iosdAbi } from '../chain/abi/iosd.ts'
import { rewardsDistributorAbi } from '../chain/abi/rewards-distributor.ts'
import { settlementAbi } from '../chain/abi/settlement.ts'
import type { Deployment } from '../chain/deployment.ts'
import { type EmissionTerms, netIn, releaseOf, scheduledBy } from '../protocol/epoch/emission.ts'
import { ASSET } from '../protocol/usage/wire.ts'

export const CONSERVATION_BREACHES = [
  /** An epoch was settled twice, not at all, or is not in every contract. */
  'ORDER',
  'SCHEDULE',
  'NET_EMISSION',
  'IO_SUPPLY',
  'IOSD_SUPPLY',
  /** What an epoch mints, releases and debits is not what it pays and reserves. */
  'EPOCH_IDENTITY',
  'RESERVE',
  'DISTRIBUTOR',
  'ESCROW',
] as const
export type ConservationBreach = (typeof CONSERVATION_BREACHES)[number]

/** Fields of the summary. Amounts are decimal strings of wei. */
export interface ConservationSummary {
  readonly epochsSettled: number
  readonly scheduledMintedWei: string
  readonly netEmissionMintedWei: string
  readonly iosdSpentWei: string
  readonly rewardsPostedWei: string
  readonly rewardsClaimedWei: string
  readonly reserveWei: string
  readonly conservation: 'ok' | readonly ConservationBreach[]
}

/** An activated epoch by its events. Wei of IO. */
export interface PostedEpoch {
  readonly epoch: number
  readonly hiredPaid: bigint
  readonly availabilityPaid: bigint
  readonly debitIo: bigint
  readonly added: bigint
  readonly released: bigint
  readonly reserve: bigint
}

/** One asset of the escrow, wei. */
export interface EscrowedAsset {
  readonly deposited: bigint
  readonly withdrawn: bigint
  readonly debited: bigint
  readonly held: bigint
  readonly balance: bigint
}

/** Everything at one block. Amounts in wei. */
export interface ChainHoldings {
  readonly terms: EmissionTerms
  /** By Settlement, Emission and the escrow. */
  readonly epochCounts: readonly [number, number, number]
  readonly scheduled: bigint
  readonly net: bigint
  /** By epoch, of all that are settled. */
  readonly burnedIn: readonly bigint[]
  readonly totalBurned: bigint
  readonly iosdMinted: bigint
  readonly ioSupply: bigint
  readonly iosdSupply: bigint
  readonly posted: readonly PostedEpoch[]
  readonly reserve: bigint
  readonly reserveBalance: bigint
  readonly funded: bigint
  readonly claimed: bigint
  readonly distributorBalance: bigint
  readonly io: EscrowedAsset
  readonly iosd: EscrowedAsset
}

/** Reads the chain at `block`, whose state its endpoint must still have. */
export async function readConservation(
  client: PublicClient,
  deployment: Deployment,
  block: bigint,
): Promise<ConservationSummary> {
  const chain = await readHoldings(client, deployment, block)
  const breaches = breachesOf(chain)
  return {
    epochsSettled: chain.epochCounts[0],
    scheduledMintedWei: String(chain.scheduled),
    netEmissionMintedWei: String(chain.net),
    iosdSpentWei: String(chain.iosd.debited),
    rewardsPostedWei: String(chain.funded),
    rewardsClaimedWei: String(chain.claimed),
    reserveWei: String(chain.reserve),
    conservation: breaches.length === 0 ? 'ok' : breaches,
  }
}

/** What does not hold, in the order of {@link CONSERVATION_BREACHES}. */
export function breachesOf(chain: ChainHoldings): ConservationBreach[] {
  const holds: Record<ConservationBreach, boolean> = {
    ORDER: isInOrder(chain),
    SCHEDULE: chain.scheduled === scheduledBy(chain.terms, elapsedOf(chain)),
    NET_EMISSION:
      chain.net === sum(chain.burnedIn.map((burned, epoch) => netIn(chain.terms, epoch, burned))) &&
      chain.net <= chain.totalBurned,
    IO_SUPPLY:
      chain.ioSupply === chain.terms.genesis + chain.scheduled + chain.net - chain.totalBurned &&
      chain.ioSupply <= chain.terms.maxSupply,
    IOSD_SUPPLY: chain.iosdSupply === chain.iosdMinted - chain.iosd.debited,
    EPOCH_IDENTITY: chain.posted.every((entry, index) => isConserved(entry, index, chain)),
    RESERVE: chain.reserve === (chain.posted.at(-1)?.reserve ?? 0n) && chain.reserveBalance >= chain.reserve,
    DISTRIBUTOR:
      chain.funded === sum(chain.posted.map(({ added }) => added)) &&
      chain.claimed <= chain.funded &&
      chain.distributorBalance >= chain.funded - chain.claimed,
    ESCROW: [chain.io, chain.iosd].every(isCovered),
  }
  return CONSERVATION_BREACHES.filter(breach => !holds[breach])
}

function elapsedOf({ terms, epochCounts }: ChainHoldings): bigint {
  return BigInt(epochCounts[0]) * terms.epochLengthSec
}

function isInOrder({ epochCounts, posted }: ChainHoldings): boolean {
  const [settled] = epochCounts
  return (
    epochCounts.every(count => count === settled) &&
    posted.length === settled &&
    posted.every(({ epoch }, index) => epoch === index)
  )
}

/** Step 8 of an epoch, with the parts of the pool computed again. */
function isConserved(entry: PostedEpoch, index: number, { terms, posted, burnedIn }: ChainHoldings): boolean {
  const before = posted[index - 1]?.reserve ?? 0n
  const start = BigInt(entry.epoch) * terms.epochLengthSec
  const scheduled = scheduledBy(terms, start + terms.epochLengthSec) - scheduledBy(terms, start)
  const released = releaseOf(terms, before)
  const pool = scheduled + netIn(terms, entry.epoch, burnedIn[index] ?? 0n) + released
  const paid = entry.hiredPaid + entry.availabilityPaid
  return (
    entry.released === released &&
    entry.added === paid + entry.debitIo &&
    entry.reserve === before - released + pool - paid
  )
}

function isCovered({ deposited, withdrawn, debited, held, balance }: EscrowedAsset): boolean {
  return held === deposited - withdrawn - debited && held >= 0n && balance >= held
}

/** At most this many epochs are asked for at once. */
const WIDTH = 32

async function readHoldings(
  client: PublicClient,
  deployment: Deployment,
  blockNumber: bigint,
): Promise<ChainHoldings> {
  const { io, iosd, burner, emission, settlement, rewardsDistributor } = deployment.contracts
  const fromEmission = { address: emission, abi: emissionAbi, blockNumber } as const
  const fromSettlement = { address: settlement, abi: settlementAbi, blockNumber } as const
  const fromDistributor = { address: rewardsDistributor, abi: rewardsDistributorAbi, blockNumber } as const
  const ioOf = (account: Address) =>
    client.readContract({ address: io, abi: ioAbi, functionName: 'balanceOf', args: [account], blockNumber })

  const [params, genesis, totals, minted, settled, reserve, funded, claimed] = await Promise.all([
    client.readContract({ ...fromEmission, functionName: 'params' }),
    client.readContract({ ...fromEmission, functionName: 'genesis' }),
    client.readContract({ ...fromEmission, functionName: 'totals' }),
    client.readContract({ ...fromEmission, functionName: 'nextEpoch' }),
    client.readContract({ ...fromSettlement, functionName: 'nextEpoch' }),
    client.readContract({ ...fromSettlement, functionName: 'reserve' }),
    client.readContract({ ...fromDistributor, functionName: 'funded' }),
    client.readContract({ ...fromDistributor, functionName: 'claimed' }),
  ])
  const [maxSupply, ioSupply, iosdSupply, totalBurned, reserveBalance, distributorBalance] =
    await Promise.all([
      client.readContract({ address: io, abi: ioAbi, functionName: 'MAX_SUPPLY', blockNumber }),
      client.readContract({ address: io, abi: ioAbi, functionName: 'totalSupply', blockNumber }),
      client.readContract({ address: iosd, abi: iosdAbi, functionName: 'totalSupply', blockNumber }),
      client.readContract({ address: burner, abi: burnerAbi, functionName: 'totalBurned', blockNumber }),
      ioOf(settlement),
      ioOf(rewardsDistributor),
    ])
  const [burnedIn, burns, posted, assets] = await Promise.all([
    readBurnedIn(client, burner, Number(settled), blockNumber),
    client.getContractEvents({
      address: burner,
      abi: burnerAbi,
      eventName: 'Burned',
      ...since(deployment, blockNumber),
    }),
    readPosted(client, deployment, blockNumber),
    readEscrow(client, deployment, blockNumber),
  ])
  return {
    terms: {
      maxSupply,
      genesis,
      firstPeriod: params.launchEmission,
      periodSec: BigInt(params.halvingPeriodSec),
      netPerYear: params.yearlyNetCap,
      epochLengthSec: BigInt(deployment.epochLengthSec),
    },
    epochCounts: [Number(settled), Number(minted), assets.settledEpochs],
    scheduled: totals[0],
    net: totals[1],
    burnedIn,
    totalBurned,
    iosdMinted: sum(burns.map(({ args }) => args.iosd)),
    ioSupply,
    iosdSupply,
    posted,
    reserve,
    reserveBalance,
    funded,
    claimed,
    distributorBalance,
    io: assets.io,
    iosd: assets.iosd,
  }
}

function since(deployment: Deployment, toBlock: bigint) {
  return { fromBlock: BigInt(deployment.deployBlock), toBlock, strict: true } as const
}

async function readBurnedIn(
  client: PublicClient,
  burner: Address,
  epochs: number,
  blockNumber: bigint,
): Promise<bigint[]> {
  const burned: bigint[] = []
  for (let first = 0; first < epochs; first += WIDTH) {
    const some = Array.from({ length: Math.min(WIDTH, epochs - first) }, (_, index) => BigInt(first + index))
    const call = { address: burner, abi: burnerAbi, functionName: 'burnedIn', blockNumber } as const
    burned.push(...(await Promise.all(some.map(epoch => client.readContract({ ...call, args: [epoch] })))))
  }
  return burned
}

async function readPosted(
  client: PublicClient,
  deployment: Deployment,
  blockNumber: bigint,
): Promise<PostedEpoch[]> {
  const events = { address: deployment.contracts.settlement, abi: settlementAbi } as const
  const range = since(deployment, blockNumber)
  const [staged, emptied, posted] = await Promise.all([
    client.getContractEvents({ ...events, eventName: 'EpochStaged', ...range }),
    client.getContractEvents({ ...events, eventName: 'EpochEmptied', ...range }),
    client.getContractEvents({ ...events, eventName: 'RewardsPosted', ...range }),
  ])
  // The last stage of an epoch is the one that became active, unless the epoch was emptied after a veto.
  const reports = new Map(staged.map(({ args }) => [args.epoch, args.report]))
  for (const { args } of emptied) reports.delete(args.epoch)
  return posted.map(({ args: { epoch, added, released, reserve } }) => ({
    epoch: Number(epoch),
    hiredPaid: reports.get(epoch)?.hiredPaid ?? 0n,
    availabilityPaid: reports.get(epoch)?.availabilityPaid ?? 0n,
    debitIo: reports.get(epoch)?.debitIo ?? 0n,
    added,
    released,
    reserve,
  }))
}

async function readEscrow(
  client: PublicClient,
  deployment: Deployment,
  blockNumber: bigint,
): Promise<Readonly<Record<'io' | 'iosd', EscrowedAsset>> & { readonly settledEpochs: number }> {
  const { io, iosd, escrow } = deployment.contracts
  const contract = { address: escrow, abi: escrowAbi } as const
  const range = since(deployment, blockNumber)
  const [deposits, withdrawals, debits] = await Promise.all([
    client.getContractEvents({ ...contract, eventName: 'Deposited', ...range }),
    client.getContractEvents({ ...contract, eventName: 'Withdrawn', ...range }),
    client.readContract({ ...contract, functionName: 'debits', blockNumber }),
  ])
  const assetOf = async (asset: number, token: Address, debited: bigint): Promise<EscrowedAsset> => {
    const [held, balance] = await Promise.all([
      client.readContract({ ...contract, functionName: 'held', args: [asset], blockNumber }),
      client.readContract({
        address: token,
        abi: ioAbi,
        functionName: 'balanceOf',
        args: [escrow],
        blockNumber,
      }),
    ])
    const of = (events: readonly { args: { asset: number; amount: bigint } }[]) =>
      sum(events.filter(({ args }) => args.asset === asset).map(({ args }) => args.amount))
    return { deposited: of(deposits), withdrawn: of(withdrawals), debited, held, balance }
  }
  return {
    io: await assetOf(ASSET.io, io, debits.io),
    iosd: await assetOf(ASSET.iosd, iosd, debits.iosd),
    settledEpochs: Number(debits.settledEpochs),
  }
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n)
}
