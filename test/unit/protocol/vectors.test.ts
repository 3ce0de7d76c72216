import { readFileSync } from 'node:fs'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { expect } from 'chai'
import { type Address, bytesOf, type Hex, hexOf } from '../../../protocol/bytes.ts'
import { verifyGroupSignature } from '../../../protocol/frost.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { decodeTranscript, publicPackageFromTranscript } from '../../../protocol/keygen/transcript.ts'
import { renderVectors, type VectorFiles, vectorFiles } from '../../support/protocol/vectors.ts'

function read<Name extends keyof VectorFiles>(name: Name): VectorFiles[Name] {
  return JSON.parse(text(name))
}

function text(name: string): string {
  return readFileSync(new URL(`../../vectors/${name}`, import.meta.url), 'utf8')
}

// EIP-712 once more, by hand: the vectors must not depend on how protocol/ computes it.
const utf8 = new TextEncoder()
const hashText = (value: string): string => hexOf(keccak_256(utf8.encode(value))).slice(2)
const hashWords = (...words: string[]): string =>
  hexOf(keccak_256(bytesOf(words.map(each => each.replace('0x', '').padStart(64, '0')).join('')))).slice(2)

const domain = read('domain.json')
const ORDER = secp256k1.Point.Fn.ORDER
const separator = hashWords(
  hashText('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'),
  hashText(domain.name),
  hashText(domain.version),
  domain.chainId,
  domain.registry,
)

function digestOf(type: string, ...words: string[]): Hex {
  const struct = hashWords(hashText(type), ...words)
  return hexOf(keccak_256(bytesOf(`1901${separator}${struct}`)))
}

/** The chain's check: ecrecover(Q − s·px, even, px, Q − e·px) is R's address. */
function groupSigns(px: bigint, digest: Hex, { r, s }: { r: Address; s: Hex }): boolean {
  const packed = bytesOf(`${hexWord(px)}00${digest.slice(2)}${r.slice(2)}`)
  const e = BigInt(hexOf(keccak_256(packed))) % ORDER
  const negate = (value: bigint) => (ORDER - (value % ORDER)) % ORDER
  const point = new secp256k1.Signature(px, negate(e * px))
    .addRecoveryBit(0)
    .recoverPublicKey(bytesOf(hexWord(negate(BigInt(s) * px))))
  return hexOf(keccak_256(point.toBytes(false).subarray(1)).subarray(12)) === r
}

function hexWord(value: bigint): string {
  return value.toString(16).padStart(64, '0')
}

describe('the shared vectors', () => {
  it('are what their seeds give now', () => {
    for (const [name, content] of Object.entries(vectorFiles())) {
      expect(text(name), name).to.equal(renderVectors(content))
    }
  })

  it('hold quotes whose digests and signers follow from EIP-712 alone', () => {
    for (const quote of read('quotes.json').quotes) {
      const digest = digestOf(
        'Quote(uint32 keyEpoch,bytes32 feedId,uint40 round,uint80 price,uint16 confidence,uint40 observedAt,bytes32 sourcesRoot)',
        quote.keyEpoch,
        quote.feedId,
        quote.round,
        quote.price,
        quote.confidence,
        quote.observedAt,
        quote.sourcesRoot,
      )
      expect(quote.digest).to.equal(digest)
      expect(quote.feedId).to.equal(`0x${hashText(domain.feed)}`)
      const signature = bytesOf(`${quote.r}${quote.yParityAndS.slice(2)}`)
      expect(nobleIdentityCrypto.recover(bytesOf(digest), signature)).to.equal(quote.signer)
    }
  })

  it('hold reports whose words, digests and group signatures can be checked by hand', () => {
    const px = BigInt(domain.px)
    for (const report of read('reports.json').reports) {
      const { price, confidence, observedAt, round, word } = report
      const packed =
        (BigInt(price) << 176n) | (BigInt(confidence) << 80n) | (BigInt(observedAt) << 40n) | BigInt(round)
      expect(BigInt(word)).to.equal(packed)
      const digest = digestOf('Report(bytes32 feedId,uint256 word)', domain.feedId, word)
      expect(report.digest).to.equal(digest)
      expect(groupSigns(px, digest, report)).to.equal(true)
      const signature = { r: report.r, s: BigInt(report.s) }
      expect(verifyGroupSignature(px, bytesOf(digest), signature)).to.equal(true)
    }
  })

  it('hold a quorum in ascending order of address', () => {
    const { signatures } = read('quorum.json')
    const signers = signatures.map(({ digest, r, yParityAndS }) =>
      nobleIdentityCrypto.recover(bytesOf(digest), bytesOf(`${r}${yParityAndS.slice(2)}`)),
    )
    expect(signers).to.deep.equal(signatures.map(({ signer }) => signer))
    expect(signers).to.deep.equal([...signers].sort())
    expect(new Set(signatures.map(({ digest }) => digest))).to.deep.equal(
      new Set([read('reports.json').reports[0]?.digest]),
    )
  })

  it('hold an installation that its own key signs, and a transcript that leads to the key', () => {
    const made = read('installation.json')
    const digest = digestOf(
      'GroupKey(uint32 keyEpoch,uint32 registryVersion,uint32 memberSet,bytes32 transcriptHash,uint256 participants,uint256 px)',
      made.keyEpoch,
      made.registryVersion,
      made.memberSet,
      made.transcriptHash,
      made.participants,
      made.px,
    )
    expect(made.digest).to.equal(digest)
    expect(groupSigns(BigInt(made.px), digest, made)).to.equal(true)
    expect(hexOf(keccak_256(bytesOf(made.transcript)))).to.equal(made.transcriptHash)
    const [groupKey] = publicPackageFromTranscript(
      decodeTranscript(bytesOf(made.transcript)).transcript,
    ).commitments
    expect(hexOf(groupKey ?? new Uint8Array())).to.equal(`0x02${made.px.slice(2)}`)
    expect(made.px).to.equal(domain.px)
  })

  it('hold a list of members whose hash and digest follow from the ABI and EIP-712 alone', () => {
    const { members, membersHash, registryVersion, digest, signatures } = read('member-set.json')
    const words = members.flatMap(({ identity, peerKey }) => [identity, peerKey])
    expect(membersHash).to.equal(`0x${hashWords('20', members.length.toString(16), ...words)}`)
    expect(members[2]).to.deep.equal({ identity: `0x${'00'.repeat(20)}`, peerKey: `0x${'00'.repeat(32)}` })
    const type = 'MemberSet(uint32 registryVersion,bytes32 membersHash)'
    expect(digest).to.equal(digestOf(type, registryVersion, membersHash))
    for (const { signer, r, yParityAndS } of signatures) {
      const signature = bytesOf(`${r}${yParityAndS.slice(2)}`)
      expect(nobleIdentityCrypto.recover(bytesOf(digest), signature)).to.equal(signer)
      expect(members.map(({ identity }) => identity)).to.include(signer)
    }
  })
})
