import { expect } from 'chai'
import fastify, { type FastifyInstance } from 'fastify'
import { encodePromised } from '../../../../protocol/epoch/promised-batch.ts'
import { MAX_BATCH_BYTES } from '../../../../protocol/usage/batch.ts'
import { encodeSignedReceipt } from '../../../../protocol/usage/receipt.ts'
import { addressOf, promised, signReceipt } from '../../../support/epoch/cast.ts'
import { type Case, caseOf, inferenceReceipt, inputsOf, PAYER } from '../../../support/epoch/world.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../../support/network/temporary-directory.ts'
import { type AuditingNode, serve, startAuditing } from '../../../support/oracle-node/auditing.ts'

describe('what an oracle node is shown over HTTP', () => {
  let directory: TemporaryDirectory
  let node: AuditingNode
  let app: FastifyInstance
  let given: Case

  beforeEach(async () => {
    directory = temporaryDirectory()
    given = caseOf(inputsOf({ results: [], windows: [] }))
    node = await startAuditing(given, directory.path)
    app = fastify()
    node.auditing.routes(app)
  })
  afterEach(async () => {
    await app.close()
    await node.stop()
    directory.remove()
  })

  const post = (path: string, payload: Uint8Array) =>
    app.inject({
      method: 'POST',
      url: path,
      headers: { 'content-type': 'application/octet-stream' },
      payload: Buffer.from(payload),
    })
  const codeOf = (response: { body: string }): unknown => JSON.parse(response.body).code

  const [batch] = inputsOf().batches
  if (batch === undefined) throw new Error('the epoch has batches')
  const lostBatch = { ...batch.batch, seqFrom: 500 }
  const lost = (epoch: number, by: Parameters<typeof promised>[2] = {}) =>
    encodePromised(promised(lostBatch, epoch, by))

  it('is a promise: kept, passed on once, and held against an epoch that lacks the batch', async () => {
    expect((await post('/v1/inclusions', lost(0))).statusCode).to.equal(204)
    expect((await post('/v1/inclusions', lost(0))).statusCode).to.equal(204)
    expect(node.topics.published.map(bytes => Buffer.from(bytes))).to.deep.equal([Buffer.from(lost(0))])
    const report = serve(node, given.bundle, given.report)
    await node.offer(report)
    expect(await node.audit(report)).to.include({ code: 'MISSING_BATCH' })
    const listed = await app.inject('/v1/epochs')
    expect(listed.json().epochs).to.have.length(1)
    expect(listed.json().epochs[0]).to.include({ epoch: 0, attempt: 0, signed: false, code: 'MISSING_BATCH' })
  })

  it('is no promise when nobody registered made it, its epoch is over, or it is nonsense', async () => {
    expect(codeOf(await post('/v1/inclusions', lost(0, { relayer: 'stranger' })))).to.equal('NOT_PROMISED')
    expect(codeOf(await post('/v1/inclusions', lost(9)))).to.equal('EPOCH_OVER')
    expect(codeOf(await post('/v1/inclusions', lost(0).slice(1)))).to.equal('MALFORMED')
    expect((await post('/v1/inclusions', new Uint8Array(MAX_BATCH_BYTES + 1_000))).statusCode).to.equal(413)
    expect(node.topics.published).to.deep.equal([])
  })

  it('is no promise without the very batch that it is for, of a registered worker and signed by it', async () => {
    const honest = promised(lostBatch)
    const other = promised({ ...lostBatch, records: lostBatch.records.slice(1) })
    expect(codeOf(await post('/v1/inclusions', encodePromised(honest).slice(0, 134)))).to.equal('MALFORMED')
    expect(codeOf(await post('/v1/inclusions', encodePromised({ ...honest, batch: other.batch })))).to.equal(
      'OTHER_BATCH',
    )
    expect(codeOf(await post('/v1/inclusions', lost(0, { worker: 'stranger' })))).to.equal('BAD_SIGNATURE')
    const stranger = promised({ ...lostBatch, worker: PAYER }, 0, { worker: 'payer' })
    expect(codeOf(await post('/v1/inclusions', encodePromised(stranger)))).to.equal('UNKNOWN_WORKER')
    const report = serve(node, given.bundle, given.report)
    await node.offer(report)
    expect((await node.audit(report)).kind).to.equal('signed')
  })

  it('is a receipt that the relayer holds back: then the epoch is refused', async () => {
    const high = inferenceReceipt({ cumulativeCeiling: inferenceReceipt().cumulativeCeiling * 9n })
    const receipts = [
      encodeSignedReceipt(signReceipt(high, 'payer')),
      encodeSignedReceipt(signReceipt(inferenceReceipt(), 'payer')),
    ]
    for (const receipt of receipts) expect((await post('/v1/receipts', receipt)).statusCode).to.equal(204)
    given = caseOf(
      inputsOf({
        results: [],
        windows: [],
        receipts: given.bundle.receipts.filter(({ receipt }) => receipt.kind !== high.kind),
      }),
    )
    const report = serve(node, given.bundle, given.report)
    await node.offer(report)
    expect(await node.audit(report)).to.include({ code: 'MISSING_RECEIPT' })
  })

  it('is no receipt of a payer without a deposit, for no worker, or signed by somebody else', async () => {
    const of = (changes: Parameters<typeof inferenceReceipt>[0], signer = 'payer') =>
      post('/v1/receipts', encodeSignedReceipt(signReceipt(inferenceReceipt(changes), signer)))
    expect(codeOf(await of({ payer: addressOf('poor') }, 'poor'))).to.equal('NO_DEPOSIT')
    expect(codeOf(await of({ worker: PAYER }))).to.equal('UNKNOWN_WORKER')
    expect(codeOf(await of({}, 'worker'))).to.equal('BAD_SIGNATURE')
    expect(codeOf(await post('/v1/receipts', Uint8Array.of(1)))).to.equal('MALFORMED')
  })

  it('is not more than so much from one address', async () => {
    const answers = []
    for (let i = 0; i < 110; i++) answers.push((await post('/v1/receipts', Uint8Array.of(1))).statusCode)
    expect(answers.filter(status => status === 400)).to.have.length(100)
    expect(answers.at(-1)).to.equal(429)
    node.clock.busy(1_000)
    expect((await post('/v1/receipts', Uint8Array.of(1))).statusCode).to.equal(400)
  })

  it('counts as more when it is large, whatever is in it', async () => {
    const large = new Uint8Array(MAX_BATCH_BYTES)
    const answers = []
    for (let i = 0; i < 12; i++) answers.push((await post('/v1/inclusions', large)).statusCode)
    expect(answers.filter(status => status === 400)).to.have.length(9)
    expect(answers.at(-1)).to.equal(429)
  })

  it('is asked back as a bundle, byte for byte', async () => {
    const report = serve(node, given.bundle, given.report)
    await node.offer(report)
    const response = await app.inject(`/v1/bundles/${report.bundleHash}`)
    expect(response.statusCode).to.equal(200)
    expect(response.rawPayload.equals(Buffer.from(node.blobs.get(report.bundleHash) ?? []))).to.equal(true)
    for (const name of ['nonsense', `0x${'00'.repeat(32)}`, '..%2f..%2faudit.sqlite'])
      expect((await app.inject(`/v1/bundles/${name}`)).statusCode).to.equal(404)
  })
})
