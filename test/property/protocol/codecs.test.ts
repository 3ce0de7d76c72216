import { expect } from 'chai'
import fc from 'fast-check'
import { DecodeError, type Hex, hexOf } from '../../../protocol/bytes.ts'
import {
  type CertifiedReport,
  decodeCertifiedReport,
  encodeCertifiedReport,
} from '../../../protocol/certificate.ts'
import { decodeSignedQuote, encodeSignedQuote } from '../../../protocol/quote.ts'
import { packReport, unpackReport } from '../../../protocol/report.ts'
import { decodeProposal, encodeProposal, type Proposal } from '../../../protocol/round/messages.ts'
import { asRound } from '../../../protocol/rounds.ts'
import {
  formatDecimal,
  MAX_PRICE,
  mulDivDown,
  mulDivUp,
  type Price,
  parseDecimal,
} from '../../../protocol/units.ts'
import { samples } from '../../support/protocol/codecs.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const hash = bytes(32).map(hexOf)
const uint = (bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n })
const small = (bits: number) => uint(bits).map(Number)
const price = fc.bigInt({ min: 1n, max: MAX_PRICE }).map(value => value as Price)
const round = small(40).map(asRound)

const quote = fc.record({
  keyEpoch: small(32),
  feedId: hash,
  round,
  price,
  confidence: small(16),
  observedAt: small(40),
  sourcesRoot: hash,
})

const report: fc.Arbitrary<CertifiedReport> = fc.record({
  keyEpoch: small(32),
  feedId: hash,
  word: uint(256),
  certificate: fc.oneof(
    fc
      .record({ r: bytes(20).map((raw): Hex => hexOf(raw)), s: uint(256) })
      .map(signature => ({ kind: 'group' as const, signature })),
    fc.array(bytes(64), { maxLength: 31 }).map(signatures => ({ kind: 'quorum' as const, signatures })),
  ),
})

const proposal: fc.Arbitrary<Proposal> = fc.record({
  feedId: hash,
  round,
  session: small(8),
  word: uint(256),
  quotes: fc.array(bytes(160), { maxLength: 8 }),
  signers: fc.array(fc.record({ slot: small(8), hiding: bytes(33), binding: bytes(33) }), { maxLength: 8 }),
  equivocations: fc.array(fc.tuple(bytes(160), bytes(160)), { maxLength: 4 }),
})

describe('decoding', () => {
  it('undoes the encoding of a quote', () => {
    fc.assert(
      fc.property(small(8), quote, bytes(64), (slot, value, signature) => {
        const encoded = encodeSignedQuote(DOMAIN, slot, value, signature)
        expect(decodeSignedQuote(DOMAIN, encoded.bytes)).to.deep.equal(encoded)
      }),
    )
  })

  it('undoes the encoding of a certified report', () => {
    fc.assert(
      fc.property(report, value => {
        expect(decodeCertifiedReport(encodeCertifiedReport(value))).to.deep.equal(value)
      }),
    )
  })

  it('undoes the encoding of a proposal', () => {
    fc.assert(
      fc.property(proposal, value => {
        expect(decodeProposal(encodeProposal(value))).to.deep.equal(value)
      }),
    )
  })

  it('undoes the packing of a report', () => {
    const value = fc.record({ price, confidence: small(16), observedAt: small(40), round })
    fc.assert(
      fc.property(value, fields => {
        expect(unpackReport(packReport(fields))).to.deep.equal(fields)
      }),
    )
  })

  it('undoes the writing of a decimal', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n }), value => {
        expect(parseDecimal(formatDecimal(value))).to.equal(value)
      }),
    )
  })

  for (const { name, bytes: valid, decode, again } of samples()) {
    it(`of ${name} takes other bytes only when they are canonical, and refuses them with one error`, () => {
      const edits = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      fc.assert(
        fc.property(edits, fc.nat(valid.length), (changes, length) => {
          const changed = Uint8Array.from(valid)
          for (const [at, value] of changes) changed[at] = value
          for (const input of [changed, changed.subarray(0, length)]) {
            try {
              decode(input)
            } catch (error) {
              expect(error).to.be.instanceOf(DecodeError)
              continue
            }
            expect(again(input)).to.deep.equal(input)
          }
        }),
      )
    })
  }
})

describe('division', () => {
  it('rounds down and up around the exact quotient', () => {
    fc.assert(
      fc.property(uint(128), uint(128), fc.bigInt({ min: 1n, max: 1n << 128n }), (a, b, c) => {
        const [down, up] = [mulDivDown(a, b, c), mulDivUp(a, b, c)]
        expect(down * c <= a * b && a * b <= up * c).to.equal(true)
        expect(up - down).to.equal((a * b) % c === 0n ? 0n : 1n)
      }),
    )
  })
})
