import { expect } from 'chai'
import fc from 'fast-check'
import { DecodeError, hexOf } from '../../../protocol/bytes.ts'
import { AUDIT_REFUSALS, WHERE_PARTS } from '../../../protocol/epoch/audit-types.ts'
import {
  type AuditVerdict,
  BLOB_REQUEST_BYTES,
  decodeBlobPiece,
  decodeBlobRequest,
  decodeEpochShare,
  decodeEpochSign,
  decodePriceReply,
  decodePriceRequest,
  decodeShownPage,
  decodeShownRequest,
  decodeVerdict,
  decodeWindowSeal,
  encodeBlobPiece,
  encodeBlobRequest,
  encodeEpochSign,
  encodePriceReply,
  encodePriceRequest,
  encodeShownPage,
  encodeShownRequest,
  encodeVerdict,
  encodeWindowSeal,
  MAX_EPOCH_SIGN_BYTES,
  MAX_REFUSAL_TEXT,
  MAX_SHOWN_PAGE_BYTES,
  MAX_VERDICT_BYTES,
  MAX_WHERE_KEY,
  SEALED_WINDOW_BYTES,
  SHOWN_BEGIN,
  SHOWN_PAGE_ROOM,
  SHOWN_RECEIPT_BYTES,
  SHOWN_REQUEST_BYTES,
  type ShownPage,
} from '../../../protocol/epoch/messages.ts'
import { decodePromised, MAX_PROMISED_BYTES } from '../../../protocol/epoch/promised-batch.ts'
import { MESSAGE_KIND, sealMessage } from '../../../protocol/message.ts'
import { MAX_MEMBERS } from '../../../protocol/quorum.ts'
import { certifiedPrice, hash, promise, signAs, signReceipt } from '../../support/epoch/cast.ts'
import { inferenceReceipt, inputsOf } from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const bytes32 = bytes(32).map(hexOf)
const pair = fc.record({ hiding: bytes(33), binding: bytes(33) })
const text = fc.string({ unit: 'binary', maxLength: MAX_REFUSAL_TEXT }).map(value => value.toWellFormed())
const shortText = fc.string({ unit: 'binary', maxLength: MAX_WHERE_KEY }).map(value => value.toWellFormed())
const verdict: fc.Arbitrary<AuditVerdict> = fc.oneof(
  fc.record({
    kind: fc.constant('signed' as const),
    signature: bytes(64),
    nonce: fc.option(pair, { nil: undefined }),
  }),
  fc.record({
    kind: fc.constant('refused' as const),
    code: fc.constantFrom(...AUDIT_REFUSALS),
    where: fc.record(
      { part: fc.constantFrom(...WHERE_PARTS), index: fc.nat(2 ** 31), key: shortText },
      { requiredKeys: ['part'] },
    ),
    text,
  }),
  fc.record({ kind: fc.constant('locked' as const), digest: bytes32 }),
  fc.record({ kind: fc.constant('unready' as const), text }),
)

