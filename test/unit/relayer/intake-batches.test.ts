import { expect } from 'chai'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { encodeSignedBatch, type UsageBatch } from '../../../protocol/usage/batch.ts'
import { decodeInclusion, promisedBy } from '../../../protocol/usage/inclusion.ts'
import { promise, signBatch } from '../../support/epoch/cast.ts'
import { hire, inference, OTHER_WORKER, START_SEC, WORKER } from '../../support/epoch/world.ts'
import { temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { DOMAIN } from '../../support/protocol/network.ts'
import { EPOCH_SEC } from '../../support/relayer/fake-chain.ts'
import { type Answer, IntakeWorld, RELAYER } from '../../support/relayer/intake-world.ts'

const BATCH: UsageBatch = { worker: WORKER, seqFrom: 1, records: [hire(), inference()] }

describe('the intake of batches', () => {
  let world: IntakeWorld
  const send = (batch: UsageBatch, name = 'worker'): Promise<Answer> =>
    world.post('/v1/batches', encodeSignedBatch(signBatch(batch, name)))

  beforeEach(async () => {
    world = await new IntakeWorld().start()
    world.register(WORKER)
  })
  afterEach(() => world.stop())

  it('answers with a promise that the relayer signed, for the epoch of the newest block', async () => {
    await world.goToEpoch(3)
    const { status, bytes } = await send(BATCH)
    const signed = decodeInclusion(bytes)
    expect(status).to.equal(200)
    expect(signed.receipt).to.deep.equal(promise(BATCH, 3).receipt)
    expect(promisedBy(DOMAIN, signed, nobleIdentityCrypto)).to.equal(RELAYER)
    expect(world.intake.batches(3)).to.deep.equal([signBatch(BATCH, 'worker')])
    expect(world.intake.recordsAccepted(3)).to.equal(2)
    expect(world.intake.sequenceOf(WORKER)).to.deep.equal({ next: 3, gaps: [] })
  })

  it('gives a repeated batch its first promise again, even in a later epoch, and takes it once', async () => {
    const first = await send(BATCH)
    await world.goToEpoch(1)
    const again = await send(BATCH)
    expect(again.status).to.equal(200)
    expect(again.bytes).to.deep.equal(first.bytes)
    expect(world.intake.batches(0)).to.have.length(1)
    expect(world.intake.batches(1)).to.deep.equal([])
    expect(world.intake.stats().usageRecordsAccepted).to.equal(2)
  })

  it('refuses other records under numbers that have been taken', async () => {
    await send(BATCH)
    const other = await send({ ...BATCH, records: [inference(), hire()] })
    expect([other.status, other.json['code']]).to.deep.equal([409, 'ALREADY_TAKEN'])
  })

  it('says with a problem document what is wrong and what to do', async () => {
    const { status, json } = await send({ ...BATCH, worker: OTHER_WORKER }, 'other worker')
    expect(status).to.equal(403)
    expect(json).to.deep.equal({
      type: 'urn:ionet:problem:unknown-worker',
      title: 'The worker has no registered device.',
      status: 403,
      detail: 'Register a device, and wait until that is final on the chain.',
      code: 'UNKNOWN_WORKER',
    })
  })

  it('refuses garbage, a stranger’s signature, overlaps and numbers far ahead, each with its code', async () => {
    await send(BATCH)
    const code = async (answer: Promise<Answer>) => (await answer).json['code']
    expect(await code(world.post('/v1/batches', Uint8Array.of(1, 2, 3)))).to.equal('MALFORMED')
    expect(await code(send({ ...BATCH, seqFrom: 3 }, 'other worker'))).to.equal('BAD_SIGNATURE')
    expect(await code(send({ ...BATCH, seqFrom: 2 }))).to.equal('OVERLAPS')
    expect(await code(send({ ...BATCH, seqFrom: 1_000_000 }))).to.equal('TOO_FAR_AHEAD')
    expect(world.intake.stats().batchesAccepted).to.equal(1)
  })

  it('takes what arrives together in one go, each exactly once, whatever its neighbours are', async () => {
    world.register(OTHER_WORKER)
    const batches = Array.from({ length: 20 }, (_, i) => ({ ...BATCH, seqFrom: 1 + 2 * i }))
    const answers = await Promise.all([
      ...batches.map(batch => send(batch)),
      ...batches.map(batch => send({ ...batch, worker: OTHER_WORKER }, 'other worker')),
      ...batches.map(batch => send({ ...batch, records: [hire()] }, 'other worker')),
      ...batches.map(batch => send(batch)),
    ])
    const ok = answers.filter(({ status }) => status === 200).length
    expect(ok).to.equal(60)
    const stored = world.intake.batches(0).map(({ batch }) => [batch.worker, batch.seqFrom])
    expect(stored).to.have.length(40)
    expect(stored).to.deep.equal(
      [...stored].sort(([a, x], [b, y]) =>
        a === b ? Number(x) - Number(y) : String(a) < String(b) ? -1 : 1,
      ),
    )
    expect(world.intake.sequenceOf(WORKER)).to.deep.equal({ next: 41, gaps: [] })
  })

  it('takes nothing into a sealed epoch, nor into one before the first', async () => {
    world.intake.seal(0)
    const sealed = await send(BATCH)
    expect([sealed.status, sealed.json['code']]).to.deep.equal([503, 'NO_EPOCH'])
    await world.goToEpoch(1)
    expect(decodeInclusion((await send(BATCH)).bytes).receipt.epoch).to.equal(1)

    const early = await new IntakeWorld(':memory:', START_SEC - EPOCH_SEC).start()
    early.register(WORKER)
    const answer = await early.post('/v1/batches', encodeSignedBatch(signBatch(BATCH, 'worker')))
    expect(answer.json['code']).to.equal('NO_EPOCH')
    await early.stop()
  })

  it('remembers all of it when it is opened again', async () => {
    const directory = temporaryDirectory()
    const path = `${directory.path}/intake.sqlite`
    const before = await new IntakeWorld(path).start()
    before.register(WORKER)
    const first = await before.post('/v1/batches', encodeSignedBatch(signBatch(BATCH, 'worker')))
    before.intake.seal(0)
    await before.stop()

    const after = await new IntakeWorld(path).start()
    after.register(WORKER)
    const again = await after.post('/v1/batches', encodeSignedBatch(signBatch(BATCH, 'worker')))
    expect(again.bytes).to.deep.equal(first.bytes)
    const next = encodeSignedBatch(signBatch({ ...BATCH, seqFrom: 3 }, 'worker'))
    expect((await after.post('/v1/batches', next)).json['code']).to.equal('NO_EPOCH')
    await after.stop()
    directory.remove()
  })

  it('refuses a body that is longer than any batch without reading it', async () => {
    const { status, json } = await world.post('/v1/batches', new Uint8Array(300_000))
    expect([status, json['code']]).to.deep.equal([413, 'TOO_LARGE'])
  })

  it('counts what it has taken', async () => {
    await send(BATCH)
    expect((await world.get('/v1/stats')).json).to.deep.equal({
      usageRecordsAccepted: 2,
      batchesAccepted: 1,
      holdsAccepted: 0,
      receipts: 0,
      commitments: 0,
      windows: 0,
    })
  })
})
