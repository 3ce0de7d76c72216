import { join } from 'node:path'
import { expect } from 'chai'
import { deploy } from '../../../chain/deploy.ts'
import type { GatewayConfig } from '../../../config/process-config.ts'
import { createGateway, type Gateway } from '../../../gateway/service.ts'
import { type Address, hexOf } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { ONE } from '../../../protocol/units.ts'
import { encodeAcceptedHold, type Hold, holdDigest } from '../../../protocol/usage/hold.ts'
import { encodeSignedReceipt, type Receipt, receiptDigest } from '../../../protocol/usage/receipt.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { writeKeystore } from '../../../runtime/keystore.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { Secret } from '../../../runtime/secret.ts'
import {
  createGatewayClient,
  type GatewayClient,
  type HoldNeed,
  PaymentError,
} from '../../../sdk/gateway-client.ts'
import { objectOf } from '../../../sdk/json.ts'
import { PAYMENT_HEADERS, readGatewayOffer } from '../../../sdk/offer-json.ts'
import type { PayerBook } from '../../../sdk/payer.ts'
import { ProblemError } from '../../../sdk/problem.ts'
import { type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { testMember } from '../../support/chain/signing.ts'
import { addressOf } from '../../support/epoch/cast.ts'
import { type FakeWorker, startFakeWorker } from '../../support/gateway/fake-worker.ts'
import {
  accept,
  aHold,
  aReceipt,
  bookOf,
  GATEWAY,
  MODEL,
  PAYER,
  signWith,
} from '../../support/gateway/payments.ts'
import { registerDevice } from '../../support/gateway/registered-device.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { waitFor } from '../../support/network/wait.ts'
import { seeded } from '../../support/protocol/seeded.ts'

const LIMITS = { maxChargeWei: ONE, maxUnprovenWei: 4n * ONE }
const QUESTION = { model: MODEL, prompt: 'hello', maxTokens: 16 }

describe('a gateway', function () {
  this.timeout(60_000)
  let dir: TemporaryDirectory
  let anvil: Anvil
  let config: Omit<GatewayConfig, 'workers' | 'dataDir'>
  let domain: Domain
  let running: { stop(): Promise<void> }[] = []

  before(async () => {
    dir = temporaryDirectory()
    anvil = await startAnvil()
    const peer = (name: string) => {
      const { identity, peerKey } = testMember(name)
      return { identity, peerKey }
    }
    const deployment = await deploy({
      rpcUrl: anvil.rpcUrl,
      deployer: fundedAccount(0),
      members: [0, 1, 2, 3].map(slot => peer(`member ${slot}`)),
      aggregators: [peer('aggregator')],
      relayers: [{ ...peer('relayer'), identity: addressOf('relayer') }],
      gateways: [{ ...peer('gateway'), identity: GATEWAY }],
      genesis: [{ account: fundedAccount(0).address, amount: ONE }],
      epochLengthSec: 3_600,
    })
    for (const name of ['worker', 'other worker'])
      await registerDevice(anvil.rpcUrl, deployment.contracts.workerRegistry, name)
    domain = {
      chainId: deployment.chainId,
      registry: deployment.contracts.oracleRegistry.toLowerCase() as Address,
    }
    const password = new Secret('password')
    const keystore = join(dir.path, 'gateway.json')
    await writeKeystore(keystore, seeded('gateway'), password, { scryptN: 1_024 })
    config = {
      lockDir: join(dir.path, 'locks'),
      identity: { keystore, password },
      rpcUrls: [anvil.rpcUrl],
      deployment,
      network: { finality: 'latest' } as GatewayConfig['network'],
      relayerUrl: 'http://127.0.0.1:1',
      logLevel: 'silent',
      http: { host: '127.0.0.1', port: 0 },
      model: MODEL,
    }
  })
  after(async () => {
    await anvil.stop()
    dir.remove()
  })
  afterEach(async () => {
    for (const service of running.reverse()) await service.stop()
    running = []
  })

  const worker = async (name: string): Promise<FakeWorker> => {
    const started = await startFakeWorker(name, domain)
    running.push(started)
    return started
  }
  let gateways = 0
  const gatewayOf = async (urls: readonly string[], dataDir?: string): Promise<Gateway> => {
    gateways++
    const gateway = await createGateway(
      { ...config, dataDir: dataDir ?? join(dir.path, `gateway ${gateways}`), workers: urls },
      {
        clock: systemClock,
        logger: silentLogger,
        metrics: createMetrics({ processMetrics: false }),
        fail: error => {
          throw error
        },
      },
    )
    running.push(gateway)
    await gateway.start(new AbortController().signal)
    return gateway
  }

  /** A hold as the test's relayer accepts it. */
  const held = (changes: Partial<Hold> = {}, relayer = 'relayer') => {
    const hold = aHold(changes)
    return accept(hold, signWith('payer', holdDigest(domain, hold)), domain, relayer)
  }
  const payerOf = (gateway: Gateway, limits = LIMITS, book: PayerBook = bookOf('payer', domain)) => {
    const needs: HoldNeed[] = []
    const client: GatewayClient = createGatewayClient({
      url: gateway.url,
      book,
      limits,
      timeoutMs: 10_000,
      hold: async need => {
        needs.push(need)
        return held({ nonce: need.refused === undefined ? 1n : 2n })
      },
    })
    return { client, book, needs }
  }

  const post = async (gateway: Gateway, headers: Record<string, string>, body: unknown = {}) => {
    const response = await fetch(`${gateway.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', [PAYMENT_HEADERS.payer]: PAYER, ...headers },
      body: JSON.stringify({
        model: MODEL.id,
        prompt: QUESTION.prompt,
        max_tokens: QUESTION.maxTokens,
        ...objectOf(body),
      }),
    })
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      body: objectOf(await response.json()),
    }
  }
  const payment = (receipt: Receipt, hold = held()) => ({
    [PAYMENT_HEADERS.receipt]: hexOf(
      encodeSignedReceipt({ receipt, signature: signWith('payer', receiptDigest(domain, receipt)) }),
    ),
    [PAYMENT_HEADERS.hold]: hexOf(encodeAcceptedHold(hold)),
  })
  /** An offer, and the receipt that it asks for. */
  const offered = async (gateway: Gateway) => {
    const { body } = await post(gateway, {})
    const offer = readGatewayOffer(objectOf(body['offer']))
    return {
      offer,
      receipt: { ...aReceipt(), ...offer.terms },
      header: { [PAYMENT_HEADERS.offer]: offer.offerId },
    }
  }

  /** A worker that missed a request is looked at again within two seconds. */
  const waitForOffer = async (gateway: Gateway): Promise<void> => {
    while ((await post(gateway, {})).status !== 402) await systemClock.sleep(100)
  }

  it('names its model as OpenAI does', async () => {
    const gateway = await gatewayOf([(await worker('worker')).url])
    const { client } = payerOf(gateway)
    expect(await client.models()).to.deep.equal([MODEL])
    const body = objectOf(await (await fetch(`${gateway.url}/v1/models`)).json())
    expect(body['object']).to.equal('list')
  })

  it('sells an answer: offer, receipt, answer, statement', async () => {
    const { url, address } = await worker('worker')
    const { client, book, needs } = payerOf(await gatewayOf([url]))
    const answer = await client.complete(QUESTION)
    expect(answer).to.include({ worker: address, finish: 'length', promptTokens: 6, completionTokens: 16 })
    expect(answer.text.length).to.equal(16)
    expect(answer.units).to.equal(22n * 68n)
    expect(answer.chargedWei).to.equal(22n * 68n * 10n ** 13n)
    expect(book.totals()).to.include({ inferenceWei: answer.chargedWei, receipts: 1, statements: 1 })
    expect(needs).to.deep.equal([
      { payee: GATEWAY, asset: 1, leastWei: answer.chargedWei, untilEpoch: 0, refused: undefined },
    ])
  })

  it('gives two prompts two answers, and charges for both', async () => {
    const { url } = await worker('worker')
    const { client, book } = payerOf(await gatewayOf([url]))
    const first = await client.complete(QUESTION)
    const second = await client.complete({ ...QUESTION, prompt: 'good bye' })
    const again = await client.complete(QUESTION)
    expect(second.text).not.to.equal(first.text)
    expect(again.text).to.equal(first.text)
    expect(book.totals().inferenceWei).to.equal(first.chargedWei + second.chargedWei + again.chargedWei)
  })

  it('answers an unpaid request with an offer that a machine can read', async () => {
    const { url, address } = await worker('worker')
    const { status, type, body } = await post(await gatewayOf([url]), {})
    expect([status, type]).to.deep.equal([402, 'application/problem+json; charset=utf-8'])
    expect(body).to.include({ status: 402, code: 'PAYMENT_REQUIRED', chargedWei: '0' })
    const offer = objectOf(body['offer'])
    expect(offer['offerId']).to.match(/^[0-9a-f]{32}$/)
    delete (offer as Record<string, unknown>)['offerId']
    const units = 22n * 68n
    expect(offer).to.deep.equal({
      worker: address,
      gateway: GATEWAY,
      kind: 2,
      ...MODEL,
      cumulativeUnits: String(units),
      cumulativeCeiling: String(units * 10n ** 13n),
      validUntilEpoch: 0,
      holdPayee: GATEWAY,
      asset: 1,
      minHoldWei: String(units * 10n ** 13n),
      ioPerThousandUnitsWei: String(10n ** 16n),
    })
  })

  it('refuses a receipt below the offer, before the worker hears of it', async () => {
    const fake = await worker('worker')
    const gateway = await gatewayOf([fake.url])
    const { offer, receipt, header } = await offered(gateway)
    const low = { ...receipt, cumulativeCeiling: offer.terms.cumulativeCeiling - 1n }
    const { status, body } = await post(gateway, { ...header, ...payment(low) })
    expect([status, body['code'], body['chargedWei']]).to.deep.equal([402, 'RECEIPT_TOO_LOW', '0'])
    expect(fake.asked).to.equal(0)
  })

  it('refuses a hold for another gateway, and one that no relayer accepted', async () => {
    const fake = await worker('worker')
    const gateway = await gatewayOf([fake.url])
    const { receipt, header } = await offered(gateway)
    const other = await post(gateway, { ...header, ...payment(receipt, held({ payee: addressOf('other') })) })
    expect([other.status, other.body['code']]).to.deep.equal([402, 'HOLD_WRONG_PAYEE'])
    const alone = await post(gateway, { ...header, ...payment(receipt, held({}, 'somebody')) })
    expect([alone.status, alone.body['code']]).to.deep.equal([402, 'HOLD_NOT_ACCEPTED'])
    expect(fake.asked).to.equal(0)
  })

  it('promises no hold twice, and the client brings a new one', async () => {
    const { url } = await worker('worker')
    const gateway = await gatewayOf([url])
    const { receipt, offer, header } = await offered(gateway)
    const small = held({ maxAmount: offer.minHoldWei })
    expect((await post(gateway, { ...header, ...payment(receipt, small) })).status).to.equal(200)
    const next = await offered(gateway)
    const { status, body } = await post(gateway, { ...next.header, ...payment(next.receipt, small) })
    expect([status, body['code']]).to.deep.equal([402, 'HOLD_USED_UP'])
  })

  it('asks for a new hold where the worker sees less left than it does', async () => {
    const fake = await worker('worker')
    const { client, needs } = payerOf(await gatewayOf([fake.url]))
    fake.fault = 'hold'
    const asked = client.complete(QUESTION)
    await waitFor('a second hold', () => needs.length > 1)
    fake.fault = 'none'
    await asked
    expect(needs[1]?.refused).to.equal('HOLD_USED_UP')
  })

  it('passes a new offer on when the worker has come to ask for more', async () => {
    const fake = await worker('worker')
    const { client, book } = payerOf(await gatewayOf([fake.url]))
    fake.fault = 'dearer'
    const answer = await client.complete(QUESTION)
    // What was charged on the channel without the payer's knowledge is in it, as it was signed for.
    expect(answer.chargedWei).to.equal((680n + 22n * 68n) * 10n ** 13n)
    expect(book.totals()).to.include({ receipts: 2, statements: 1 })
  })

  it('takes another worker when one is hired away, and the payer signs for that one', async () => {
    const [a, b] = [await worker('worker'), await worker('other worker')]
    const { client } = payerOf(await gatewayOf([a.url, b.url]))
    a.fault = 'hired'
    const answers = [await client.complete(QUESTION), await client.complete(QUESTION)]
    expect(answers.map(answer => answer.worker)).to.deep.equal([b.address, b.address])
    expect([a.asked, b.asked]).to.deep.equal([1, 2])
  })

  it('takes another worker when one is gone, and says so when there is none', async () => {
    const [a, b] = [await worker('worker'), await worker('other worker')]
    const { client } = payerOf(await gatewayOf([a.url, b.url]))
    await a.stop()
    running = running.filter(service => service !== a)
    expect((await client.complete(QUESTION)).worker).to.equal(b.address)
    b.fault = 'hired'
    const error = await client.complete(QUESTION).catch((caught: unknown) => caught)
    expect(error).to.be.instanceOf(ProblemError)
    expect(error).to.include({ code: 'NO_WORKER', status: 503 })
  })

  it('does not know what was charged when a worker breaks off, and keeps that part of the hold', async () => {
    const fake = await worker('worker')
    const gateway = await gatewayOf([fake.url])
    fake.fault = 'breaks'
    const { receipt, offer, header } = await offered(gateway)
    const small = held({ maxAmount: offer.minHoldWei })
    const { status, body } = await post(gateway, { ...header, ...payment(receipt, small) })
    expect([status, body['code'], body['chargedWei']]).to.deep.equal([502, 'WORKER_LOST', null])
    fake.fault = 'none'
    await waitForOffer(gateway)
    const next = await offered(gateway)
    const again = await post(gateway, { ...next.header, ...payment(next.receipt, small) })
    expect([again.status, again.body['code']]).to.deep.equal([402, 'HOLD_USED_UP'])
  })

  it('asks a worker no more whose statement is above its receipt', async () => {
    const fake = await worker('worker')
    const { client } = payerOf(await gatewayOf([fake.url]))
    fake.fault = 'overcharges'
    const error = await client.complete(QUESTION).catch((caught: unknown) => caught)
    expect(error).to.include({ code: 'WORKER_FAULT', status: 502 })
    fake.fault = 'none'
    const next = await client.complete(QUESTION).catch((caught: unknown) => caught)
    expect(next).to.include({ code: 'NO_WORKER' })
  })

  it('goes by what a worker signed, not by what it says: a smaller charge gives nothing of the hold back', async () => {
    const [liar, honest] = [await worker('worker'), await worker('other worker')]
    const gateway = await gatewayOf([liar.url, honest.url])
    const { client } = payerOf(gateway)
    // Two equals take turns.
    const first = (await client.complete(QUESTION)).worker
    expect(first).to.equal(liar.address)
    expect((await client.complete(QUESTION)).worker).to.equal(honest.address)
    liar.fault = 'understates'
    const error = await client.complete(QUESTION).catch((caught: unknown) => caught)
    expect(error).to.include({ code: 'WORKER_FAULT', status: 502 })
    expect((error as ProblemError).problem?.['chargedWei']).to.equal(null)
    const workers = [(await client.complete(QUESTION)).worker, (await client.complete(QUESTION)).worker]
    expect(workers).to.deep.equal([honest.address, honest.address])
    // Another payer may still be offered it: this payer could have gone to it directly, and brought this about.
    const health = objectOf(await (await fetch(`${gateway.url}/health`)).json())
    expect(health['workers']).to.include({ idle: 2, dropped: 0 })
  })

  it('gives the same paid request its answer again, and sets nothing aside for it', async () => {
    const fake = await worker('worker')
    const gateway = await gatewayOf([fake.url])
    const { receipt, offer, header } = await offered(gateway)
    const small = held({ maxAmount: 2n * offer.minHoldWei })
    const first = await post(gateway, { ...header, ...payment(receipt, small) })
    fake.fault = 'repeats'
    for (let i = 0; i < 3; i++) {
      const again = await post(gateway, payment(receipt, small))
      expect(again.body['choices']).to.deep.equal(first.body['choices'])
      expect(objectOf(again.body['io'])['statement']).to.equal(objectOf(first.body['io'])['statement'])
    }
  })

  it('keeps what was set aside when a worker fails by itself, and accounts for it with the next answer', async () => {
    const fake = await worker('worker')
    const gateway = await gatewayOf([fake.url])
    const { client } = payerOf(gateway)
    const first = await client.complete(QUESTION)
    fake.fault = 'fails'
    const error = await client.complete(QUESTION).catch((caught: unknown) => caught)
    expect(error).to.include({ code: 'WORKER_LOST', status: 502 })
    fake.fault = 'none'
    // The worker has charged for the lost one.
    expect((await client.complete(QUESTION)).chargedWei).to.equal(2n * first.chargedWei)
  })

  it('leaves out a URL that answers with what its worker did not sign', async () => {
    const fake = await worker('worker')
    const gateway = await gatewayOf([fake.url])
    const { client } = payerOf(gateway)
    fake.fault = 'forges'
    const error = await client.complete(QUESTION).catch((caught: unknown) => caught)
    expect(error).to.include({ code: 'WORKER_FAULT' })
    expect(objectOf(await (await fetch(`${gateway.url}/health`)).json())['workers']).to.include({
      dropped: 1,
    })
  })

  it('takes no worker that the chain does not know', async () => {
    const gateway = await gatewayOf([(await worker('stranger')).url])
    const { status, body } = await post(gateway, {})
    expect([status, body['code']]).to.deep.equal([503, 'NO_WORKER'])
  })

  it('says that the model cannot be used yet, when that is why nobody works', async () => {
    const fake = await worker('worker')
    const gateway = await gatewayOf([fake.url])
    fake.fault = 'not ready'
    const { status, body } = await post(gateway, {})
    expect([status, body['code']]).to.deep.equal([503, 'MODEL_NOT_USABLE'])
    // Nobody has registered it.
    expect(body['usableFromEpoch']).to.equal(null)
  })

  it('finds out a worker that lies, by running answers again', async () => {
    const fake = await worker('worker')
    const gateway = await gatewayOf([fake.url])
    const { client } = payerOf(gateway, { maxChargeWei: ONE, maxUnprovenWei: 100n * ONE })
    fake.fault = 'lies'
    const health = async () => objectOf(await (await fetch(`${gateway.url}/health`)).json())
    for (let dropped = 0; dropped === 0; ) {
      await client.complete(QUESTION).catch(() => {})
      dropped = Number(objectOf((await health())['workers'])['dropped'])
    }
    expect(fake.asked).to.be.greaterThan(0)
  })

  it("signs nothing above the payer's limit", async () => {
    const { url } = await worker('worker')
    const { client, needs } = payerOf(await gatewayOf([url]), { maxChargeWei: 1n, maxUnprovenWei: ONE })
    const error = await client.complete(QUESTION).catch((caught: unknown) => caught)
    expect(error).to.be.instanceOf(PaymentError)
    expect(error).to.include({ code: 'OFFER_REFUSED', rule: 'HOLD_ABOVE_LIMIT' })
    expect(needs).to.deep.equal([])
  })

  const BAD: readonly [title: string, status: number, code: string, body: object][] = [
    ['another model', 404, 'MODEL_NOT_FOUND', { model: 'gpt-4' }],
    ['a prompt longer than the context', 400, 'PROMPT_TOO_LONG', { prompt: 'x'.repeat(1_024) }],
    ['no tokens', 400, 'BAD_MAX_TOKENS', { max_tokens: 0 }],
    ['half a token', 400, 'BAD_MAX_TOKENS', { max_tokens: 0.5 }],
    ['more tokens than there can be', 400, 'BAD_MAX_TOKENS', { max_tokens: 1e9 }],
    ['a stream', 400, 'BAD_REQUEST', { stream: true }],
    ['a prompt that is no text', 400, 'BAD_REQUEST', { prompt: ['hello'] }],
    ['more than fits', 400, 'BAD_REQUEST', { prompt: 'x'.repeat(20_000) }],
  ]
  it('refuses what it cannot answer, each with a code', async () => {
    const gateway = await gatewayOf([(await worker('worker')).url])
    for (const [title, status, code, body] of BAD) {
      const reply = await post(gateway, {}, body)
      expect([reply.status, reply.body['code']], title).to.deep.equal([status, code])
    }
    const nobody = await post(gateway, { [PAYMENT_HEADERS.payer]: 'me' })
    expect([nobody.status, nobody.body['code']]).to.deep.equal([400, 'BAD_PAYER'])
  })
})