describe('messages about an epoch', () => {
  it('come back as they were sent', () => {
    fc.assert(
      fc.property(bytes32, fc.nat(2 ** 31), fc.nat(2 ** 31), fc.nat(255), (root, window, count, repeat) => {
        const seal = { window, root, count }
        expect(decodeWindowSeal(encodeWindowSeal(seal, repeat))).to.deep.equal({ ...seal, repeat })
        const request = { hash: root, offset: count }
        expect(decodeBlobRequest(encodeBlobRequest(request))).to.deep.equal(request)
        expect(decodePriceRequest(encodePriceRequest(count))).to.equal(count)
      }),
    )
    fc.assert(
      fc.property(verdict, value => {
        const encoded = encodeVerdict(value)
        expect(encoded.length).to.be.at.most(MAX_VERDICT_BYTES)
        expect(decodeVerdict(encoded)).to.deep.equal(value)
      }),
    )
    const signers = fc.array(fc.record({ slot: fc.nat(127), hiding: bytes(33), binding: bytes(33) }), {
      maxLength: MAX_MEMBERS,
    })
    fc.assert(
      fc.property(signers, bytes32, fc.nat(2 ** 31), (list, digest, epoch) => {
        const encoded = encodeEpochSign({ epoch, attempt: 2, digest, signers: list })
        expect(encoded.length).to.be.at.most(MAX_EPOCH_SIGN_BYTES)
        expect(decodeEpochSign(encoded)).to.deep.equal({ epoch, attempt: 2, digest, signers: list })
      }),
    )
  })

  it('say how much there is of a blob with each piece', () => {
    const piece = decodeBlobPiece(encodeBlobPiece(70_000, Uint8Array.of(1, 2, 3)))
    expect(piece).to.deep.equal({ total: 70_000, bytes: Uint8Array.of(1, 2, 3) })
    expect(encodeBlobRequest({ hash: hash('blob'), offset: 0 }).length).to.equal(BLOB_REQUEST_BYTES)
  })

  it('are empty for a price that is not known and a share that cannot be made', () => {
    const price = certifiedPrice(2n, 1_800_000_000)
    expect(decodePriceReply(encodePriceReply(price))).to.deep.equal(price)
    expect(decodePriceReply(encodePriceReply(undefined))).to.equal(undefined)
    expect(decodeEpochShare(new Uint8Array())).to.equal(undefined)
    expect(decodeEpochShare(new Uint8Array(32).fill(7))).to.deep.equal(new Uint8Array(32).fill(7))
  })

  it('cut the text of a refusal, which is for people only', () => {
    const long = encodeVerdict({ kind: 'unready', text: 'é'.repeat(5_000) })
    expect(long.length).to.be.at.most(MAX_VERDICT_BYTES)
    expect(decodeVerdict(long)).to.deep.equal({ kind: 'unready', text: 'é'.repeat(MAX_REFUSAL_TEXT) })
  })

  it('show a page of batches with their promises and of receipts, and where the next begins', () => {
    const batches = inputsOf().batches.map(batch => ({ inclusion: promise(batch.batch, 4), batch }))
    const receipts = [signReceipt(inferenceReceipt(), 'payer')]
    const pages: ShownPage[] = [
      { batches, receipts, next: undefined },
      { batches, receipts: [], next: { part: 'batches', after: 7 } },
      { batches: [], receipts, next: { part: 'receipts', after: 2 ** 40 } },
    ]
    for (const page of pages) expect(decodeShownPage(encodeShownPage(page))).to.deep.equal(page)
    const request = { epoch: 4, cursor: { part: 'receipts' as const, after: 9 } }
    expect(decodeShownRequest(encodeShownRequest(request))).to.deep.equal(request)
    expect(encodeShownRequest({ epoch: 1, cursor: SHOWN_BEGIN }).length).to.equal(SHOWN_REQUEST_BYTES)
  })

  it('show no page above its bound when the items fill the room for them', () => {
    const receipt = signReceipt(inferenceReceipt(), 'payer')
    const count = Math.floor(SHOWN_PAGE_ROOM / SHOWN_RECEIPT_BYTES)
    const full = encodeShownPage({
      batches: [],
      receipts: Array.from({ length: count }, () => receipt),
      next: undefined,
    })
    expect(full.length).to.be.within(MAX_SHOWN_PAGE_BYTES - SHOWN_RECEIPT_BYTES, MAX_SHOWN_PAGE_BYTES)
    expect(SHOWN_PAGE_ROOM, 'the largest batch').to.be.above(MAX_PROMISED_BYTES + 4)
  })

  it('seal a window in as many bytes as listeners allow', () => {
    const body = encodeWindowSeal({ window: 7, root: hash('root'), count: 3 })
    const sealed = sealMessage(DOMAIN, MESSAGE_KIND.windowSeal, 1, body, digest => signAs('relayer', digest))
    expect(sealed.length).to.equal(SEALED_WINDOW_BYTES)
  })

  it('never throw anything but a decode error at bytes from outside', () => {
    const decoders = [
      decodeShownPage,
      decodeShownRequest,
      decodePromised,
      decodeVerdict,
      decodeEpochSign,
      decodeWindowSeal,
      decodeBlobRequest,
      decodeBlobPiece,
    ]
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), data => {
        for (const decode of [...decoders, decodePriceReply, decodeEpochShare, decodePriceRequest]) {
          try {
            decode(data)
          } catch (error) {
            expect(error).to.be.instanceOf(DecodeError)
          }
        }
      }),
    )
  })
})
