import { expect } from 'chai'
import { hexOf } from '../../../protocol/bytes.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { encodeSignedBatch, type SignedBatch } from '../../../protocol/usage/batch.ts'
import { decodeInclusion, promisedBy, type SignedInclusion } from '../../../protocol/usage/inclusion.ts'
import { signBatch } from '../../support/epoch/cast.ts'
import { hire, inference, WORKER } from '../../support/epoch/world.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { DOMAIN } from '../../support/protocol/network.ts'
import { IntakeWorld, RELAYER } from '../../support/relayer/intake-world.ts'
import { type Spawned, spawnNode } from '../../support/runtime/spawned.ts'

const BATCHES = 64
const RECORDS = 4
/** Requests on the way at once: fewer than gaps are allowed, as they overtake one another. */
const AT_ONCE = 16

describe('an intake whose process is killed while it takes batches in', () => {
  let directory: TemporaryDirectory
  const batches: SignedBatch[] = Array.from({ length: BATCHES }, (_, i) =>
    signBatch(
      {
        worker: WORKER,
        seqFrom: 1 + i * RECORDS,
        records: Array.from({ length: RECORDS }, (_, at) => (at % 2 === 0 ? hire() : inference())),
      },
      'worker',
    ),
  )

  before(() => {
    directory = temporaryDirectory()
  })
  after(() => directory.remove())

  /** Sends all batches, several at a time; `answered` is called with each answer. Ends when the server is gone. */
  async function sendAll(
    url: string,
    answered: (index: number, promise: SignedInclusion) => void,
  ): Promise<void> {
    let next = 0
    const send = async (): Promise<void> => {
      for (let index = next++; index < BATCHES; index = next++) {
        const batch = batches[index]
        if (batch === undefined) return
        try {
          const response = await fetch(`${url}/v1/batches`, {
            method: 'POST',
            headers: { 'content-type': 'application/octet-stream' },
            body: Buffer.from(encodeSignedBatch(batch)),
          })
          const bytes = new Uint8Array(await response.arrayBuffer())
          expect(response.status, Buffer.from(bytes).toString()).to.equal(200)
          answered(index, decodeInclusion(bytes))
        } catch (error) {
          if (error instanceof TypeError) return
          throw error
        }
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, send))
  }

  async function serve(path: string): Promise<{ readonly child: Spawned; readonly url: string }> {
    const child = spawnNode('test/support/relayer/intake-process.ts', [path])
    await child.printed('\n')
    return { child, url: child.stdout().trim() }
  }

  it('has every batch that it has promised, none twice, and gives the same promises again', async function () {
    this.timeout(60_000)
    const path = `${directory.path}/intake.sqlite`
    const promises = new Map<number, SignedInclusion>()
    const killed = await serve(path)
    await sendAll(killed.url, (index, promise) => {
      promises.set(index, promise)
      if (promises.size === 20) killed.child.process.kill('SIGKILL')
    })
    expect(await killed.child.ended).to.equal('SIGKILL')
    expect(promises.size).to.be.within(20, BATCHES - 1)

    const found = new IntakeWorld(path)
    const kept = found.intake.batches(0).map(({ batch }) => batch.seqFrom)
    expect(new Set(kept).size).to.equal(kept.length)
    for (const { receipt } of promises.values()) expect(kept).to.include(receipt.seqFrom)
    await found.stop()

    const again = await serve(path)
    await sendAll(again.url, (index, promise) => {
      const first = promises.get(index)
      if (first !== undefined) expect(promise).to.deep.equal(first)
      if (index === 0) expect(promisedBy(DOMAIN, promise, nobleIdentityCrypto)).to.equal(RELAYER)
    })
    again.child.process.kill('SIGKILL')
    await again.child.ended

    const whole = new IntakeWorld(path)
    const bytes = whole.intake.batches(0).map(batch => hexOf(encodeSignedBatch(batch)))
    expect(bytes).to.deep.equal(batches.map(batch => hexOf(encodeSignedBatch(batch))))
    expect(whole.intake.sequenceOf(WORKER)).to.deep.equal({ next: 1 + BATCHES * RECORDS, gaps: [] })
    expect(whole.intake.recordsAccepted(0)).to.equal(BATCHES * RECORDS)
    await whole.stop()
  })
})
