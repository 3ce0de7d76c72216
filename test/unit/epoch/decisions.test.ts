import { expect } from 'chai'
import { hashStruct, hashTypedData } from 'viem'
import { standInFor } from '../../../chain/settlement/epoch-logs.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import { type Domain, eip712Domain } from '../../../protocol/domain.ts'
import {
  EMPTY_EPOCH_STRUCT,
  emptyEpochDigest,
  VETO_STRUCT,
  vetoDigest,
  vetoOf,
} from '../../../protocol/epoch/decisions.ts'
import { EPOCH_REPORT_STRUCT, epochReportHash } from '../../../protocol/epoch/report.ts'

const DOMAIN: Domain = { chainId: 31_337, registry: `0x${'ab'.repeat(20)}` }
const totals = {
  rewardRoot: `0x${'11'.repeat(32)}`,
  debitRoot: `0x${'22'.repeat(32)}`,
  cumulativeRewards: 5n,
  cumulativeDebitIosd: 6n,
  cumulativeDebitIo: 7n,
} as const
const report = { ...standInFor(9, totals), attempt: 3, hiredPaid: 2n ** 200n }

describe('what members decide about an epoch', () => {
  it('names a report by the hash of its struct', () => {
    const hash = hashStruct({
      types: { EpochReport: [...EPOCH_REPORT_STRUCT.fields] },
      primaryType: 'EpochReport',
      data: { ...report },
    } as never)
    expect(epochReportHash(report)).to.equal(hash)
  })

  it('is signed as typed data of the network, a veto with epoch, attempt and report', () => {
    const veto = vetoOf(report)
    expect(veto).to.deep.equal({ epoch: 9, attempt: 3, reportHash: epochReportHash(report) })
    const digest = hashTypedData({
      domain: eip712Domain(DOMAIN),
      types: { Veto: [...VETO_STRUCT.fields] },
      primaryType: 'Veto',
      message: veto,
    } as never)
    expect(hexOf(vetoDigest(DOMAIN, veto))).to.equal(digest)
  })

  it('is signed as typed data of the network, an empty epoch with the key epoch of its members', () => {
    const message = { keyEpoch: 2, epoch: 9 }
    const digest = hashTypedData({
      domain: eip712Domain(DOMAIN),
      types: { EmptyEpoch: [...EMPTY_EPOCH_STRUCT.fields] },
      primaryType: 'EmptyEpoch',
      message,
    } as never)
    expect(hexOf(emptyEpochDigest(DOMAIN, message))).to.equal(digest)
  })
})
