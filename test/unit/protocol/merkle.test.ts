import { StandardMerkleTree } from '@openzeppelin/merkle-tree'
import { expect } from 'chai'
import { type Hex, hexOf } from '../../../protocol/bytes.ts'
import { debitRootOf, debitTreeOf, rewardLeaf, rewardTreeOf } from '../../../protocol/epoch/ledger.ts'
import {
  EMPTY_ROOT,
  leafHash,
  leafHashes,
  MerkleError,
  merkleProof,
  merkleRoot,
  merkleTree,
  pairHash,
  verifyMerkleProof,
} from '../../../protocol/merkle.ts'
import { setWord } from '../../../protocol/usage/wire.ts'
import {
  debitFields,
  debitLines,
  rewardFields,
  rewardLines,
  sampleOf,
} from '../../support/epoch/ledger-lines.ts'
import { seeded, seededRandom } from '../../support/protocol/seeded.ts'

const random = seededRandom('merkle')

/** Roots of OpenZeppelin's trees of 100,000 lines, which take it long: test/slow computes them. */
const REWARD_ROOT_OF_MANY = '0x21e77b64d55147dbbd6c95e550b76d67710d499b3cf90c91e8c36a833f049fee'
const DEBIT_ROOT_OF_MANY = '0x69ea1eaf2809f73290bf5ffe7f6bc2d7b95b5947d15214f3c71c4374dbc91955'

describe('Merkle trees', () => {
  for (const count of [1, 2, 3, 7, 1_000]) {
    it(`of ${count} rewards have the root and the proofs of OpenZeppelin’s`, () => {
      const lines = rewardLines(count)
      const theirs = StandardMerkleTree.of(lines.map(rewardFields), ['address', 'uint256'])
      const ours = rewardTreeOf(lines)
      expect(ours.root).to.equal(theirs.root)
      for (const line of sampleOf(lines)) {
        expect(ours.prove(line.account)?.proof).to.deep.equal(theirs.getProof(rewardFields(line)))
      }
    })

    it(`of ${count} debits have the root and the proofs of OpenZeppelin’s`, () => {
      const lines = debitLines(count)
      const theirs = StandardMerkleTree.of(lines.map(debitFields), ['address', 'uint256', 'uint256'])
      const ours = debitTreeOf(lines)
      expect(ours.root).to.equal(theirs.root)
      for (const line of sampleOf(lines)) {
        expect(ours.prove(line.payer)?.proof).to.deep.equal(theirs.getProof(debitFields(line)))
      }
    })
  }

  it('of 100,000 lines have the roots of OpenZeppelin’s, and proofs that lead there', () => {
    const rewards = rewardLines(100_000)
    const rewardTree = rewardTreeOf(rewards)
    expect(rewardTree.root).to.equal(REWARD_ROOT_OF_MANY)
    for (const line of sampleOf(rewards)) {
      const { proof = [] } = rewardTree.prove(line.account) ?? {}
      expect(verifyMerkleProof(REWARD_ROOT_OF_MANY, rewardLeaf(line), proof)).to.equal(true)
    }
    expect(debitRootOf(debitLines(100_000))).to.equal(DEBIT_ROOT_OF_MANY)
  }).timeout(60_000)

  it('do not depend on the order of their leaves', () => {
    const leaves = Array.from({ length: 33 }, (_, index) => hexOf(seeded(`leaf ${index}`)))
    expect(merkleRoot(leaves.toReversed())).to.equal(merkleRoot(leaves))
  })

  it('may have one leaf many times', () => {
    const leaf = hexOf(seeded('leaf'))
    expect(merkleRoot([leaf, leaf])).to.equal(pairHash(leaf, leaf))
    const five = Array.from({ length: 5 }, () => leaf)
    expect(verifyMerkleProof(merkleRoot(five), leaf, merkleProof(five, leaf))).to.equal(true)
  })

  it('of nothing have the root zero', () => {
    expect(merkleRoot([])).to.equal(EMPTY_ROOT)
    expect(rewardTreeOf([]).root).to.equal(EMPTY_ROOT)
    expect(rewardTreeOf([]).prove(hexOf(random(20)))).to.equal(undefined)
  })

  it('prove no leaf that they do not hold', () => {
    const leaves = Array.from({ length: 8 }, (_, index) => hexOf(seeded(`leaf ${index}`)))
    const strange: Hex[] = [`0x${'00'.repeat(32)}`, `0x${'ff'.repeat(32)}`, hexOf(seeded('strange'))]
    for (const leaf of strange) expect(() => merkleTree(leaves).proof(leaf)).to.throw(MerkleError)
    expect(() => merkleTree([]).proof(leaves[0] ?? '0x')).to.throw(MerkleError)
    // An inner node is no leaf.
    expect(() => merkleTree(leaves).proof(merkleRoot(leaves))).to.throw(MerkleError)
  })

  it('take leaves of 32 bytes only', () => {
    expect(() => merkleRoot(['0x1234'])).to.throw(RangeError)
  })
})

describe('leaves in bytes', () => {
  it('are those that the text of a line gives', () => {
    const lines = [
      { account: hexOf(random(20)), cumulative: 0n },
      { account: hexOf(random(20)), cumulative: 2n ** 256n - 1n },
      { account: `0x${'00'.repeat(20)}` as const, cumulative: 1n },
    ]
    const flat = leafHashes(lines, 64, (row, { account, cumulative }) => {
      setWord(row, 0, BigInt(account))
      setWord(row, 1, cumulative)
    })
    expect(hexOf(flat)).to.equal(`0x${lines.map(line => rewardLeaf(line).slice(2)).join('')}`)
  })

  it('are hashed as they are in one piece, whatever their length in a block or in several', () => {
    for (const length of [0, 1, 31, 32, 64, 96, 134, 135, 136, 137, 271, 272, 273, 352, 416]) {
      const bytes = random(length).subarray(0, length)
      const leaf = leafHashes([bytes], length, (row, value) => {
        new Uint8Array(row.buffer).set(value)
      })
      expect(hexOf(leaf), `${length} bytes`).to.equal(leafHash(hexOf(bytes)))
    }
  })

  it('refuse numbers that do not fit a word', () => {
    const row = new DataView(new ArrayBuffer(32))
    for (const value of [-1n, 2n ** 256n]) expect(() => setWord(row, 0, value)).to.throw(RangeError)
  })
})
