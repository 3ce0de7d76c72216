import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { hexOf } from '../../../../protocol/bytes.ts'
import { CHANNELS } from '../../../../protocol/channels.ts'
import { windowRootOf } from '../../../../protocol/epoch/availability.ts'
import { hashOfStream } from '../../../../protocol/epoch/bundle-writer.ts'
import {
  decodePriceReply,
  decodeShownPage,
  encodePriceRequest,
  encodeShownRequest,
  MAX_SHOWN_PAGE_BYTES,
  SHOWN_BEGIN,
} from '../../../../protocol/epoch/messages.ts'
import { encodePromised } from '../../../../protocol/epoch/promised-batch.ts'
import { epochReportDigest } from '../../../../protocol/epoch/report.ts'
import {
  aggregateShares,
  commitmentsOf,
  frost,
  groupKeyX,
  verifyGroupSignature,
} from '../../../../protocol/frost.ts'
import { fetchBlob } from '../../../../runtime/p2p/blobs.ts'
import { certifiedPrice, hash, promised, network as world } from '../../../support/epoch/cast.ts'
import { type Case, caseOf, inputsOf, nextInputs, START_SEC } from '../../../support/epoch/world.ts'
import { crypto } from '../../../support/network/cast.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../../support/network/temporary-directory.ts'
import {
  type AuditingNode,
  key,
  membershipOfWorld,
  NODE,
  SLOT_SEC,
  sealWindow,
  serve,
  settle,
  startAuditing,
} from '../../../support/oracle-node/auditing.ts'
import { publicOf, secretShareOf } from '../../../support/protocol/group-key.ts'
import { DOMAIN } from '../../../support/protocol/network.ts'

/** An epoch without challenge windows: everything else of an epoch. */
function quietEpoch(): Case {
  const inputs = inputsOf({ results: [], windows: [] })
  return caseOf(inputs)
}

