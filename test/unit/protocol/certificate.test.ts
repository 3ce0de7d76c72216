import { expect } from 'chai'
import {
  type CertifiedReport,
  verifyCertifiedReport,
  verifyGroupCertificate,
  verifyQuorumSignatures,
} from '../../../protocol/certificate.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { aggregateShares, groupKeyX } from '../../../protocol/frost.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { MESSAGE_KIND, sealMessage } from '../../../protocol/message.ts'
import { reportDigest, unpackReport } from '../../../protocol/report.ts'
import { certifiedReportOf, reportJson } from '../../../protocol/report-json.ts'
import { admitCertified, sealCertified } from '../../../protocol/round/certified.ts'
import { formatDecimal } from '../../../protocol/units.ts'
import { makeKey, publicOf, shareSignatures } from '../../support/protocol/group-key.ts'
import {
  DOMAIN,
  FEED_ID,
  KEY_EPOCH,
  ProtocolNetwork,
  T_MS,
  TIMING,
  withSuspended,
} from '../../support/protocol/network.ts'

const key = makeKey([0, 1, 2, 3], 3, 'certificate tests')
const px = groupKeyX(publicOf(key))
const network = new ProtocolNetwork(4, {
  groupKey: { px, transcriptHash: `0x${'77'.repeat(32)}`, participants: [0, 1, 2, 3] },
})
const { membership } = network
const { word } = network.proposal()
const digest = reportDigest(DOMAIN, FEED_ID, word)
const OTHER_DOMAIN: Domain = { ...DOMAIN, chainId: 1 }

const { commitments, shares } = shareSignatures(key, [0, 2, 3], digest, 'certificate tests')
const byGroup: CertifiedReport = {
  keyEpoch: KEY_EPOCH,
  feedId: FEED_ID,
  word,
  certificate: { kind: 'group', signature: aggregateShares(publicOf(key), commitments, digest, shares) },
}

function ascending(slots: readonly number[]): number[] {
  return [...slots].sort((a, b) => (network.identityOf(a) < network.identityOf(b) ? -1 : 1))
}

function signatures(slots: readonly number[]): Uint8Array[] {
  return slots.map(slot => network.signerOf(slot)(digest))
}

const byQuorum: CertifiedReport = {
  ...byGroup,
  certificate: { kind: 'quorum', signatures: signatures(ascending([0, 1, 3])) },
}

function valid(report: CertifiedReport, view = membership, domain = DOMAIN): boolean {
  return verifyCertifiedReport(domain, view, report, nobleIdentityCrypto)
}

describe('a certified report', () => {
  it('is true by one signature of the group, or by a quorum of identities', () => {
    expect([byGroup, byQuorum].map(report => valid(report))).to.deep.equal([true, true])
  })

  it('is false for another word, feed, key epoch, network or key', () => {
    for (const report of [byGroup, byQuorum]) {
      expect(valid({ ...report, word: word ^ 1n })).to.equal(false)
      expect(valid({ ...report, feedId: `0x${'22'.repeat(32)}` })).to.equal(false)
      expect(valid({ ...report, keyEpoch: KEY_EPOCH + 1 })).to.equal(false)
      expect(valid(report, membership, OTHER_DOMAIN)).to.equal(false)
    }
    const otherKey = groupKeyX(publicOf(makeKey([0, 1, 2, 3], 3, 'another key')))
    const groupKey = { px: otherKey, transcriptHash: FEED_ID, participants: [0, 1, 2, 3] }
    expect(valid(byGroup, { ...membership, groupKey })).to.equal(false)
  })

  it('is of a quorum of identities alone where there is no group key', () => {
    const keyless = { ...membership, groupKey: undefined }
    expect([byGroup, byQuorum].map(report => valid(report, keyless))).to.deep.equal([false, true])
  })

  it('can be checked by anyone who knows the group key and nothing else', () => {
    if (byGroup.certificate.kind !== 'group') throw new Error('unreachable')
    const { r, s } = byGroup.certificate.signature
    const claim = { domain: DOMAIN, feedId: FEED_ID, word, groupKeyX: px, r, s }
    expect(verifyGroupCertificate(claim)).to.equal(true)
    expect(verifyGroupCertificate({ ...claim, word: word ^ (1n << 176n) })).to.equal(false)
    expect(verifyGroupCertificate({ ...claim, domain: OTHER_DOMAIN })).to.equal(false)
  })

  it('is served with everything needed to check it again', () => {
    const quotes = network.signedQuotes()
    const details = { domain: DOMAIN, groupKeyX: px, proposer: 1, signers: [0, 2, 3], quotes, latencyMs: 420 }
    const json = reportJson(byGroup, details)
    const report = unpackReport(word)
    expect(json).to.deep.include({
      round: report.round,
      domain: { chainId: DOMAIN.chainId, registry: DOMAIN.registry.toLowerCase() },
      price: report.price.toString(),
      priceUsd: formatDecimal(report.price),
      confidenceBps: report.confidence,
      observedAt: report.observedAt,
      proposer: 1,
      signers: [0, 2, 3],
      onChain: false,
    })
    expect(BigInt(json.word)).to.equal(word)
    expect(BigInt(json.groupKeyX)).to.equal(px)
    expect(json.quotes.map(quote => quote.slot)).to.deep.equal([0, 1, 2, 3])
    expect(JSON.parse(JSON.stringify(json))).to.deep.equal(json)
    expect([byGroup, byQuorum].map(each => certifiedReportOf(reportJson(each, details)))).to.deep.equal([
      byGroup,
      byQuorum,
    ])
  })
})

