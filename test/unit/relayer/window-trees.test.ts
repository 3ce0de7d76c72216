import { expect } from 'chai'
import type { Hex } from '../../../protocol/bytes.ts'
import { leafHash, merkleProof, merkleRoot, verifyMerkleProof } from '../../../protocol/merkle.ts'
import { WindowTrees } from '../../../relayer/challenge/window-trees.ts'
import { hash } from '../../support/epoch/cast.ts'

const leavesOf = (window: number): Hex[] =>
  Array.from({ length: 9 }, (_, place) => leafHash(hash(`${window} ${place}`)))

describe('the trees of closed windows', () => {
  let built: number[]
  let trees: WindowTrees
  beforeEach(() => {
    built = []
    trees = new WindowTrees(window => {
      built.push(window)
      return leavesOf(window)
    })
  })

  it('are hashed once, and give every proof from then on', () => {
    const leaves = leavesOf(3)
    for (const [index, leaf] of leaves.entries()) {
      const shown = trees.proofOf(3, leaf)
      expect(shown).to.deep.equal({ root: merkleRoot(leaves), index, proof: merkleProof(leaves, leaf) })
      expect(verifyMerkleProof(shown.root, leaf, shown.proof)).to.equal(true)
    }
    expect(trees.rootOf(3)).to.equal(merkleRoot(leaves))
    expect(built).to.deep.equal([3])
  })

  it('are kept for the windows that were asked for last', () => {
    for (let window = 0; window < 8; window++) trees.rootOf(window)
    trees.rootOf(0)
    trees.rootOf(8)
    built = []
    for (const window of [0, 2, 8]) trees.rootOf(window)
    expect(built).to.deep.equal([])
    trees.rootOf(1)
    expect(built).to.deep.equal([1])
  })
})
