import { expect } from 'chai'
import { NOBODY, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { createHttpServer, type HttpServer } from '../../../runtime/http.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { createGatewayClient, type HoldNeed } from '../../../sdk/gateway-client.ts'
import { PAYMENT_HEADERS } from '../../../sdk/offer-json.ts'
import type { PayerBook } from '../../../sdk/payer.ts'
import { addressOf, hash } from '../../support/epoch/cast.ts'
import { acceptedHold, bookOf, GATEWAY, MODEL, WORKER } from '../../support/gateway/payments.ts'

const LIMITS = { maxChargeWei: 100n, maxUnprovenWei: 250n }
const OFFER = {
  worker: WORKER,
  gateway: GATEWAY,
  kind: WORK_KIND.inference as number,
  ...MODEL,
  cumulativeUnits: '1000',
  cumulativeCeiling: '100',
  validUntilEpoch: 3,
  offerId: 'a1',
  holdPayee: GATEWAY,
  asset: 1,
  minHoldWei: '100',
  ioPerThousandUnitsWei: '100',
}

describe('the client of a gateway', () => {
  let server: HttpServer
  /** One for each request; the last one again and again. */
  let offers: object[]
  let paid: number
  let needs: HoldNeed[]
  let book: PayerBook

  beforeEach(async () => {
    offers = [OFFER]
    paid = 0
    needs = []
    book = bookOf('payer')
    server = createHttpServer(
      {
        ...{ name: 'gateway', host: '127.0.0.1', port: 0, cors: false },
        health: () => ({ healthy: true, details: {} }),
        routes: app => {
          app.post('/v1/completions', async (request, reply) => {
            if (request.headers[PAYMENT_HEADERS.receipt] !== undefined) paid++
            const offer = offers.length > 1 ? offers.shift() : offers[0]
            return reply.code(402).send({ status: 402, code: 'PAYMENT_REQUIRED', offer })
          })
        },
      },
      { logger: silentLogger, metrics: createMetrics({ processMetrics: false }) },
    )
    await server.start(new AbortController().signal)
  })
  afterEach(() => server.stop())

  /** The rule that stopped the request. */
  const ask = async (gateway?: typeof GATEWAY): Promise<unknown> => {
    const client = createGatewayClient({
      ...(gateway === undefined ? {} : { gateway }),
      url: server.url,
      book,
      limits: LIMITS,
      timeoutMs: 5_000,
      hold: async need => {
        needs.push(need)
        return acceptedHold()
      },
    })
    const error: unknown = await client.complete({ model: MODEL, prompt: 'hello', maxTokens: 16 }).then(
      () => undefined,
      (caught: unknown) => caught,
    )
    return error instanceof Error && 'rule' in error ? error.rule : error
  }

  it('pays for an offer within its limits', async () => {
    expect(await ask()).to.equal('PAYMENT_REQUIRED')
    expect(paid).to.equal(4)
    expect(needs[0]).to.deep.equal({
      ...{ payee: GATEWAY, asset: 1, leastWei: 100n, untilEpoch: 3, refused: undefined },
    })
  })

  const BAD: readonly [title: string, rule: string, changes: object][] = [
    ['another model', 'WRONG_MODEL', { id: hash('other') }],
    ['another version', 'WRONG_MODEL', { version: 2 }],
    ['a hire', 'WRONG_KIND', { kind: WORK_KIND.hire }],
    ['a hold for somebody else', 'WRONG_PAYEE', { holdPayee: addressOf('somebody') }],
    ['a receipt for another gateway', 'WRONG_PAYEE', { gateway: addressOf('somebody') }],
    ['no gateway at all', 'WRONG_PAYEE', { gateway: NOBODY, holdPayee: NOBODY }],
    ['a hold above the limit', 'HOLD_ABOVE_LIMIT', { minHoldWei: '101' }],
    ['a charge above the limit', 'ABOVE_LIMIT', { cumulativeCeiling: '101' }],
  ]
  for (const [title, rule, changes] of BAD) {
    it(`signs nothing for ${title}, and has no hold made`, async () => {
      offers = [{ ...OFFER, ...changes }]
      expect(await ask()).to.equal(rule)
      expect([paid, needs.length, book.totals().receipts]).to.deep.equal([0, 0, 0])
    })
  }

  it('signs no receipt that counts longer than its hold', async () => {
    offers = [{ ...OFFER, validUntilEpoch: 4 }]
    expect(await ask()).to.equal('BEYOND_HOLD')
    expect([paid, book.totals().receipts]).to.deep.equal([0, 0])
  })

  it('pays one gateway, whatever name it takes later', async () => {
    const renamed = addressOf('another name')
    offers = [OFFER, { ...OFFER, gateway: renamed, holdPayee: renamed }]
    expect(await ask()).to.equal('WRONG_PAYEE')
    expect([paid, needs.length]).to.deep.equal([1, 1])
  })

  it('pays the gateway that it was told to', async () => {
    expect(await ask(addressOf('another'))).to.equal('WRONG_PAYEE')
    expect(needs).to.deep.equal([])
  })
})
