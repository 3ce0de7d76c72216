import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { type Abi, createPublicClient, createWalletClient, type Hex, http, type PublicClient } from 'viem'
import { deploy } from '../../../chain/deploy.ts'
import type { Address } from '../../../protocol/bytes.ts'
import { bytesOf, hexOf } from '../../../protocol/bytes.ts'
import {
  type CertifiedReport,
  encodeCertifiedReport,
  verifyCertifiedReport,
} from '../../../protocol/certificate.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { HALF_ORDER, type IdentityCrypto, nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { reportDigest } from '../../../protocol/report.ts'
import { loadNativeIdentityCrypto } from '../../../runtime/native-identity.ts'
import { type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { compileSupport } from '../../support/chain/compile.ts'
import {
  CERTIFIED_KEY_EPOCH,
  type CertifiedNetwork,
  certifiedNetwork,
  certifiedReport,
  certifiedWord,
  identitySecrets,
  signersOf,
} from '../../support/protocol/certified.ts'
import { type Mutation, mutationsOf, readWire, writableHighS } from '../../support/protocol/mutations.ts'
import { VECTOR_DOMAIN, VECTOR_FEED_ID, type VectorFiles } from '../../support/protocol/vectors.ts'

const SIZES = [4, 7, 21]
const LEAST_MUTATIONS = 10_000
/** Of the largest certificates only every fourth bit is turned: they are alike, and have 8,000. */
const EVERY_NTH_BIT = 4
/** A call's gas is bounded; a quorum of 14 takes 70,000. */
const CLAIMS_A_CALL = 100

interface Claim {
  readonly name: string
  readonly domain: Domain
  readonly report: CertifiedReport
}

/** The same answers, without asking the curve twice for a signature that many mutations leave as it is. */
function remembering(crypto: IdentityCrypto): IdentityCrypto {
  const known = new Map<string, Address | undefined>()
  return {
    ...crypto,
    recover: (digest, signature) => {
      const key = hexOf(digest) + hexOf(signature)
      if (!known.has(key)) known.set(key, crypto.recover(digest, signature))
      return known.get(key)
    },
  }
}

describe('a certificate', function () {
  this.timeout(120_000)
  const noble = remembering(nobleIdentityCrypto)
  const native = loadNativeIdentityCrypto()
  const networks = SIZES.map(n => certifiedNetwork(n))
  const registries = new Map<CertifiedNetwork, Address>()
  const checks = compileSupport('CertificateChecks')
  let anvil: Anvil
  let client: PublicClient
  let checker: Address

  before(async () => {
    anvil = await startAnvil()
    client = createPublicClient({ transport: http(anvil.rpcUrl) })
    for (const network of networks) await enrol(network)
    const wallet = createWalletClient({ transport: http(anvil.rpcUrl), account: fundedAccount(0) })
    const hash = await wallet.deployContract({ ...checks, args: [], chain: null })
    const { contractAddress } = await client.waitForTransactionReceipt({ hash })
    if (contractAddress == null) throw new Error('not deployed')
    checker = contractAddress
  })
  after(() => anvil.stop())

  /** A registry with the network's members. */
  async function enrol(network: CertifiedNetwork): Promise<void> {
    const { contracts } = await deploy({
      rpcUrl: anvil.rpcUrl,
      deployer: fundedAccount(0),
      members: network.membership.members.map(({ identity, peerKey }) => ({ identity, peerKey })),
      aggregators: [],
      genesis: [{ account: fundedAccount(1).address, amount: 1n }],
      epochLengthSec: 60,
    })
    registries.set(network, contracts.oracleRegistry)
  }

  const byTypeScript = (network: CertifiedNetwork, { domain, report }: Claim, crypto: IdentityCrypto) =>
    verifyCertifiedReport(domain, network.membership, report, crypto)

  /** What the contracts say. The key epoch chooses the key; a quorum's signatures are of no key epoch. */
  async function byContract(network: CertifiedNetwork, claims: readonly Claim[]): Promise<boolean[]> {
    const answers: boolean[] = []
    for (let from = 0; from < claims.length; from += CLAIMS_A_CALL) {
      const batch = claims.slice(from, from + CLAIMS_A_CALL)
      const kind = batch[0]?.report.certificate.kind
      const args =
        kind === 'group'
          ? [batch.map(claim => groupClaim(network, claim))]
          : [registries.get(network), batch.map(quorumClaim)]
      const holds = await client.readContract({
        address: checker,
        abi: checks.abi as Abi,
        functionName: kind === 'group' ? 'checkGroup' : 'checkQuorum',
        args,
      })
      answers.push(...(holds as boolean[]))
    }
    return answers
  }

  function claimOf({ name, domain, wire }: Mutation): Claim | undefined {
    const report = readWire(wire)
    return report === undefined ? undefined : { name, domain, report }
  }

  for (const kind of ['group', 'quorum'] as const) {
    it(`of a ${kind} holds for the contract, the reference and the native code alike`, async () => {
      for (const network of networks) {
        const claims = [0, 1, 2].map(index => ({
          name: `certificate ${index}`,
          domain: VECTOR_DOMAIN,
          report: certifiedReport(network, kind, { domain: VECTOR_DOMAIN, feedId: VECTOR_FEED_ID, index }),
        }))
        const holds = claims.map(claim => [noble, native].map(crypto => byTypeScript(network, claim, crypto)))
        expect(holds).to.deep.equal(claims.map(() => [true, true]))
        expect(await byContract(network, claims)).to.deep.equal(claims.map(() => true))
      }
    })
  }

  it('of the shared vectors is one of these', () => {
    const file = new URL('../../vectors/certificates.json', import.meta.url)
    const vectors = JSON.parse(readFileSync(file, 'utf8')) as VectorFiles['certificates.json']
    vectors.networks.forEach(({ px, certificates }, at) => {
      certificates.forEach(({ word, digest, r, s, signatures }) => {
        const view = networks[at]?.membership
        if (view === undefined) throw new Error('a network for each')
        for (const crypto of [noble, native]) {
          expect(crypto.verifyGroup(BigInt(px), bytesOf(digest), { r, s: BigInt(s) })).to.equal(true)
          const report: CertifiedReport = {
            keyEpoch: CERTIFIED_KEY_EPOCH,
            feedId: VECTOR_FEED_ID,
            word: BigInt(word),
            certificate: {
              kind: 'quorum',
              signatures: signatures.map(each => bytesOf(`${each.r}${each.yParityAndS.slice(2)}`)),
            },
          }
          expect(verifyCertifiedReport(VECTOR_DOMAIN, view, report, crypto)).to.equal(true)
        }
      })
    })
  })

  it(`that was changed in any of ${LEAST_MUTATIONS} ways holds for none of them`, async () => {
    let refused = 0
    for (const [at, network] of networks.entries()) {
      const stranger = networks[(at + 1) % networks.length]
      if (stranger === undefined) throw new Error('unreachable')
      for (const kind of ['group', 'quorum'] as const) {
        const context = { network, stranger, domain: VECTOR_DOMAIN, feedId: VECTOR_FEED_ID, index: 0 }
        const sparse = kind === 'quorum' && network.membership.quorum.n === Math.max(...SIZES)
        const claims = mutationsOf(kind, context)
          .filter(({ name }, index) => !sparse || !name.includes('bit') || index % EVERY_NTH_BIT === 0)
          .flatMap(mutation => claimOf(mutation) ?? [])
          .filter(({ report }) => report.certificate.kind === kind)
        const accepted = claims.filter(claim =>
          [noble, native].some(crypto => byTypeScript(network, claim, crypto)),
        )
        expect(accepted.map(({ name }) => name)).to.deep.equal([])

        const shown = claims.filter(
          ({ report }) => kind === 'group' || report.keyEpoch === CERTIFIED_KEY_EPOCH,
        )
        const answers = await byContract(network, shown)
        expect(answers).to.have.length(shown.length)
        expect(shown.filter((_, index) => answers[index]).map(({ name }) => name)).to.deep.equal([])
        refused += shown.length
      }
    }
    expect(refused).to.be.at.least(LEAST_MUTATIONS)
  })

  it('has one encoding: the reader writes again what it has read, byte for byte', () => {
    const [network, stranger] = networks
    if (network === undefined || stranger === undefined) throw new Error('unreachable')
    for (const kind of ['group', 'quorum'] as const) {
      const context = { network, stranger, domain: VECTOR_DOMAIN, feedId: VECTOR_FEED_ID, index: 1 }
      const read = mutationsOf(kind, context).flatMap(({ wire }) => {
        const report = readWire(wire)
        return report === undefined ? [] : [{ wire, report }]
      })
      expect(read.length).to.be.above(900)
      for (const { wire, report } of read) expect(hexOf(encodeCertifiedReport(report))).to.equal(hexOf(wire))
    }
  })

  it('with a scalar of Q or more is refused before the curve is asked', () => {
    const [network] = networks
    if (network === undefined) throw new Error('unreachable')
    const context = { domain: VECTOR_DOMAIN, feedId: VECTOR_FEED_ID, index: 0 }
    const { word, certificate } = certifiedReport(network, 'group', context)
    if (certificate.kind !== 'group') throw new Error('unreachable')
    const { r, s } = certificate.signature
    const digest = reportDigest(VECTOR_DOMAIN, VECTOR_FEED_ID, word)
    const Q = 2n * HALF_ORDER + 1n
    for (const crypto of [noble, native]) {
      expect(crypto.verifyGroup(network.px, digest, { r, s })).to.equal(true)
      for (const other of [s + Q, s - Q, -s, s + 2n ** 256n])
        expect(crypto.verifyGroup(network.px, digest, { r, s: other })).to.equal(false)
      for (const px of [0n, network.px + Q, -network.px, 2n ** 256n + network.px, 5n])
        expect(crypto.verifyGroup(px, digest, { r, s })).to.equal(false)
    }
  })

  it('of a quorum with a high s that could be written down is refused, and its low twin holds', async () => {
    const context = { domain: VECTOR_DOMAIN, feedId: VECTOR_FEED_ID, index: 0 }
    const digest = reportDigest(VECTOR_DOMAIN, VECTOR_FEED_ID, certifiedWord(0))
    const { secret, high, low } = writableHighS(digest, HALF_ORDER + 1n)
    const network = certifiedNetwork(4, [secret, ...identitySecrets(4).slice(1)])
    await enrol(network)
    const report = certifiedReport(network, 'quorum', context)
    if (report.certificate.kind !== 'quorum') throw new Error('unreachable')
    const { signatures } = report.certificate
    const own = hexOf(network.signAsQuorum(digest, [0])[0] ?? new Uint8Array())
    const place = signatures.findIndex(signature => hexOf(signature) === own)
    expect(signersOf(network, 0)).to.include(0)
    expect(place).to.be.at.least(0)
    const claims = [high, low].map(
      (other): Claim => ({
        name: 'another signature of member 0',
        domain: VECTOR_DOMAIN,
        report: { ...report, certificate: { kind: 'quorum', signatures: signatures.with(place, other) } },
      }),
    )
    for (const crypto of [noble, native])
      expect(claims.map(claim => byTypeScript(network, claim, crypto))).to.deep.equal([false, true])
    expect(await byContract(network, claims)).to.deep.equal([false, true])
  })
})

function onChain({ chainId, registry }: Domain) {
  return { chainId: BigInt(chainId), registry }
}

function groupClaim({ px }: CertifiedNetwork, { domain, report }: Claim) {
  const { keyEpoch, feedId, word, certificate } = report
  if (certificate.kind !== 'group') throw new Error('a certificate of the group')
  const { r, s } = certificate.signature
  return { domain: onChain(domain), feedId, word, px: keyEpoch === CERTIFIED_KEY_EPOCH ? px : 0n, r, s }
}

function quorumClaim({ domain, report }: Claim) {
  const { feedId, word, certificate } = report
  if (certificate.kind !== 'quorum') throw new Error('a certificate of a quorum')
  const signatures = certificate.signatures.map(signature => ({
    r: hexOf(signature.subarray(0, 32)),
    yParityAndS: hexOf(signature.subarray(32)) as Hex,
  }))
  return { domain: onChain(domain), feedId, word, signatures }
}
