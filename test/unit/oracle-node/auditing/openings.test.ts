import { expect } from 'chai'
import { commitmentDigest, type SignedCommitment } from '../../../../compute/challenge/commitment.ts'
import type { ChallengeContext } from '../../../../compute/challenge/context.ts'
import { drawOpenings, drawRuleOf } from '../../../../compute/challenge/draw.ts'
import { encodeOpenings } from '../../../../compute/challenge/openings.ts'
import { openDrawn } from '../../../../compute/challenge/prove.ts'
import { encodeTranscript, transcriptHash } from '../../../../compute/challenge/transcript.ts'
import type { Kernel } from '../../../../compute/matrix/kernel.ts'
import { matrixSize } from '../../../../compute/matrix/size.ts'
import { createWasmKernel } from '../../../../compute/matrix/wasm-kernel.ts'
import { hexOf } from '../../../../protocol/bytes.ts'
import { type ChallengeResult, OPENING, windowRootOf } from '../../../../protocol/epoch/availability.ts'
import { EMPTY_ROOT } from '../../../../protocol/merkle.ts'
import { makeProducts } from '../../../support/compute/challenge.ts'
import { hash, signAs, signBatch } from '../../../support/epoch/cast.ts'
import {
  type Case,
  caseOf,
  inputsOf,
  OTHER_WORKER,
  START_SEC,
  statement,
  WORKER,
  windowsOf,
} from '../../../support/epoch/world.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../../support/network/temporary-directory.ts'
import {
  type AuditingNode,
  beaconKey,
  SIZE,
  SLOT_SEC,
  sealWindow,
  serve,
  settle,
  startAuditing,
} from '../../../support/oracle-node/auditing.ts'
import { beaconValue } from '../../../support/protocol/beacon-key.ts'
import { DOMAIN } from '../../../support/protocol/network.ts'

const WINDOW = 7
const DEVICE = hash('a device')

