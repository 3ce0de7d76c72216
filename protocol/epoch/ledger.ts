/** Cumulative amounts of every account and payer, and their Merkle trees. Lines never fall (invariant 9). */
import type { Address, Hash, Hex } from '../bytes.ts'
import { flatMerkleTree, leafHash, leafHashes } from '../merkle.ts'
import { abiWords, setWord, WORD_BYTES } from '../usage/wire.ts'
import type { Allocation } from './allocation.ts'
import type { UsageSettlement } from './settle-usage.ts'
import { type Amounts, credit } from './shares.ts'

/** All that an account has ever earned, wei of IO. */
export interface RewardLine {
  readonly account: Address
  readonly cumulative: bigint
}

/** All that a payer has ever been debited. Every depositor has a line, also with zero: withdrawals prove it. */
export interface DebitLine {
  readonly payer: Address
  readonly cumulativeIosd: bigint
  readonly cumulativeIo: bigint
}

export function rewardLeaf({ account, cumulative }: RewardLine): Hex {
  return leafHash(abiWords(account, cumulative))
}

export function debitLeaf({ payer, cumulativeIosd, cumulativeIo }: DebitLine): Hex {
  return leafHash(abiWords(payer, cumulativeIosd, cumulativeIo))
}

/** Lines and what proves each of them: hashed once, for who answers many. */
export interface RewardTree {
  readonly root: Hash
  /** What an account needs to claim; undefined when it has never earned anything. */
  prove(account: Address): ProvenReward | undefined
}

export interface ProvenReward extends RewardLine {
  readonly proof: readonly Hex[]
}

export function rewardTreeOf(lines: readonly RewardLine[]): RewardTree {
  const tree = flatMerkleTree(
    leafHashes(lines, 2 * WORD_BYTES, (row, { account, cumulative }) => {
      setWord(row, 0, BigInt(account))
      setWord(row, 1, cumulative)
    }),
  )
  return {
    root: tree.root,
    prove: account => {
      const line = lines.find(item => item.account === account)
      return line && { ...line, proof: tree.proof(rewardLeaf(line)) }
    },
  }
}

export interface DebitTree {
  readonly root: Hash
  /** What a payer needs to withdraw; undefined when it had no deposit. */
  prove(payer: Address): ProvenDebit | undefined
}

export interface ProvenDebit extends DebitLine {
  readonly proof: readonly Hex[]
}

export function debitTreeOf(lines: readonly DebitLine[]): DebitTree {
  const tree = flatMerkleTree(
    leafHashes(lines, 3 * WORD_BYTES, (row, { payer, cumulativeIosd, cumulativeIo }) => {
      setWord(row, 0, BigInt(payer))
      setWord(row, 1, cumulativeIosd)
      setWord(row, 2, cumulativeIo)
    }),
  )
  return {
    root: tree.root,
    prove: payer => {
      const line = lines.find(item => item.payer === payer)
      return line && { ...line, proof: tree.proof(debitLeaf(line)) }
    },
  }
}

export function rewardRootOf(lines: readonly RewardLine[]): Hash {
  return rewardTreeOf(lines).root
}

export function debitRootOf(lines: readonly DebitLine[]): Hash {
  return debitTreeOf(lines).root
}

/** {@link RewardTree.prove}, once. */
export function proveReward(lines: readonly RewardLine[], account: Address): ProvenReward | undefined {
  return rewardTreeOf(lines).prove(account)
}

/** {@link DebitTree.prove}, once. */
export function proveDebit(lines: readonly DebitLine[], payer: Address): ProvenDebit | undefined {
  return debitTreeOf(lines).prove(payer)
}

/** All that an epoch gives each account, wei of IO: out of payments, and out of the pool. */
export function creditsOf(
  { payments }: Pick<UsageSettlement, 'payments'>,
  { hires, availability }: Pick<Allocation, 'hires' | 'availability'>,
): Amounts {
  const credits = new Map(payments)
  for (const amounts of [hires, availability]) {
    for (const [account, amount] of amounts) credit(credits, account, amount)
  }
  return credits
}

export function addRewards(
  opening: readonly RewardLine[],
  credits: ReadonlyMap<Address, bigint>,
): RewardLine[] {
  const totals = new Map(opening.map(({ account, cumulative }) => [account, cumulative]))
  for (const [account, amount] of credits) totals.set(account, (totals.get(account) ?? 0n) + amount)
  return [...totals]
    .map(([account, cumulative]) => ({ account, cumulative }))
    .sort((a, b) => (a.account < b.account ? -1 : 1))
}

/** Wei of one epoch. */
export interface Debit {
  readonly iosd: bigint
  readonly io: bigint
}

export const NO_DEBIT: Debit = { iosd: 0n, io: 0n }

/** Adds the epoch's debits; every depositor gets a line. */
export function addDebits(
  opening: readonly DebitLine[],
  debits: ReadonlyMap<Address, Debit>,
  depositors: Iterable<Address>,
): DebitLine[] {
  const before = new Map(opening.map(line => [line.payer, line]))
  const payers = new Set([...before.keys(), ...debits.keys(), ...depositors])
  return [...payers].sort().map(payer => {
    const line = before.get(payer)
    const { iosd, io } = debits.get(payer) ?? NO_DEBIT
    return {
      payer,
      cumulativeIosd: (line?.cumulativeIosd ?? 0n) + iosd,
      cumulativeIo: (line?.cumulativeIo ?? 0n) + io,
    }
  })
}
