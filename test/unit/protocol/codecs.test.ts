import { expect } from 'chai'
import type { Domain } from '../../../protocol/domain.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import {
  decodeConsentRequest,
  decodeKeygenReport,
  encodeConsentRequest,
  encodeKeygenReport,
} from '../../../protocol/keygen/messages.ts'
import { decodeTranscript } from '../../../protocol/keygen/transcript.ts'
import { MESSAGE_KIND, openMessage, sealMessage } from '../../../protocol/message.ts'
import { MAX_MEMBERS } from '../../../protocol/quorum.ts'
import { movingAverageOf, packReport, unpackReport, wordHex } from '../../../protocol/report.ts'
import {
  decodeNoncePairs,
  decodeProposal,
  decodeReply,
  encodeProposal,
  encodeReply,
  MAX_LANE_PAIRS,
  MAX_PROPOSAL_BYTES,
  MAX_REPLY_BYTES,
  REFUSALS,
} from '../../../protocol/round/messages.ts'
import { MAX_PRICE, type Price } from '../../../protocol/units.ts'
import { samples } from '../../support/protocol/codecs.ts'
import {
  chosenSigner,
  DOMAIN,
  FEED_ID,
  KEY_EPOCH,
  ProtocolNetwork,
  ROUND,
} from '../../support/protocol/network.ts'
import { reasonOf } from '../../support/protocol/refusals.ts'

const network = new ProtocolNetwork(4)

for (const { name, bytes, value, decode, again } of samples()) {
  describe(name, () => {
    it('comes out as it went in', () => {
      expect(decode(bytes)).to.deep.equal(value)
      expect(again(bytes)).to.deep.equal(bytes)
    })

    it('is refused when any number of bytes is missing from its end', () => {
      for (let length = 0; length < bytes.length; length++) {
        expect(
          reasonOf(() => decode(bytes.subarray(0, length))),
          `${length} bytes`,
        ).to.not.equal(undefined)
      }
    })

    it('is refused with a byte after its end', () => {
      for (const extra of [0, 1, 255]) {
        expect(reasonOf(() => decode(Uint8Array.from([...bytes, extra])))).to.equal('TOO_LONG')
      }
    })
  })
}

describe('a list of messages', () => {
  it('is refused above its bound', () => {
    const pairs = Uint8Array.from([MAX_LANE_PAIRS + 1, ...new Uint8Array((MAX_LANE_PAIRS + 1) * 66)])
    expect(reasonOf(() => decodeNoncePairs(pairs))).to.equal('TOO_LONG')
    const body = encodeProposal(network.proposal({ quotes: [] }))
    body[32 + 5 + 2 + 32] = MAX_MEMBERS + 1
    expect(reasonOf(() => decodeProposal(body))).to.equal('TOO_LONG')
  })

  it('fits its largest members into the sizes peers allow one another', () => {
    const largest = encodeProposal(
      network.proposal({
        quotes: Array.from({ length: MAX_MEMBERS }, () => new Uint8Array(160)),
        signers: Array.from({ length: MAX_MEMBERS }, (_, slot) => chosenSigner(slot)),
      }),
    )
    const sealed = sealMessage(DOMAIN, MESSAGE_KIND.proposal, 1, largest, network.aggregatorSigner(0))
    expect(sealed.length).to.be.at.most(MAX_PROPOSAL_BYTES)
    const reply = encodeReply({ kind: 'locked', sessionId: FEED_ID, proposal: sealed })
    const sealedReply = sealMessage(DOMAIN, MESSAGE_KIND.share, 1, reply, network.signerOf(0))
    expect(sealedReply.length).to.be.at.most(MAX_REPLY_BYTES)
  })
})

describe('a refusal on the wire', () => {
  it('is every one of the codes, and no other', () => {
    const codes = REFUSALS.map(reason => {
      const { bytes } = network.signedQuote(0)
      const reply = decodeReply(
        encodeReply(
          reason === 'EQUIVOCATOR'
            ? { kind: 'refused', sessionId: FEED_ID, reason, evidence: [bytes, bytes] }
            : { kind: 'refused', sessionId: FEED_ID, reason },
        ),
      )
      return reply.kind === 'refused' ? reply.reason : reply.kind
    })
    expect(codes).to.deep.equal(REFUSALS)
    const unknown = encodeReply({ kind: 'refused', sessionId: FEED_ID, reason: 'BUSY' })
    unknown[33] = REFUSALS.length
    expect(reasonOf(() => decodeReply(unknown))).to.equal('BAD_VALUE')
    unknown[32] = 5
    expect(reasonOf(() => decodeReply(unknown))).to.equal('BAD_KIND')
  })
})