describe('what a device has opened, as an auditor sees it', () => {
  let kernel: Kernel
  let directory: TemporaryDirectory
  let node: AuditingNode
  let given: Case
  let transcript: Uint8Array
  let result: ChallengeResult

  const context: ChallengeContext = {
    domain: DOMAIN,
    worker: WORKER,
    device: DEVICE,
    window: BigInt(WINDOW),
    size: matrixSize(SIZE),
    beacon: beaconValue(beaconKey, { kind: 'window', slot: WINDOW }),
  }

  /** What the worker hands in: honest products unless changed. */
  const prove = (work?: (product: Int32Array) => Int32Array) => {
    const { roots } = makeProducts(kernel, context, 2, work)
    const commitment = { worker: WORKER, device: DEVICE, window: BigInt(WINDOW), size: context.size, roots }
    const digest = commitmentDigest(DOMAIN, commitment)
    const signed: SignedCommitment = { commitment, signature: signAs('worker', digest) }
    const line = {
      window: WINDOW,
      worker: WORKER,
      device: DEVICE,
      products: 2,
      commitment: hexOf(digest),
      opening: OPENING.passed,
      transcriptHash: hash('not yet'),
    }
    const beacon = beaconValue(beaconKey, { kind: 'draw', slot: WINDOW, root: windowRootOf([line]) })
    const drawn = drawOpenings(drawRuleOf(context.size), beacon, digest, 2, context.size)
    transcript = encodeTranscript({
      signed,
      openings: encodeOpenings(openDrawn(kernel, context, roots, drawn)),
    })
    result = { ...line, transcriptHash: transcriptHash(transcript) }
    const results = [result]
    const batch = { worker: WORKER, seqFrom: 1, records: [statement(result)] }
    given = caseOf(inputsOf({ results, windows: windowsOf(results), batches: [signBatch(batch, 'worker')] }))
  }

  /** The verdict of a node that got the root in time, and is served these bytes for the transcript. */
  const verdictOn = async (bytes: Uint8Array | undefined, owner = WORKER): Promise<string> => {
    const nowSec = START_SEC + (WINDOW + 1) * SLOT_SEC
    node = await startAuditing(given, directory.path, { nowSec })
    node.chain.devices.set(DEVICE, owner)
    const root = windowRootOf([result])
    node.topics.hear('windows', sealWindow({ window: WINDOW, root, count: 1 }))
    await settle()
    node.goTo(given.chain.nowSec)
    const report = serve(node, given.bundle, given.report)
    if (bytes !== undefined) node.blobs.set(result.transcriptHash, bytes)
    await node.offer(report)
    const verdict = await node.audit(report)
    return verdict.kind === 'refused' ? `${verdict.code}, ${verdict.text.split(', found ')[1]}` : verdict.kind
  }

  before(async () => {
    kernel = await createWasmKernel()
  })
  beforeEach(() => {
    directory = temporaryDirectory()
    prove()
  })
  afterEach(async () => {
    await node.stop()
    directory.remove()
  })

  it('is true when everything derives from the beacons and the products', async () => {
    expect(await verdictOn(transcript)).to.equal('signed')
  })

  it('is missing when the relayer does not serve it, or serves something else', async () => {
    expect(await verdictOn(undefined)).to.equal('CHALLENGE_OPENING, missing')
    await node.stop()
    expect(await verdictOn(transcript.map(byte => byte ^ 1))).to.equal('CHALLENGE_OPENING, missing')
  })

  it('is false when the products are not what was to be computed', async () => {
    prove(product => product.map(entry => entry + 1))
    expect(await verdictOn(transcript)).to.equal('CHALLENGE_OPENING, false')
  })

  it('is false when the line says another commitment, or more products', async () => {
    result = { ...result, products: 3 }
    given = caseOf(inputsOf({ results: [result], windows: windowsOf([result]), batches: [] }))
    expect(await verdictOn(transcript)).to.equal('CHALLENGE_OPENING, false')
  })

  it('is false when the device belongs to somebody else', async () => {
    expect(await verdictOn(transcript, OTHER_WORKER)).to.equal('CHALLENGE_OPENING, false')
  })

  it('is signed for when nothing was drawn of it, but told and counted when the draw can be had', async () => {
    result = { ...result, opening: OPENING.notDrawn, transcriptHash: EMPTY_ROOT }
    const batch = { worker: WORKER, seqFrom: 1, records: [statement(result)] }
    const results = [result]
    given = caseOf(inputsOf({ results, windows: windowsOf(results), batches: [signBatch(batch, 'worker')] }))
    expect(await verdictOn(undefined)).to.equal('signed')
    expect(node.outcomes).to.deep.equal(['withheld', 'signed'])
    const told = node.logs.find(({ sentence }) => sentence.includes('draws can be had'))
    expect(told?.fields).to.deep.include({ windows: [WINDOW] })

    await node.stop()
    const quiet = temporaryDirectory()
    node = await startAuditing(given, quiet.path, { nowSec: START_SEC + (WINDOW + 1) * SLOT_SEC })
    node.topics.hear('windows', sealWindow({ window: WINDOW, root: windowRootOf([result]), count: 1 }))
    await settle()
    node.membersUp.clear()
    node.goTo(given.chain.nowSec)
    const report = serve(node, given.bundle, given.report)
    await node.offer(report)
    expect((await node.audit(report)).kind).to.equal('signed')
    expect(node.outcomes).to.deep.equal(['signed'])
    quiet.remove()
  })

  it('waits while too few members draw', async () => {
    const nowSec = START_SEC + (WINDOW + 1) * SLOT_SEC
    node = await startAuditing(given, directory.path, { nowSec })
    node.chain.devices.set(DEVICE, WORKER)
    node.topics.hear('windows', sealWindow({ window: WINDOW, root: windowRootOf([result]), count: 1 }))
    await settle()
    node.goTo(given.chain.nowSec)
    const report = serve(node, given.bundle, given.report)
    node.blobs.set(result.transcriptHash, transcript)
    await node.offer(report)
    node.membersUp.clear()
    expect((await node.audit(report)).kind).to.equal('unready')
  })
})
