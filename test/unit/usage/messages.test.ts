import { expect } from 'chai'
import { hashTypedData } from 'viem'
import { bytesOf, DecodeError, hexOf } from '../../../protocol/bytes.ts'
import { eip712Domain } from '../../../protocol/domain.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { merkleProof, verifyMerkleProof } from '../../../protocol/merkle.ts'
import {
  batchIdentity,
  decodeSignedBatch,
  encodeSignedBatch,
  isBatchSigned,
  MAX_BATCH_RECORDS,
} from '../../../protocol/usage/batch.ts'
import {
  acceptedBy,
  decodeAcceptedHold,
  encodeAcceptedHold,
  holdDigest,
  isSignedByPayer,
} from '../../../protocol/usage/hold.ts'
import { decodeInclusion, encodeInclusion, promisedBy } from '../../../protocol/usage/inclusion.ts'
import {
  decodeSignedReceipt,
  encodeSignedReceipt,
  isReceiptSigned,
  payeeOf,
} from '../../../protocol/usage/receipt.ts'
import { decodeRecord, encodeRecord, recordLeaf } from '../../../protocol/usage/record.ts'
import { HOLD_STRUCT } from '../../../protocol/usage/structs.ts'
import { acceptHold, addressOf, promise, signBatch, signReceipt } from '../../support/epoch/cast.ts'
import {
  GATEWAY,
  hire,
  hireReceipt,
  inference,
  inferenceReceipt,
  ioHold,
  iosdHold,
  result,
  statement,
  WORKER,
} from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

const crypto = nobleIdentityCrypto
const other = { ...DOMAIN, chainId: 1 }
const batch = { worker: WORKER, seqFrom: 5, records: [inference(), hire(), statement(result(WORKER))] }

describe('a hold', () => {
  const accepted = acceptHold(ioHold(), 'payer')

  it('has the digest that wallets make of the same struct', () => {
    const hold = ioHold()
    const digest = hashTypedData({
      domain: eip712Domain(DOMAIN),
      types: { [HOLD_STRUCT.name]: [...HOLD_STRUCT.fields] },
      primaryType: 'Hold',
      message: { ...hold, expiresEpoch: BigInt(hold.expiresEpoch) },
    })
    expect(hexOf(holdDigest(DOMAIN, hold))).to.equal(digest)
  })

  it('is the payer’s in its own network only, and with these words only', () => {
    const { hold, payerSignature } = accepted
    expect(isSignedByPayer(DOMAIN, hold, payerSignature, crypto)).to.equal(true)
    expect(isSignedByPayer(other, hold, payerSignature, crypto)).to.equal(false)
    const more = { ...hold, maxAmount: hold.maxAmount + 1n }
    expect(isSignedByPayer(DOMAIN, more, payerSignature, crypto)).to.equal(false)
  })

  it('is accepted by whoever signed the acceptance, with what was counted as open', () => {
    expect(acceptedBy(DOMAIN, accepted, crypto)).to.equal(addressOf('relayer'))
    const less = { ...accepted, openTotal: accepted.openTotal - 1n }
    expect(acceptedBy(DOMAIN, less, crypto)).to.not.equal(addressOf('relayer'))
  })

  it('survives its bytes', () => {
    for (const value of [accepted, acceptHold(iosdHold(), 'payer')]) {
      expect(decodeAcceptedHold(encodeAcceptedHold(value))).to.deep.equal(value)
    }
  })

  it('of a kind or an asset that there is not is no hold', () => {
    for (const at of [40, 41]) {
      const bytes = encodeAcceptedHold(accepted)
      bytes[at] = 3
      expect(() => decodeAcceptedHold(bytes)).to.throw(DecodeError)
    }
  })
})

describe('a receipt', () => {
  it('is the payer’s, and for one worker', () => {
    const signed = signReceipt(inferenceReceipt(), 'payer')
    expect(isReceiptSigned(DOMAIN, signed, crypto)).to.equal(true)
    const receipt = { ...signed.receipt, worker: addressOf('thief') }
    expect(isReceiptSigned(DOMAIN, { ...signed, receipt }, crypto)).to.equal(false)
    expect(decodeSignedReceipt(encodeSignedReceipt(signed))).to.deep.equal(signed)
  })

  it('draws on a hold for the gateway when an inference goes through one, else for the worker', () => {
    expect(payeeOf(inferenceReceipt())).to.equal(GATEWAY)
    expect(payeeOf(inferenceReceipt({ gateway: `0x${'00'.repeat(20)}` }))).to.equal(WORKER)
    expect(payeeOf(hireReceipt({ gateway: GATEWAY }))).to.equal(WORKER)
  })
})

describe('a batch', () => {
  const signed = signBatch(batch, 'worker')

  it('is under one signature of its worker', () => {
    expect(isBatchSigned(DOMAIN, batchIdentity(batch), signed.signature, crypto)).to.equal(true)
    expect(isBatchSigned(other, batchIdentity(batch), signed.signature, crypto)).to.equal(false)
  })

  it('has another root for other records, another order or other numbers', () => {
    const [first, second, third] = batch.records
    if (first === undefined || second === undefined || third === undefined) throw new Error('three records')
    const roots = [
      batch,
      { ...batch, records: [second, first, third] },
      { ...batch, seqFrom: 6 },
      { ...batch, records: [inference({ cumulativeCharge: 4n }), second, third] },
    ].map(each => batchIdentity(each).batchRoot)
    expect(new Set(roots).size).to.equal(4)
  })

  it('shows a single record by its proof', () => {
    const { batchRoot } = batchIdentity(batch)
    const leaves = batch.records.map((record, index) => recordLeaf(5 + index, record))
    const leaf = recordLeaf(6, hire())
    expect(verifyMerkleProof(batchRoot, leaf, merkleProof(leaves, leaf))).to.equal(true)
  })

  it('survives its bytes, and so does each kind of record', () => {
    expect(decodeSignedBatch(encodeSignedBatch(signed))).to.deep.equal(signed)
    for (const record of batch.records) expect(decodeRecord(encodeRecord(record))).to.deep.equal(record)
  })

  it('has one to 1,024 records, numbered from 1', () => {
    const records = Array.from({ length: MAX_BATCH_RECORDS + 1 }, () => hire())
    const wrong = [
      { ...batch, records: [] },
      { ...batch, records },
      { ...batch, seqFrom: 0 },
    ]
    for (const each of wrong) {
      const bytes = encodeSignedBatch({ batch: each, signature: signed.signature })
      expect(() => decodeSignedBatch(bytes)).to.throw(DecodeError)
    }
  })

  it('is promised by an inclusion receipt that only its relayer can have signed', () => {
    const inclusion = promise(batch, 3)
    expect(promisedBy(DOMAIN, inclusion, crypto)).to.equal(addressOf('relayer'))
    const later = { ...inclusion, receipt: { ...inclusion.receipt, epoch: 4 } }
    expect(promisedBy(DOMAIN, later, crypto)).to.not.equal(addressOf('relayer'))
    expect(decodeInclusion(encodeInclusion(inclusion))).to.deep.equal(inclusion)
    const backwards = { ...inclusion, receipt: { ...inclusion.receipt, seqTo: 4 } }
    expect(() => decodeInclusion(encodeInclusion(backwards))).to.throw(DecodeError)
  })
})

describe('a usage record', () => {
  it('of an unknown kind is refused', () => {
    const bytes = encodeRecord(hire())
    bytes[0] = 9
    expect(() => decodeRecord(bytes)).to.throw(DecodeError)
    expect(() => decodeRecord(bytesOf('03'))).to.throw(DecodeError)
  })
})
