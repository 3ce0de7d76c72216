import { expect } from 'chai'
import type { Kernel } from '../../../compute/matrix/kernel.ts'
import { createWasmKernel } from '../../../compute/matrix/wasm-kernel.ts'
import { ONE } from '../../../protocol/units.ts'
import { encodeSignedBatch } from '../../../protocol/usage/batch.ts'
import { type Hold, holdDigest } from '../../../protocol/usage/hold.ts'
import { channelKey } from '../../../protocol/usage/receipt.ts'
import { createHttpServer, type HttpServer } from '../../../runtime/http.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { createRelayerClient, type RelayerClient, RelayerError } from '../../../sdk/relayer-client.ts'
import { promise, signAs, signBatch, signReceipt } from '../../support/epoch/cast.ts'
import { inference, inferenceReceipt, ioHold, PAYER, START_SEC, WORKER } from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'
import { ChallengedDevice } from '../../support/relayer/challenged-device.ts'
import { IntakeWorld } from '../../support/relayer/intake-world.ts'
import { rejectionOf } from '../../support/relayer/rejection.ts'

describe('the intake over HTTP, as its clients see it', () => {
  let world: IntakeWorld
  let server: HttpServer
  let client: RelayerClient
  let kernel: Kernel

  before(async () => {
    kernel = await createWasmKernel()
  })
  beforeEach(async () => {
    world = await new IntakeWorld().start()
    world.chain.deposit(PAYER, { io: 100n * ONE, iosd: 100n * ONE })
    server = createHttpServer(
      {
        name: 'relayer',
        host: '127.0.0.1',
        port: 0,
        cors: true,
        routes: app => world.intake.routes(app),
        health: () => ({ healthy: true, details: {} }),
      },
      { logger: world.logger, metrics: createMetrics({ processMetrics: false }) },
    )
    await server.start(new AbortController().signal)
    client = createRelayerClient({ url: server.url, timeoutMs: 5_000 })
  })
  afterEach(async () => {
    await server.stop()
    await world.stop()
  })

  const acceptHold = (hold: Hold) => client.acceptHold(hold, signAs('payer', holdDigest(DOMAIN, hold)))

  it('takes a hold, a receipt and a batch', async () => {
    world.register(WORKER)
    const hold = ioHold({ expiresEpoch: 2, maxAmount: ONE })
    const accepted = await acceptHold(hold)
    expect(accepted.openTotal).to.equal(ONE)
    const receipt = signReceipt(inferenceReceipt(), 'payer')
    await client.postReceipt(receipt)
    expect(world.intake.receipts(new Set([channelKey(receipt.receipt)]), { from: 0, to: 0 })).to.deep.equal([
      receipt,
    ])
    const batch = { worker: WORKER, seqFrom: 1, records: [inference()] }
    const inclusion = await client.postBatch(encodeSignedBatch(signBatch(batch, 'worker')))
    expect(inclusion.receipt).to.deep.equal(promise(batch, 0).receipt)
  })

  it('names the rule that a request broke, and whether it is worth sending again', async () => {
    const refused = await rejectionOf(acceptHold(ioHold({ expiresEpoch: 2, maxAmount: 101n * ONE })))
    expect(refused)
      .to.be.instanceOf(RelayerError)
      .and.to.include({ code: 'NOT_COVERED', status: 402, retryable: false })
    world.price = undefined
    const early = await rejectionOf(acceptHold(ioHold({ expiresEpoch: 2 })))
    expect(early).to.include({ code: 'NO_PRICE', status: 503, retryable: true })
  })

  it('takes a commitment, shows it under the root, and judges what is opened', async () => {
    const window = 1
    const device = new ChallengedDevice(kernel, window)
    const of = { worker: WORKER, device: device.device }
    world.register(WORKER, device.device)
    await world.goTo(START_SEC + 5)
    await client.postCommitment(device.commitment)
    expect(await client.windowOf(window, of)).to.equal(undefined)
    await world.goTo(START_SEC + 14)
    const view = await client.windowOf(window, of)
    expect({ ...view, root: '' }).to.deep.equal({ window, root: '', count: 1, index: 0, proof: [] })
    const openings = device.openings(view?.root ?? '0x')
    await client.postOpenings(window, of, device.signedOpenings(openings))
    expect(world.intake.results(0).map(({ opening }) => opening)).to.deep.equal([1])
  })

  it('refuses what is no binary body, and an endless one', async () => {
    const codeOf = async (init: RequestInit) => {
      const response = await fetch(`${server.url}/v1/batches`, { method: 'POST', ...init })
      expect(response.headers.get('content-type')).to.match(/^application\/problem\+json/)
      return ((await response.json()) as { code: string }).code
    }
    expect(await codeOf({ body: '{}', headers: { 'content-type': 'application/json' } })).to.equal(
      'UNSUPPORTED_MEDIA_TYPE',
    )
    const headers = { 'content-type': 'application/octet-stream' }
    expect(await codeOf({ body: new Uint8Array(1_000_000), headers })).to.equal('TOO_LARGE')
    expect(await codeOf({ headers })).to.equal('MALFORMED')
  })
})
