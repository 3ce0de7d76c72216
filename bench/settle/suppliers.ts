/** Suppliers and payers whose trees an epoch posts: as many as asked for, all of whom earn and spend in every epoch. */
import type { Address, Hash } from '../../protocol/bytes.ts'
import {
  type DebitLine,
  debitRootOf,
  type ProvenReward,
  type RewardLine,
  rewardLeaf,
} from '../../protocol/epoch/ledger.ts'
import { type MerkleTree, merkleTree } from '../../protocol/merkle.ts'
import { DEBIT_IO, DEBIT_IOSD, REWARDS_ADDED } from './epoch-amounts.ts'

/** There are as many payers as suppliers, up to so many: nothing is claimed from their tree. */
const MOST_PAYERS = 1_000
/** Odd, so that no two indices give the same address; its digits are those of the golden ratio. */
const STRIDE = 0x9e3779b97f4a7c15f39cc0605cedc8341082276bn
const ADDRESS_BITS = 160

/** What is on chain after an epoch, and the way to it. */
export interface PostedEpoch {
  readonly rewardRoot: Hash
  readonly debitRoot: Hash
  /** @param index of the supplier, from zero */
  prove(index: number): ProvenReward
}

export class Suppliers {
  readonly size: number
  readonly #accounts: readonly Address[]

  constructor(size: number) {
    this.size = size
    this.#accounts = Array.from({ length: size }, (_, index) => accountAt(index))
  }

  /** @param epochs how many epochs have been settled with it: at least one */
  after(epochs: number): PostedEpoch {
    const rewards = this.rewardsAfter(epochs)
    const tree = treeOf(rewards)
    return {
      rewardRoot: tree.root,
      debitRoot: debitRootOf(this.#debitsAfter(epochs)),
      prove: index => {
        const line = rewards[index]
        if (line === undefined)
          throw new RangeError(`there are ${this.size} suppliers, none has index ${index}`)
        return { ...line, proof: tree.proof(rewardLeaf(line)) }
      },
    }
  }

  rewardsAfter(epochs: number): readonly RewardLine[] {
    return this.#accounts.map((account, index) => ({
      account,
      cumulative: BigInt(epochs) * part(REWARDS_ADDED, this.size, index),
    }))
  }

  #debitsAfter(epochs: number): readonly DebitLine[] {
    const payers = this.#accounts.slice(0, MOST_PAYERS)
    return payers.map((payer, index) => ({
      payer,
      cumulativeIosd: BigInt(epochs) * part(DEBIT_IOSD, payers.length, index),
      cumulativeIo: BigInt(epochs) * part(DEBIT_IO, payers.length, index),
    }))
  }
}

/** The one place where the tree that is measured is made. */
function treeOf(lines: readonly RewardLine[]): MerkleTree {
  return merkleTree(lines.map(rewardLeaf))
}

function accountAt(index: number): Address {
  const bits = BigInt.asUintN(ADDRESS_BITS, BigInt(index + 1) * STRIDE)
  return `0x${bits.toString(16).padStart(ADDRESS_BITS / 4, '0')}`
}

/** Equal parts; what is left over goes to the first ones, a wei each. */
function part(total: bigint, parts: number, index: number): bigint {
  return total / BigInt(parts) + (BigInt(index) < total % BigInt(parts) ? 1n : 0n)
}