describe('a certificate of identities', () => {
  const holds = (list: readonly Uint8Array[], view = membership) =>
    verifyQuorumSignatures(view, digest, list, nobleIdentityCrypto)

  it('holds with a quorum or more, ascending by address', () => {
    expect(holds(signatures(ascending([0, 1, 3])))).to.equal(true)
    expect(holds(signatures(ascending([0, 1, 2, 3])))).to.equal(true)
  })

  it('does not hold with one fewer', () => {
    expect(holds(signatures(ascending([0, 1])))).to.equal(false)
    expect(holds([])).to.equal(false)
  })

  it('does not hold out of order, or with one signature twice', () => {
    expect(holds(signatures(ascending([0, 1, 3]).reverse()))).to.equal(false)
    const [first = 0, second = 1] = ascending([0, 1, 3])
    expect(holds(signatures([first, first, second]))).to.equal(false)
    expect(holds(signatures([first, second, second]))).to.equal(false)
  })

  it('does not hold with a stranger, an aggregator or a suspended member among them', () => {
    const stranger = network.aggregatorSigner(0)(digest)
    const mixed = [...signatures(ascending([0, 1])), stranger].sort((a, b) => {
      const [left, right] = [a, b].map(each => nobleIdentityCrypto.recover(digest, each) ?? '')
      return (left ?? '') < (right ?? '') ? -1 : 1
    })
    expect(holds(mixed)).to.equal(false)
    expect(holds(signatures(ascending([0, 1, 3])), withSuspended(membership, 3))).to.equal(false)
  })

  it('keeps its quorum when members are suspended', () => {
    const view = withSuspended(membership, 2)
    expect(holds(signatures(ascending([0, 1])), view)).to.equal(false)
    expect(holds(signatures(ascending([0, 1, 3])), view)).to.equal(true)
  })
})

describe('an announcement', () => {
  const context = {
    domain: DOMAIN,
    feedId: FEED_ID,
    membershipAt: () => membership,
    highestCertified: unpackReport(word).round - 10,
    nowMs: T_MS,
    timing: TIMING,
    crypto: nobleIdentityCrypto,
  }
  const seal = (report: CertifiedReport, sign = network.aggregatorSigner(1)) =>
    sealCertified(DOMAIN, { report, signers: [0, 2, 3] }, sign)

  it('is accepted with its proposer and signers', () => {
    for (const report of [byGroup, byQuorum]) {
      expect(admitCertified(seal(report), context)).to.deep.equal({
        verdict: 'accept',
        announcement: { report, signers: [0, 2, 3], proposer: 1 },
      })
    }
  })

  it('is ignored from somebody unlisted, for another feed or key epoch, or when it is old', () => {
    const cases: [string, Uint8Array, Partial<typeof context>][] = [
      ['UNLISTED', seal(byGroup, network.signerOf(0)), {}],
      ['OTHER_KEY_EPOCH', seal({ ...byGroup, keyEpoch: KEY_EPOCH + 1 }), {}],
      ['OTHER_FEED', seal(byGroup), { feedId: `0x${'22'.repeat(32)}` }],
      ['OLD_ROUND', seal(byGroup), { highestCertified: unpackReport(word).round }],
    ]
    for (const [code, bytes, changes] of cases) {
      expect(admitCertified(bytes, { ...context, ...changes })).to.deep.equal({ verdict: 'ignore', code })
    }
  })

  it('is ignored for a round that is further ahead than the chain would take it', () => {
    const early = (beforeMs: number) => admitCertified(seal(byGroup), { ...context, nowMs: T_MS - beforeMs })
    expect(early(30_000).verdict).to.equal('accept')
    expect(early(30_001)).to.deep.equal({ verdict: 'ignore', code: 'TOO_EARLY' })
  })

  it('is accepted of an old round that is asked for, when its certificate holds', () => {
    const { round } = unpackReport(word)
    const asked: number[] = []
    const old = {
      ...context,
      highestCertified: round + 10,
      wantsOld: (wanted: number) => asked.push(wanted) > 0,
    }
    expect(admitCertified(seal(byGroup), old).verdict).to.equal('accept')
    expect(asked).to.deep.equal([round])
    expect(admitCertified(seal({ ...byGroup, word: word ^ (1n << 200n) }), old).verdict).to.equal('reject')
    expect(admitCertified(seal(byGroup), { ...old, wantsOld: () => false })).to.deep.include({
      code: 'OLD_ROUND',
    })
  })

  it('is rejected when it is malformed or its certificate does not hold', () => {
    const reject = (bytes: Uint8Array) => admitCertified(bytes, context)
    expect(reject(new Uint8Array(10))).to.deep.equal({ verdict: 'reject', code: 'MALFORMED' })
    const empty = sealMessage(
      DOMAIN,
      MESSAGE_KIND.certified,
      KEY_EPOCH,
      Uint8Array.of(0),
      network.aggregatorSigner(1),
    )
    expect(reject(empty)).to.deep.equal({ verdict: 'reject', code: 'MALFORMED' })
    expect(reject(seal({ ...byGroup, word: word ^ (1n << 200n) }))).to.deep.equal({
      verdict: 'reject',
      code: 'BAD_CERTIFICATE',
    })
  })
})
