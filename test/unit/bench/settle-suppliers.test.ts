import { expect } from 'chai'
import { REWARDS_ADDED } from '../../../bench/settle/epoch-amounts.ts'
import { Suppliers } from '../../../bench/settle/suppliers.ts'
import { rewardLeaf } from '../../../protocol/epoch/ledger.ts'
import { verifyMerkleProof } from '../../../protocol/merkle.ts'

const SIZE = 1_000

describe('the suppliers of the settlement benchmark', () => {
  const suppliers = new Suppliers(SIZE)

  it('earn exactly what the report of each epoch adds', () => {
    for (const epochs of [1, 2, 11]) {
      const total = suppliers.rewardsAfter(epochs).reduce((sum, { cumulative }) => sum + cumulative, 0n)
      expect(total).to.equal(BigInt(epochs) * REWARDS_ADDED)
    }
  })

  it('are as many different accounts as asked for', () => {
    const accounts = new Set(suppliers.rewardsAfter(1).map(({ account }) => account))
    expect(accounts.size).to.equal(SIZE)
    for (const account of accounts) expect(account).to.match(/^0x[0-9a-f]{40}$/)
  })

  it('all have more after an epoch than before it, so that every leaf changes', () => {
    const before = suppliers.rewardsAfter(1)
    suppliers.rewardsAfter(2).forEach(({ cumulative }, index) => {
      expect(cumulative > (before[index]?.cumulative ?? 0n)).to.equal(true)
    })
  })

  it('prove their lines against the root that is posted', () => {
    const posted = suppliers.after(3)
    for (const index of [0, 1, SIZE - 1]) {
      const { proof, ...line } = posted.prove(index)
      expect(verifyMerkleProof(posted.rewardRoot, rewardLeaf(line), proof)).to.equal(true)
    }
    expect(() => posted.prove(SIZE)).to.throw(RangeError)
  })
})