describe('an oracle node that is asked to sign an epoch', () => {
  let directory: TemporaryDirectory
  let node: AuditingNode
  let given: Case

  beforeEach(async () => {
    directory = temporaryDirectory()
    given = quietEpoch()
    node = await startAuditing(given, directory.path)
  })
  afterEach(async () => {
    await node.stop()
    directory.remove()
  })

  const served = (changes: Partial<Case['report']> = {}, bundle = given.bundle) =>
    serve(node, bundle, { ...given.report, ...changes })

  const bundlesOnDisk = () => readdirSync(join(directory.path, 'bundles'))

  it('copies the bundle, checks it, and signs with its identity and a nonce pair', async () => {
    const report = served()
    expect(await node.offer(report)).to.deep.equal(Uint8Array.of(1))
    const verdict = await node.audit(report)
    if (verdict.kind !== 'signed') throw new Error(JSON.stringify(verdict))
    const digest = epochReportDigest(DOMAIN, report)
    expect(crypto.recover(digest, verdict.signature)).to.equal(world.identityOf(0))
    expect(verdict.nonce).to.not.equal(undefined)
    expect(node.outcomes).to.deep.equal(['signed'])
    expect(bundlesOnDisk()).to.deep.equal([`epoch-0-${report.bundleHash}`])
  })

  it('gives a share of the group signature once for each nonce pair, over the locked report only', async () => {
    node.membership = membershipOfWorld(groupKeyX(publicOf(key)))
    const report = served()
    await node.offer(report)
    const verdict = await node.audit(report)
    if (verdict.kind !== 'signed' || verdict.nonce === undefined) throw new Error('it should have signed')
    const digest = epochReportDigest(DOMAIN, report)
    const others = [1, 2].map(slot => ({ slot, nonce: frost.commit(secretShareOf(key, slot)) }))
    const signers = [
      { slot: 0, ...verdict.nonce },
      ...others.map(({ slot, nonce: { commitments } }) => ({
        slot,
        hiding: commitments.hiding,
        binding: commitments.binding,
      })),
    ]
    const request = { epoch: 0, attempt: 0, digest: hexOf(digest), signers }

    expect(await node.share({ ...request, digest: hash('another report') })).to.equal(undefined)
    expect(await node.share({ ...request, attempt: 1 })).to.equal(undefined)
    expect(await node.share({ ...request, signers: signers.slice(0, 2) })).to.equal(undefined)
    expect(await node.share({ ...request, signers: signers.toReversed() })).to.equal(undefined)
    const own = await node.share(request)
    if (own === undefined) throw new Error('there should be a share')
    expect(await node.share(request), 'the pair is spent').to.equal(undefined)

    const commitments = commitmentsOf(signers)
    const shares = new Map([[0, own]])
    for (const { slot, nonce } of others)
      shares.set(
        slot,
        frost.signShare(secretShareOf(key, slot), publicOf(key, slot), nonce.nonces, commitments, digest),
      )
    const signature = aggregateShares(publicOf(key), commitments, digest, shares)
    expect(verifyGroupSignature(groupKeyX(publicOf(key)), digest, signature)).to.equal(true)

    const again = await node.audit(report)
    if (again.kind !== 'signed' || again.nonce === undefined)
      throw new Error('what was locked is signed again')
    const fresh = [{ slot: 0, ...again.nonce }, ...signers.slice(1)]
    const noPoints = fresh.map(signer =>
      signer.slot === 0 ? signer : { ...signer, hiding: new Uint8Array(33) },
    )
    expect(await node.share({ ...request, signers: noPoints })).to.equal(undefined)
    expect(await node.share({ ...request, signers: fresh }), 'a failed one has spent it too').to.equal(
      undefined,
    )
    expect(again.nonce).to.not.deep.equal(verdict.nonce)
    expect(again.signature).to.deep.equal(verdict.signature)
  })

  it('signs no second report of an attempt, and names the one that it has locked', async () => {
    const report = served()
    await node.offer(report)
    await node.audit(report)
    const other = { ...report, validUntil: report.validUntil + 1 }
    const locked = { kind: 'locked', digest: hexOf(epochReportDigest(DOMAIN, report)) }
    expect(await node.audit(other)).to.deep.equal(locked)

    await node.stop()
    node = await startAuditing(given, directory.path)
    expect(await node.audit(other), 'after a restart').to.deep.equal(locked)
    expect((await node.audit(report)).kind).to.equal('signed')
    expect((await node.audit({ ...other, attempt: 1 })).kind).to.equal('signed')
  })

  it('names the line that differs, and signs nothing', async () => {
    const report = served({ availabilityPaid: given.report.availabilityPaid + 1n })
    await node.offer(report)
    const verdict = await node.audit(report)
    expect(verdict).to.include({ kind: 'refused', code: 'TOTALS' })
    expect(node.outcomes).to.deep.equal(['refused'])
    expect(node.logs.filter(({ level }) => level === 'warn')).to.have.length(1)
  })

  it('answers nobody but relayers', async () => {
    const report = served()
    await node.offer(report)
    const shown = node.stranger.request(
      NODE,
      CHANNELS.epochShown,
      encodeShownRequest({ epoch: 0, cursor: SHOWN_BEGIN }),
      { timeoutMs: 1_000, maxReplyBytes: MAX_SHOWN_PAGE_BYTES },
    )
    for (const ask of [node.offer(report, node.stranger), node.audit(report, node.stranger), shown]) {
      const error = await ask.then(
        () => undefined,
        (caught: unknown) => caught,
      )
      expect(error).to.include({ code: 'REFUSED' })
    }
  })

  it('says that it cannot tell yet while its chain is behind, or it has no copy', async () => {
    const report = served()
    expect(await node.audit(report)).to.include({ kind: 'unready' })
    await node.offer(report)
    node.chain.finalNumber = report.snapshotBlock - 1
    expect(await node.audit(report)).to.include({ kind: 'unready' })
    node.chain.finalNumber = 1_000
    expect(await node.audit({ ...report, epoch: 1 })).to.include({ kind: 'unready' })
    expect((await node.audit(report)).kind).to.equal('signed')
  })

  it('refuses an epoch that lacks a batch it was shown the promise of', async () => {
    const report = served()
    await node.offer(report)
    const [batch] = given.bundle.batches
    if (batch === undefined) throw new Error('the epoch has batches')
    const lost = promised({ ...batch.batch, seqFrom: 1_000 })
    expect(node.topics.hear('inclusions', encodePromised(lost))).to.equal('accept')
    expect(node.topics.hear('inclusions', encodePromised(lost)), 'the same again').to.equal('ignore')
    const verdict = await node.audit(report)
    expect(verdict).to.include({ kind: 'refused', code: 'MISSING_BATCH' })
    const page = await node.relayer.request(
      NODE,
      CHANNELS.epochShown,
      encodeShownRequest({ epoch: 0, cursor: SHOWN_BEGIN }),
      { timeoutMs: 1_000, maxReplyBytes: MAX_SHOWN_PAGE_BYTES },
    )
    expect(decodeShownPage(page)).to.deep.equal({ batches: [lost], receipts: [], next: undefined })
    const { worker, seqFrom, seqTo, batchRoot } = lost.inclusion.receipt
    const key = `${worker} ${seqFrom} to ${seqTo} ${batchRoot}`
    expect(verdict).to.have.property('where').that.deep.equals({ part: 'batches', key })
  })

  it('refuses an epoch at a price below one that it has seen certified, and tells others of that', async () => {
    const higher = certifiedPrice(6n, START_SEC + 200)
    node.auditing.noteCertified(certifiedPrice(5n, START_SEC + 100))
    node.auditing.noteCertified(higher)
    node.auditing.noteCertified(certifiedPrice(4n, START_SEC + 300))
    const report = served()
    await node.offer(report)
    expect(await node.audit(report)).to.include({ kind: 'refused', code: 'HIGHER_PRICE_KNOWN' })
    const known = await node.relayer.request(NODE, CHANNELS.epochPrice, encodePriceRequest(0), {
      timeoutMs: 1_000,
      maxReplyBytes: 10_000,
    })
    expect(decodePriceReply(known)).to.deep.equal(higher)
  })

  it('starts from the state that it computed of the epoch before, or of the bundle that the chain names', async () => {
    const first = served()
    await node.offer(first)
    await node.audit(first)
    const next = caseOf(nextInputs(given.bundle, given.outcome))
    node.chain.settledEpochs.set(0, first)
    node.chain.become(next)
    node.clock.busy(3_600_000)
    const report = serve(node, next.bundle, next.report)
    await node.offer(report)
    node.blobs.delete(first.bundleHash)
    expect((await node.audit(report)).kind, 'from memory').to.equal('signed')

    const elsewhere = temporaryDirectory()
    const newcomer = await startAuditing(next, elsewhere.path)
    newcomer.chain.settledEpochs.set(0, first)
    serve(newcomer, next.bundle, next.report)
    await newcomer.offer(report)
    expect(await newcomer.audit(report), 'with nobody to ask').to.include({ kind: 'unready' })
    serve(newcomer, given.bundle, given.report)
    expect((await newcomer.audit(report)).kind, 'from the bundle before').to.equal('signed')
    await newcomer.stop()
    elsewhere.remove()
  })

  it('starts after emptied epochs from the last one with a bundle, and asks for what was promised for them', async () => {
    const first = served()
    await node.offer(first)
    await node.audit(first)
    const [batch] = given.bundle.batches
    if (batch === undefined) throw new Error('the epoch has batches')
    const base = nextInputs(given.bundle, given.outcome)
    const next = caseOf({ ...base, header: { ...base.header, epoch: 2 }, price: undefined })
    const lost = promised({ ...batch.batch, seqFrom: 1_000 }, 1)
    node.chain.settledEpochs.set(0, first)
    node.chain.emptiedEpochs.set(1, { ...first, epoch: 1, bundleHash: hash('nothing') })
    node.goTo(next.chain.nowSec)
    node.chain.become({ ...next, chain: { ...next.chain, owedFrom: 1 } })
    const report = serve(node, next.bundle, next.report)
    await node.offer(report)
    expect((await node.audit(report)).kind).to.equal('signed')
    // Who shows a promise late is heard as long as it is owed.
    const settled = promised({ ...batch.batch, seqFrom: 2_000 }, 0)
    expect(node.topics.hear('inclusions', encodePromised(settled))).to.equal('ignore')
    expect(node.topics.hear('inclusions', encodePromised(lost))).to.equal('accept')
    const again = { ...report, attempt: 1 }
    expect(await node.audit(again)).to.include({ kind: 'refused', code: 'MISSING_BATCH' })
  })

  it('tells when what is staged is not what it has signed', async () => {
    const report = served()
    await node.offer(report)
    await node.audit(report)
    node.chain.staged = report
    await node.clock.advance(1_000)
    expect(node.auditing.doubt()).to.equal(undefined)
    node.chain.staged = { ...report, validUntil: report.validUntil + 1 }
    await node.clock.advance(1_000)
    expect(node.auditing.doubt()).to.include({ epoch: 0, attempt: 0, why: 'OTHER_SIGNED' })
    expect(node.doubts).to.deep.equal(['OTHER_SIGNED'])
    expect(node.logs.filter(({ level }) => level === 'error')).to.have.length(1)
  })

  it('does not take a report for wrong because it was asked about it after it was staged', async () => {
    const report = served()
    await node.offer(report)
    const before = node.chain.view
    const stage = () => {
      node.chain.staged = report
      node.chain.view = { ...before, nextAttempt: report.attempt + 1 }
    }
    stage()
    expect(await node.audit(report)).to.include({ kind: 'refused', code: 'WRONG_ATTEMPT' })
    await node.clock.advance(1_000)
    expect(node.auditing.doubt()).to.equal(undefined)
    await node.clock.advance(30_000)
    expect(node.auditing.doubt()?.why).to.equal('NOT_AUDITED')
    // Nor does such a question make it forget what it has found.
    node.chain.staged = undefined
    node.chain.view = { ...before, burned: before.burned + 1n }
    expect(await node.audit(report)).to.include({ kind: 'refused', code: 'BURNED' })
    stage()
    expect(await node.audit(report)).to.include({ kind: 'refused', code: 'WRONG_ATTEMPT' })
    await node.clock.advance(1_000)
    expect(node.auditing.doubt()).to.include({ why: 'REFUSED', code: 'BURNED' })
  })

  it('lets no attempt leave out a window whose root it has got in time', async () => {
    await node.stop()
    const endSec = START_SEC + 8 * SLOT_SEC
    node = await startAuditing(given, directory.path, { nowSec: endSec })
    const seal = { window: 7, root: windowRootOf(inputsOf().results), count: 2 }
    expect(node.topics.hear('windows', sealWindow(seal))).to.equal('accept')
    await settle()
    node.goTo(given.chain.nowSec)
    const report = served()
    await node.offer(report)
    expect(await node.audit(report)).to.include({ kind: 'refused', code: 'COMMITMENTS_ROOT' })
    expect(await node.audit({ ...report, attempt: 1 })).to.include({ code: 'COMMITMENTS_ROOT' })
  })

  it('keeps nothing of a bundle that is none, or another', async () => {
    const garbage = new Uint8Array(300_000).fill(7)
    const bundleHash = hashOfStream([garbage])
    node.blobs.set(bundleHash, garbage)
    const refused = await node.offer({ ...given.report, bundleHash }).catch((error: unknown) => error)
    expect(refused).to.include({ code: 'REFUSED' })
    const report = served()
    node.blobs.set(report.bundleHash, node.blobs.get(report.bundleHash)?.slice(0, -1) ?? garbage)
    expect(await node.offer(report).catch((error: unknown) => error)).to.include({ code: 'REFUSED' })
    expect(bundlesOnDisk()).to.deep.equal([])
    served()
    expect(await node.offer({ ...report, epoch: 1 }).catch((error: unknown) => error)).to.include({
      code: 'REFUSED',
    })
    expect(bundlesOnDisk()).to.deep.equal([])
    await node.offer(report)
    expect(bundlesOnDisk()).to.have.length(1)
  })

  it('removes what a crash has left of a copy', async () => {
    await node.stop()
    writeFileSync(join(directory.path, 'bundles', `epoch-0-${hash('half')}.part`), 'half')
    node = await startAuditing(given, directory.path)
    expect(bundlesOnDisk()).to.deep.equal([])
  })

  it('serves its copies to whoever asks', async () => {
    const report = served()
    await node.offer(report)
    const pieces = []
    for await (const piece of fetchBlob(node.stranger, NODE, CHANNELS.blob, report.bundleHash, {
      maxBytes: 10 ** 7,
    }))
      pieces.push(piece)
    expect(hexOf(Buffer.concat(pieces))).to.equal(
      hexOf(node.blobs.get(report.bundleHash) ?? new Uint8Array()),
    )
  })
})