describe('a transcript', () => {
  const sample = samples().find(({ name }) => name === 'a transcript')
  const dealerBytes = 1 + 1 + 2 * (3 * 33 + 65)

  it('is refused with dealers out of order or twice', () => {
    for (const slot of [0, 2]) {
      const bytes = Uint8Array.from(sample?.bytes ?? [])
      // The second dealer's slot becomes the first's, or the third's the second's.
      bytes[33 + dealerBytes * (slot === 0 ? 1 : 2)] = slot
      expect(reasonOf(() => decodeTranscript(bytes))).to.equal('BAD_VALUE')
    }
  })

  it('is refused with commitments of unequal length', () => {
    const bytes = sample?.bytes ?? new Uint8Array()
    const last = bytes.length - dealerBytes
    const beacon = last + 2 + 3 * 33 + 65
    const shorter = Uint8Array.from([
      ...bytes.subarray(0, last + 1),
      2,
      ...bytes.subarray(last + 2, last + 2 + 2 * 33),
      ...bytes.subarray(last + 2 + 3 * 33, beacon + 2 * 33),
      ...bytes.subarray(beacon + 3 * 33),
    ])
    expect(reasonOf(() => decodeTranscript(shorter))).to.equal('BAD_VALUE')
  })
})

describe('a request for consent to a key', () => {
  const request = {
    terms: { registryVersion: 7, memberSet: 2, attempt: 9, participants: [0, 2] },
    finished: [Uint8Array.of(1, 2), Uint8Array.of(3)],
    transcript: Uint8Array.of(1, 2, 3, 4),
  }

  it('comes out as it went in, its transcript last', () => {
    expect(decodeConsentRequest(encodeConsentRequest(request))).to.deep.equal(request)
  })

  it('is refused when it ends before its transcript', () => {
    const bytes = encodeConsentRequest({ ...request, transcript: new Uint8Array() })
    for (let length = 0; length < bytes.length; length++) {
      expect(reasonOf(() => decodeConsentRequest(bytes.subarray(0, length)))).to.equal('TOO_SHORT')
    }
  })
})

describe('a report on a key generation', () => {
  it('has only kinds, faults and stages that there are', () => {
    const waiting = encodeKeygenReport(FEED_ID, { kind: 'waiting', stage: 'share', missing: [] })
    for (const index of [32, 33]) {
      const bytes = Uint8Array.from(waiting)
      bytes[index] = 9
      expect(reasonOf(() => decodeKeygenReport(bytes))).to.equal('BAD_VALUE')
    }
  })
})

describe('a sealed message', () => {
  const body = Uint8Array.of(1, 2, 3)
  const sign = network.signerOf(2)
  const sealed = sealMessage(DOMAIN, MESSAGE_KIND.share, KEY_EPOCH, body, sign)
  const open = (bytes: Uint8Array, domain: Domain = DOMAIN) =>
    openMessage(domain, MESSAGE_KIND.share, bytes, nobleIdentityCrypto)

  it('says who sent it, under which key epoch', () => {
    expect(open(sealed)).to.deep.equal({ keyEpoch: KEY_EPOCH, body, sender: network.identityOf(2) })
  })

  it('may have an empty body', () => {
    const empty = sealMessage(DOMAIN, MESSAGE_KIND.share, KEY_EPOCH, new Uint8Array(), sign)
    expect(open(empty).sender).to.equal(network.identityOf(2))
  })

  it('is refused in another network and as another kind', () => {
    const moved: Domain = { ...DOMAIN, registry: `0x${'cd'.repeat(20)}` }
    expect(reasonOf(() => open(sealed, moved))).to.equal('BAD_VALUE')
    expect(reasonOf(() => open(sealed, { ...DOMAIN, chainId: 1 }))).to.equal('BAD_VALUE')
    expect(reasonOf(() => openMessage(DOMAIN, MESSAGE_KIND.proposal, sealed, nobleIdentityCrypto))).to.equal(
      'BAD_KIND',
    )
  })

  it('is nobody’s message any more after any change', () => {
    const variants = [
      ...Array.from(sealed, (_, index) => {
        const changed = Uint8Array.from(sealed)
        changed[index] = (changed[index] ?? 0) ^ 1
        return changed
      }),
      ...Array.from(sealed, (_, length) => sealed.subarray(0, length)),
      Uint8Array.from([...sealed, 0]),
    ]
    for (const bytes of variants) {
      let sender: string | undefined
      const reason = reasonOf(() => {
        sender = open(bytes).sender
      })
      expect(reason !== undefined || sender !== network.identityOf(2)).to.equal(true)
    }
  })
})

describe('a report word', () => {
  it('holds price, confidence, time and round where the contract reads them', () => {
    const report = { price: 0x1234n as Price, confidence: 0x56, observedAt: 0x789a, round: ROUND }
    const roundHex = ROUND.toString(16).padStart(10, '0')
    const expected = `0x${'00'.repeat(8)}1234${'00'.repeat(10)}0056000000789a${roundHex}`
    expect(wordHex(packReport(report))).to.equal(expected)
    expect(unpackReport(packReport(report))).to.deep.equal(report)
  })

  it('holds the largest of everything', () => {
    const report = {
      price: MAX_PRICE as Price,
      confidence: 65_535,
      observedAt: 2 ** 40 - 1,
      round: (2 ** 40 - 1) as typeof ROUND,
    }
    expect(unpackReport(packReport(report))).to.deep.equal(report)
    expect(movingAverageOf(packReport(report))).to.equal(0n)
  })

  it('shows the moving average of a stored word', () => {
    expect(movingAverageOf((77n << 176n) | (42n << 96n) | 5n)).to.equal(42n)
  })
})
