import { expect } from 'chai'
import { encodeAbiParameters, keccak256, parseAbiParameters } from 'viem'
import { hexOf } from '../../../protocol/bytes.ts'
import {
  debitLeaf,
  debitRootOf,
  proveDebit,
  proveReward,
  rewardLeaf,
  rewardRootOf,
} from '../../../protocol/epoch/ledger.ts'
import { EPOCH_REPORT_STRUCT, epochReportDigest } from '../../../protocol/epoch/report.ts'
import { drawSample } from '../../../protocol/epoch/sample.ts'
import { verifyMerkleProof } from '../../../protocol/merkle.ts'
import { hash } from '../../support/epoch/cast.ts'
import { caseOf, PAYER, result, WORKER } from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

const { bundle, report } = caseOf()

describe('lines of the ledger', () => {
  it('have the leaves that the contracts hash', () => {
    const reward = encodeAbiParameters(parseAbiParameters('address, uint256'), [WORKER, 7n])
    expect(rewardLeaf({ account: WORKER, cumulative: 7n })).to.equal(keccak256(keccak256(reward)))
    const debit = encodeAbiParameters(parseAbiParameters('address, uint256, uint256'), [PAYER, 1n, 2n])
    const line = { payer: PAYER, cumulativeIosd: 1n, cumulativeIo: 2n }
    expect(debitLeaf(line)).to.equal(keccak256(keccak256(debit)))
  })

  it('are proven against the roots of the report', () => {
    const reward = proveReward(bundle.rewards, WORKER)
    const debit = proveDebit(bundle.debits, PAYER)
    if (reward === undefined || debit === undefined) throw new Error('a line')
    expect(verifyMerkleProof(rewardRootOf(bundle.rewards), rewardLeaf(reward), reward.proof)).to.equal(true)
    expect(verifyMerkleProof(debitRootOf(bundle.debits), debitLeaf(debit), debit.proof)).to.equal(true)
    expect([report.rewardRoot, report.debitRoot]).to.deep.equal([
      rewardRootOf(bundle.rewards),
      debitRootOf(bundle.debits),
    ])
    expect(proveReward(bundle.rewards, PAYER)).to.equal(undefined)
    expect(proveDebit(bundle.debits, WORKER)).to.equal(undefined)
  })

  it('of depositors are there also with nothing owed', () => {
    const zero = bundle.debits.filter(line => line.cumulativeIo === 0n && line.cumulativeIosd === 0n)
    expect(zero).to.have.length(1)
  })
})

describe('the epoch report', () => {
  it('has the type string that the contract states', () => {
    const fields = EPOCH_REPORT_STRUCT.fields.map(({ type, name }) => `${type} ${name}`).join(',')
    expect(`EpochReport(${fields})`).to.equal(
      'EpochReport(uint32 keyEpoch,uint64 epoch,uint32 attempt,uint40 validUntil,uint32 paramsVersion,' +
        'uint64 snapshotBlock,bytes32 snapshotHash,bytes32 previousRewardRoot,bytes32 previousDebitRoot,' +
        'bytes32 rewardRoot,bytes32 debitRoot,uint256 hiredPaid,uint256 availabilityPaid,uint256 debitIosd,' +
        'uint256 debitIo,uint256 cumulativeRewards,uint256 cumulativeDebitIosd,uint256 cumulativeDebitIo,' +
        'bytes32 bundleHash,bytes32 batchesRoot,bytes32 commitmentsRoot)',
    )
  })

  it('has another digest for every field and network', () => {
    const digests = [
      report,
      { ...report, attempt: 1 },
      { ...report, debitIo: report.debitIo + 1n },
      { ...report, commitmentsRoot: hash('other') },
    ].map(each => hexOf(epochReportDigest(DOMAIN, each)))
    digests.push(hexOf(epochReportDigest({ ...DOMAIN, chainId: 1 }, report)))
    expect(new Set(digests).size).to.equal(5)
  })
})

describe('an auditor’s sample', () => {
  const results = Array.from({ length: 100 }, (_, index) =>
    result(WORKER, { device: hash(`device ${index}`) }),
  )

  it('is of passed openings, as many as asked for, and follows from the seed', () => {
    const sample = drawSample(hash('one'), results, 40)
    expect(new Set(sample).size).to.equal(40)
    expect(drawSample(hash('one'), results, 40)).to.deep.equal(sample)
    expect(drawSample(hash('two'), results, 40)).to.not.deep.equal(sample)
    const failed = results.map(each => ({ ...each, opening: 2 as const }))
    expect(drawSample(hash('one'), failed)).to.deep.equal([])
  })
})
