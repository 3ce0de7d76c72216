import { StandardMerkleTree } from '@openzeppelin/merkle-tree'
import { expect } from 'chai'
import { debitTreeOf, rewardTreeOf } from '../../../protocol/epoch/ledger.ts'
import {
  debitFields,
  debitLines,
  rewardFields,
  rewardLines,
  sampleOf,
} from '../../support/epoch/ledger-lines.ts'

describe('a ledger of 100,000 lines', () => {
  it('has the root and the proofs of OpenZeppelin’s tree of rewards', () => {
    const lines = rewardLines(100_000)
    const theirs = StandardMerkleTree.of(lines.map(rewardFields), ['address', 'uint256'])
    const ours = rewardTreeOf(lines)
    expect(ours.root).to.equal(theirs.root)
    for (const line of sampleOf(lines)) {
      expect(ours.prove(line.account)?.proof).to.deep.equal(theirs.getProof(rewardFields(line)))
    }
  }).timeout(300_000)

  it('has the root and the proofs of OpenZeppelin’s tree of debits', () => {
    const lines = debitLines(100_000)
    const theirs = StandardMerkleTree.of(lines.map(debitFields), ['address', 'uint256', 'uint256'])
    const ours = debitTreeOf(lines)
    expect(ours.root).to.equal(theirs.root)
    for (const line of sampleOf(lines)) {
      expect(ours.prove(line.payer)?.proof).to.deep.equal(theirs.getProof(debitFields(line)))
    }
  }).timeout(300_000)
})
