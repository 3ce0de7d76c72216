import { expect } from 'chai'
import { GroupPublic } from '../../../../member/group-public.ts'
import { verifyQuorumSignatures } from '../../../../protocol/certificate.ts'
import { epochReportDigest } from '../../../../protocol/epoch/report.ts'
import { verifyGroupSignature } from '../../../../protocol/frost.ts'
import type { Membership } from '../../../../protocol/membership.ts'
import { type Certification, Certifier } from '../../../../relayer/epochs/certification.ts'
import type { EpochRefusal } from '../../../../relayer/epochs/epoch-store.ts'
import { systemClock } from '../../../../runtime/clock.ts'
import { silentLogger } from '../../../../runtime/logger.ts'
import { caseOf } from '../../../support/epoch/world.ts'
import { at, crypto, DOMAIN } from '../../../support/network/cast.ts'
import { locked, type PaperNetwork, paperNetwork, refusal } from '../../../support/relayer/paper-nodes.ts'

describe('the certification of an epoch', () => {
  const { report } = caseOf()
  const digest = epochReportDigest(DOMAIN, report)
  let network: PaperNetwork
  let refusals: EpochRefusal[]

  const certify = (membership: Membership = network.membership): Promise<Certification> =>
    new Certifier(DOMAIN, {
      clock: systemClock,
      logger: silentLogger,
      crypto,
      network: network.peer,
      groupPublic: new GroupPublic(network.peer),
      refused: (_epoch, refused) => refusals.push(refused),
    }).certify(report, membership, new AbortController().signal)

  const expectGroup = (certification: Certification): void => {
    if (certification.kind !== 'certified' || certification.certificate.kind !== 'group')
      throw new Error(`no group certificate but ${certification.kind}`)
    const { signature } = certification.certificate
    expect(verifyGroupSignature(network.membership.groupKey?.px ?? 0n, digest, signature)).to.equal(true)
  }
  const expectQuorum = (certification: Certification, slots: readonly number[]): void => {
    if (certification.kind !== 'certified' || certification.certificate.kind !== 'quorum')
      throw new Error(`no quorum certificate but ${certification.kind}`)
    const { signatures } = certification.certificate
    expect(verifyQuorumSignatures(network.membership, digest, signatures, crypto)).to.equal(true)
    const signers = signatures.map(signature => crypto.recover(digest, signature))
    const allowed = slots.map(slot => at(network.nodes, slot).party.identity)
    expect(signers.filter(signer => signer === undefined || !allowed.includes(signer))).to.deep.equal([])
  }
  const node = (slot: number) => at(network.nodes, slot)

  beforeEach(() => {
    network = paperNetwork(DOMAIN)
    refusals = []
  })

  it('is one signature of the group when all agree', async () => {
    expectGroup(await certify())
    expect(refusals).to.deep.equal([])
  })

  it('waits for nobody who is slower than a quorum', async () => {
    node(1).manners.verdict = () => new Promise(() => {})
    expectGroup(await certify())
  })

  it('is made without a member whose share is bad, by nonces that are fresh', async () => {
    node(0).manners.share = share => share.map((byte, index) => (index === 31 ? byte ^ 1 : byte))
    expectGroup(await certify())
    const signed = network.nodes.map(({ asked }) => asked.filter(what => what === 'sign').length)
    expect(signed[0]).to.equal(1)
    // Whoever signed in the session that failed has been asked for another nonce before it signed again.
    for (const { asked } of network.nodes) expect(asked.join(' ')).not.to.match(/sign sign/)
  })

  it('is made without a member that agrees and then gives no share', async () => {
    node(2).manners.share = () => new Uint8Array()
    expectGroup(await certify())
  })

  it('falls back to identities when too few can sign as a group', async () => {
    for (const slot of [0, 1]) node(slot).manners.share = share => share.map(byte => byte ^ 1)
    expectQuorum(await certify(), [0, 1, 2, 3])
  })

  it('falls back to identities when members hold no shares', async () => {
    for (const { manners } of network.nodes)
      manners.verdict = (_report, honest) =>
        honest.kind === 'signed' ? { ...honest, nonce: undefined } : honest
    expectQuorum(await certify(), [0, 1, 2, 3])
    expect(network.nodes.flatMap(({ asked }) => asked)).not.to.include('sign')
  })

  it('falls back to identities when nobody shows the transcript of the key', async () => {
    for (const { manners } of network.nodes) manners.transcript = () => Uint8Array.of(1)
    expectQuorum(await certify(), [0, 1, 2, 3])
  })

  it('is by identities before there is a group key', async () => {
    network = paperNetwork(DOMAIN, { groupKey: false })
    expectQuorum(await certify(), [0, 1, 2, 3])
  })

  it('does with a quorum when one refuses, and keeps what it says', async () => {
    const refused = Promise.withResolvers<void>()
    node(3).manners.verdict = () => {
      setImmediate(refused.resolve)
      return refusal('rewards line 4')
    }
    // No quorum before the refusal has come.
    node(2).manners.verdict = async (_report, honest) => {
      await refused.promise
      return honest
    }
    expectGroup(await certify())
    const where = { part: 'rewards', index: 0 }
    expect(refusals).to.deep.equal([
      { attempt: 0, slot: 3, code: 'REWARD_ROOT', where, text: 'rewards line 4' },
    ])
  })

  it('is refused when a quorum cannot be reached any more', async () => {
    node(0).manners.verdict = () => refusal()
    node(3).manners.verdict = () => refusal()
    expect(await certify()).to.deep.equal({ kind: 'refused' })
    expect(refusals.map(({ slot }) => slot).sort()).to.deep.equal([0, 3])
  })

  it('is refused when too many have signed another report of the attempt', async () => {
    node(0).manners.verdict = locked
    node(1).manners.verdict = locked
    expect(await certify()).to.deep.equal({ kind: 'refused' })
    expect(refusals.map(({ code }) => code)).to.deep.equal(['LOCKED', 'LOCKED'])
  })

  it('is undecided while too many cannot judge yet, are away, or sign with another key', async () => {
    node(0).manners.verdict = () => ({ kind: 'unready', text: 'my chain is behind' })
    node(1).manners.verdict = (_report, honest) =>
      honest.kind === 'signed' ? { ...honest, signature: node(2).party.sign(digest) } : honest
    expect(await certify()).to.deep.equal({ kind: 'undecided' })
    network = paperNetwork(DOMAIN)
    network.wire.disconnect(node(0).party.peerKey)
    network.wire.disconnect(node(1).party.peerKey)
    expect(await certify()).to.deep.equal({ kind: 'undecided' })
    expect(refusals).to.deep.equal([])
  })

  it('survives nonces that are no points', async () => {
    const rubbish = new Uint8Array(33)
    node(0).manners.verdict = (_report, honest) =>
      honest.kind === 'signed' ? { ...honest, nonce: { hiding: rubbish, binding: rubbish } } : honest
    expectGroup(await certify())
  })
})
