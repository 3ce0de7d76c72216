import { expect } from 'chai'
import { commitmentDigest } from '../../../compute/challenge/commitment.ts'
import { drawOpenings, drawRuleOf } from '../../../compute/challenge/draw.ts'
import { decodeOpenings } from '../../../compute/challenge/openings.ts'
import { openingsDigest, splitSignedOpenings } from '../../../compute/challenge/openings-signature.ts'
import { verifyOpenings } from '../../../compute/challenge/verify.ts'
import { matrixSize } from '../../../compute/matrix/size.ts'
import { createWasmKernel } from '../../../compute/matrix/wasm-kernel.ts'
import { BUILT_IN_MODEL, modelHash } from '../../../compute/model/spec.ts'
import { verifyCompletion } from '../../../compute/model/verify.ts'
import { loadModel } from '../../../compute/model/weights.ts'
import { bytesOf, hexOf } from '../../../protocol/bytes.ts'
import { windowRootOf } from '../../../protocol/epoch/availability.ts'
import { decodePromised } from '../../../protocol/epoch/promised-batch.ts'
import { isWindow } from '../../../protocol/epoch/windows.ts'
import { addressOfSecret } from '../../../protocol/identity.ts'
import { batchIdentity } from '../../../protocol/usage/batch.ts'
import { encodeAcceptedHold } from '../../../protocol/usage/hold.ts'
import { encodeSignedReceipt } from '../../../protocol/usage/receipt.ts'
import { AVAILABILITY_KIND } from '../../../protocol/usage/record.ts'
import { decodeSignedStatement, isStatementSigned } from '../../../protocol/usage/statement.ts'
import { ASSET, NOBODY, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { inferenceWorkHash } from '../../../protocol/usage/work-hash.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import type { Service } from '../../../runtime/service.ts'
import { createWorkerClient } from '../../../sdk/worker-client.ts'
import { deviceName } from '../../../worker/device/registration.ts'
import { createWorker } from '../../../worker/service.ts'
import { eventually } from '../../support/devnet/eventually.ts'
import { crypto } from '../../support/network/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { beaconValue } from '../../support/protocol/beacon-key.ts'
import { seeded } from '../../support/protocol/seeded.ts'
import { Customer } from '../../support/worker/customer.ts'
import { BEACON_KEY } from '../../support/worker/fake-relayer.ts'
import {
  GATEWAY,
  GRACE_SEC,
  SLOT_SEC,
  startWorkerWorld,
  type WorkerWorld,
} from '../../support/worker/worker-world.ts'

describe('a worker with a chain and a relayer', function () {
  this.timeout(60_000)
  let world: WorkerWorld
  let service: Service
  let url: string
  const log = recordLogger()
  const worker = addressOfSecret(seeded('identity of w1'))
  const device = addressOfSecret(seeded('device of w1'))

  const post = async (path: string, body: unknown, method = 'POST') => {
    const response = await fetch(`${url}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    const text = await response.text()
    return { status: response.status, json: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> }
  }
  const offerFor = (customer: Customer, prompt: string, maxTokens: number) =>
    createWorkerClient({ url, timeoutMs: 5_000 }).offer({
      payer: customer.address,
      gateway: GATEWAY,
      prompt,
      maxTokens,
    })
  const ask = async (customer: Customer, prompt: string, maxTokens = 30, hold = customer.hold(GATEWAY)) => {
    const receipt = customer.receipt(await offerFor(customer, prompt, maxTokens))
    return post('/v1/inferences', {
      prompt,
      maxTokens,
      receipt: hexOf(encodeSignedReceipt(receipt)),
      hold: hexOf(encodeAcceptedHold(hold)),
    })
  }

  before(async () => {
    world = await startWorkerWorld({ challengeEvery: 1 })
    const config = await world.config('w1')
    service = await createWorker(config, {
      clock: systemClock,
      logger: log,
      metrics: createMetrics({ processMetrics: false }),
      fail: error => {
        throw error
      },
    })
    await service.start(new AbortController().signal)
    const line = await eventually('the port', 5_000, () =>
      log.lines.find(({ sentence, fields }) => sentence === 'listening' && fields['port'] !== 0),
    )
    url = `http://127.0.0.1:${line.fields['port']}`
    await eventually('the registration', 15_000, async () => (await fetch(`${url}/health`)).ok)
    await eventually('the model', 15_000, () =>
      log.lines.some(({ sentence }) => sentence === 'the model can be used'),
    )
  })
  after(async () => {
    await service.stop()
    await world.stop()
  })

  it('registers its device and says what it offers', async () => {
    expect(await createWorkerClient({ url, timeoutMs: 5_000 }).profile()).to.deep.equal({
      worker,
      device: deviceName(device),
      state: 'idle',
      model: { ...world.model, hash: modelHash(BUILT_IN_MODEL), unitsPerToken: 68n },
      price: { ioPerThousandUnits: 10n ** 16n, iosdPerSec: 5n * 10n ** 14n },
    })
  })

  it('gives one prompt one answer, two prompts two, and states each in a batch that is shown around', async () => {
    const customer = new Customer('asks', world.domain)
    const first = await ask(customer, 'hello')
    const other = await ask(customer, 'how are you')
    const again = await ask(new Customer('asks too', world.domain), 'hello')
    expect([first.status, other.status, again.status]).to.deep.equal([200, 200, 200])
    expect(first.json['text']).to.equal(again.json['text'])
    expect(first.json['text']).not.to.equal(other.json['text'])

    const { text, finish, promptTokens, tokens, units } = first.json
    const answer = {
      text: String(text),
      finish: finish as 'stop' | 'length',
      promptTokens: Number(promptTokens),
      completionTokens: Number(tokens),
      units: BigInt(String(units)),
    }
    const request = { prompt: 'hello', maxTokens: 30 }
    expect(verifyCompletion(loadModel(BUILT_IN_MODEL), request, answer)).to.deep.equal({ ok: true })

    const signed = decodeSignedStatement(bytesOf(String(other.json['statement'])))
    expect(isStatementSigned(world.domain, signed, crypto)).to.equal(true)
    const total = BigInt(String(first.json['chargedWei'])) + BigInt(String(other.json['chargedWei']))
    expect(signed.statement).to.include({ worker, gateway: GATEWAY, cumulativeCharge: total })
    expect(signed.statement.workHash).to.equal(
      inferenceWorkHash('how are you', 30, String(other.json['text'])),
    )

    await eventually('three records', 10_000, () => world.relayer.records().size >= 3)
    const records = [...world.relayer.records().values()]
    expect(records.map(({ kind }) => kind)).to.include(WORK_KIND.inference)
    expect(records).to.deep.include({
      ...{ kind: WORK_KIND.inference, payer: customer.address, gateway: GATEWAY, ...world.model },
      hold: records.flatMap(record => ('hold' in record ? [record] : []))[1]?.hold,
      cumulativeUnits: signed.statement.cumulativeUnits,
      cumulativeCharge: total,
      workHash: signed.statement.workHash,
    })
    await eventually('receipts', 5_000, () => world.relayer.receipts.length >= 2)
    const shown = await eventually('a witness', 5_000, () => world.relayer.inclusions[0])
    const { inclusion, batch } = decodePromised(shown)
    expect(inclusion.receipt).to.include({ worker, seqFrom: 1 })
    expect(batchIdentity(batch.batch)).to.include({ batchRoot: inclusion.receipt.batchRoot })
  })

  it('asks for a better receipt with 402 and the offer, and charges nothing', async () => {
    const customer = new Customer('is stingy', world.domain)
    const offer = await offerFor(customer, 'hello', 30)
    const low = customer.receipt({ ...offer, cumulativeCeiling: offer.cumulativeCeiling - 1n })
    const hold = hexOf(encodeAcceptedHold(customer.hold(GATEWAY)))
    const body = { prompt: 'hello', maxTokens: 30, receipt: hexOf(encodeSignedReceipt(low)), hold }
    const refused = await post('/v1/inferences', body)
    expect(refused.status).to.equal(402)
    expect(refused.json).to.include({ code: 'RECEIPT_TOO_LOW', status: 402 })
    expect(refused.json['offer']).to.include({ cumulativeCeiling: offer.cumulativeCeiling.toString() })
    expect((await offerFor(customer, 'hello', 30)).cumulativeCeiling).to.equal(offer.cumulativeCeiling)
  })

  it('refuses holds of another payee, a forged acceptance and nonsense, each with its code', async () => {
    const customer = new Customer('is sly', world.domain)
    const codes = []
    for (const hold of [
      customer.hold(worker),
      customer.hold(GATEWAY, {}, seeded('nobody')),
      customer.hold(GATEWAY, { maxAmount: 1n }),
      customer.hold(GATEWAY, { asset: ASSET.iosd }),
      customer.hold(GATEWAY, { expiresEpoch: 0 }),
    ]) {
      codes.push((await ask(customer, 'hello', 30, hold)).json['code'])
    }
    expect(codes).to.deep.equal(['WRONG_HOLD', 'NO_RELAYER', 'HOLD_USED_UP', 'WRONG_ASSET', 'HOLD_EXPIRES'])
    const nonsense = await post('/v1/inferences', { prompt: 'x', maxTokens: 1, receipt: '0x12', hold: '0x' })
    expect(nonsense.status).to.equal(400)
    expect(nonsense.json['code']).to.equal('MALFORMED')
  })

  it('does nothing for a payer that names itself as gateway, or while its relayer takes no receipts', async () => {
    const customer = new Customer('is its own gateway', world.domain)
    const asked = { prompt: 'hello', maxTokens: 30 }
    const self = { payer: customer.address, gateway: customer.address, ...asked }
    expect((await post('/v1/inferences/offer', self)).json['code']).to.equal('UNKNOWN_GATEWAY')
    const before = world.relayer.records().size
    world.relayer.takesReceipts = false
    try {
      const refused = await ask(customer, 'hello')
      expect(refused.status).to.equal(503)
      expect(refused.json['code']).to.equal('RELAYER_DOWN')
    } finally {
      world.relayer.takesReceipts = true
    }
    expect(world.relayer.records().size).to.equal(before)
    expect((await ask(customer, 'hello')).status).to.equal(200)
  })

  it('is hired by the second, serves nobody else meanwhile, and bounds what it charges by the receipt', async () => {
    const customer = new Customer('hires', world.domain)
    const lease = hexOf(seeded('lease'))
    const hold = customer.hold(worker, { kind: WORK_KIND.hire, asset: ASSET.iosd })
    const perSec = 5n * 10n ** 14n
    const fields = {
      worker,
      gateway: NOBODY,
      kind: WORK_KIND.hire,
      id: lease,
      version: 0,
      validUntilEpoch: 999,
    }
    const receipt = customer.receipt({ ...fields, cumulativeUnits: 5n, cumulativeCeiling: 5n * perSec })
    const hired = await post('/v1/hires', {
      hold: hexOf(encodeAcceptedHold(hold)),
      receipt: hexOf(encodeSignedReceipt(receipt)),
    })
    expect(hired).to.deep.equal({ status: 200, json: { lease } })
    const body = { payer: GATEWAY, gateway: GATEWAY, prompt: 'x', maxTokens: 1 }
    expect((await post('/v1/inferences/offer', body)).status).to.equal(409)
    const charges = (): bigint[] =>
      [...world.relayer.records().values()].flatMap(record =>
        record.kind === WORK_KIND.hire ? [record.cumulativeCharge] : [],
      )
    await eventually('five seconds', 10_000, () => charges().includes(5n * perSec))
    const end = (who: Customer) => {
      const { validUntil, signature } = who.leaseEnd(worker, lease, hold, Math.floor(Date.now() / 1_000) + 30)
      return post(`/v1/hires/${lease}/end`, { validUntil, signature: hexOf(signature) })
    }
    expect((await end(new Customer('stranger', world.domain))).json['code']).to.equal('NOT_THE_PAYER')
    const closed = await end(customer)
    expect(closed.status).to.equal(200)
    expect(closed.json['chargedWei']).to.equal((5n * perSec).toString())
    expect(charges()).to.deep.equal(charges().toSorted((a, b) => (a < b ? -1 : 1)))
    expect((await post('/v1/inferences/offer', body)).status).to.equal(200)
    expect((await end(customer)).json['code']).to.equal('NO_LEASE')
    const again = await post('/v1/hires', {
      hold: hexOf(encodeAcceptedHold(hold)),
      receipt: hexOf(encodeSignedReceipt(receipt)),
    })
    expect(again.json['code']).to.equal('RECEIPT_TOO_LOW')
  })

  it('answers a challenge window with products that stand every test', async () => {
    const { deployment, relayer, domain } = world
    const terms = {
      clock: { startSec: deployment.epochStart, lengthSec: deployment.epochLengthSec },
      slotSec: SLOT_SEC,
      every: 1,
      graceSec: GRACE_SEC,
    }
    const slot = Math.floor(((await world.nowSec()) - deployment.epochStart) / SLOT_SEC) + 2
    const start = deployment.epochStart + slot * SLOT_SEC
    await world.mineAt(start - 1)
    const beacon = beaconValue(BEACON_KEY, { kind: 'window', slot }, domain)
    expect(isWindow(terms, slot, beacon)).to.equal(true)
    await world.mineAt(start)
    const signed = await eventually('a commitment', 20_000, () =>
      relayer.commitments.find(({ commitment }) => commitment.window === BigInt(slot)),
    )
    expect(signed.commitment.roots).to.have.length(3)
    const digest = commitmentDigest(domain, signed.commitment)
    const record = await eventually('the record', 5_000, () =>
      [...relayer.records().values()].find(each => each.kind === AVAILABILITY_KIND && each.window === slot),
    )
    expect(record).to.include({ products: 3, commitment: hexOf(digest) })

    await world.mineAt(start + SLOT_SEC)
    relayer.closed.add(slot)
    await world.mineAt(start + SLOT_SEC + GRACE_SEC)
    relayer.drawn.add(slot)
    const opened = await eventually('openings', 20_000, () =>
      relayer.openings.find(({ window }) => window === slot),
    )
    const size = matrixSize(64)
    const { roots, ...rest } = signed.commitment
    const root = windowRootOf([
      { ...rest, window: slot, products: 3, commitment: hexOf(digest), opening: 0, transcriptHash: '0x' },
    ])
    const draw = beaconValue(BEACON_KEY, { kind: 'draw', slot, root }, domain)
    const drawn = drawOpenings(drawRuleOf(size), draw, digest, 3, size)
    const context = { ...rest, domain, beacon }
    const shown = splitSignedOpenings(opened.bytes)
    if (shown === undefined) throw new Error('no signature behind the openings')
    const signer = crypto.recover(openingsDigest(domain, hexOf(digest), shown.openings), shown.signature)
    expect(signer).to.equal(signed.commitment.worker)
    const openings = decodeOpenings(shown.openings, drawn, size)
    expect(verifyOpenings(await createWasmKernel(), context, roots, drawn, openings)).to.deep.equal({
      ok: true,
      weight: 3n,
    })
  })
})
