/** Settles epochs of one size and claims from them. */
import { median } from '../percentile.ts'
import { SettleChain } from './settle-chain.ts'
import type { PostedEpoch, Suppliers } from './suppliers.ts'

/** The first epoch writes where there was nothing, and the second is paid from what it left. */
export const WARM_UP = 2
const DISPUTE_SEC = 600
/** How many claims one transaction makes. */
export const MANY = [10, 100] as const

/** Gas of whole transactions; of one account's claim, the median of several. */
export interface ClaimGas {
  /** The account has not delegated its votes. */
  readonly plain: number
  /** The account's votes count for itself, so that a checkpoint is written. */
  readonly delegated: number
  /** Of one transaction that claims for so many accounts, none of which has delegated. */
  readonly many: ReadonlyMap<number, number>
}

export interface SizeGas {
  readonly size: number
  /** Of each measured epoch, in order. */
  readonly settles: readonly number[]
  readonly activates: readonly number[]
  /** First: no account had any IO before. Later: one epoch after that. Undefined where suppliers are too few. */
  readonly claims: { readonly first: ClaimGas; readonly later: ClaimGas } | undefined
}

/** Which suppliers claim how. */
interface Claimants {
  readonly plain: readonly number[]
  readonly delegated: readonly number[]
  readonly many: readonly (readonly number[])[]
}

/** @param rounds measured epochs, and accounts that claim alone */
export async function measureSize(
  suppliers: Suppliers,
  rounds: number,
  say: (line: string) => void,
): Promise<SizeGas> {
  const chain = await SettleChain.start({ disputeSec: DISPUTE_SEC, snapshot: 'recent' })
  try {
    return await measureOn(chain, suppliers, rounds, say)
  } finally {
    await chain.stop()
  }
}

async function measureOn(
  chain: SettleChain,
  suppliers: Suppliers,
  rounds: number,
  say: (line: string) => void,
): Promise<SizeGas> {
  const claimants = claimantsAmong(suppliers.size, rounds)
  const settles: number[] = []
  const activates: number[] = []
  const next = async (): Promise<PostedEpoch> => {
    const startedAt = performance.now()
    const posted = suppliers.after(settles.length + 1)
    const treeSec = ((performance.now() - startedAt) / 1_000).toFixed(1)
    settles.push(await chain.settle(posted))
    activates.push(await chain.activate())
    say(`  settle ${settles.at(-1)}, activate ${activates.at(-1)} (its trees: ${treeSec} s)`)
    return posted
  }
  for (let epoch = 0; epoch < WARM_UP + rounds - 2; epoch++) await next()
  const posted = await next()
  if (claimants !== undefined) await prepareClaims(chain, posted, claimants)
  const first = claimants && (await claimAll(chain, posted, claimants))
  const last = await next()
  const later = claimants && (await claimAll(chain, last, claimants))
  return {
    size: suppliers.size,
    settles: settles.slice(WARM_UP),
    activates: activates.slice(WARM_UP),
    claims: first && later && { first, later },
  }
}

/** Settle and activate in one transaction: what it costs where there is no time to dispute. */
export async function measureAtOnce(suppliers: Suppliers, rounds: number): Promise<number> {
  const chain = await SettleChain.start({ disputeSec: 0, snapshot: 'recent' })
  try {
    const costs: number[] = []
    for (let epoch = 0; epoch < WARM_UP + rounds; epoch++) {
      costs.push(await chain.settle(suppliers.after(epoch + 1)))
    }
    return median(costs.slice(WARM_UP))
  } finally {
    await chain.stop()
  }
}

/** The first supplier is left for a claim that is not counted. */
function claimantsAmong(size: number, each: number): Claimants | undefined {
  let taken = 1
  const take = (count: number): number[] => {
    taken += count
    return Array.from({ length: count }, (_, index) => taken - count + index)
  }
  const claimants = { plain: take(each), delegated: take(each), many: MANY.map(take) }
  return taken <= size ? claimants : undefined
}

async function prepareClaims(
  chain: SettleChain,
  posted: PostedEpoch,
  { delegated }: Claimants,
): Promise<void> {
  // The first claim of all writes a total where there was none.
  await chain.claim(posted.prove(0))
  for (const index of delegated) await chain.delegateToItself(posted.prove(index).account)
}

async function claimAll(
  chain: SettleChain,
  posted: PostedEpoch,
  { plain, delegated, many }: Claimants,
): Promise<ClaimGas> {
  const medianOf = async (indices: readonly number[]): Promise<number> => {
    const costs: number[] = []
    for (const index of indices) costs.push(await chain.claim(posted.prove(index)))
    return median(costs)
  }
  const gas = { plain: await medianOf(plain), delegated: await medianOf(delegated) }
  const ofMany = new Map<number, number>()
  for (const indices of many) {
    ofMany.set(indices.length, await chain.claimMany(indices.map(index => posted.prove(index))))
  }
  return { ...gas, many: ofMany }
}
