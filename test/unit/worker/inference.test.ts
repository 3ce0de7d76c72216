import { expect } from 'chai'
import type { Completion } from '../../../compute/model/complete.ts'
import { BUILT_IN_MODEL } from '../../../compute/model/spec.ts'
import { loadModel } from '../../../compute/model/weights.ts'
import type { Address, Hash } from '../../../protocol/bytes.ts'
import { NOBODY } from '../../../protocol/usage/wire.ts'
import { Ledger } from '../../../worker/channels/ledger.ts'
import type { TakeReceipt } from '../../../worker/channels/take-receipt.ts'
import type { Offer } from '../../../worker/channels/terms.ts'
import type { Computer } from '../../../worker/compute/compute-thread.ts'
import { Inference, type PaidRequest } from '../../../worker/inference/inference.ts'
import { Occupancy } from '../../../worker/occupancy.ts'
import { RefusedError } from '../../../worker/refused.ts'
import { openWorkerStore, type WorkerStore } from '../../../worker/store/worker-store.ts'
import { crypto, DOMAIN } from '../../support/network/cast.ts'
import { seeded } from '../../support/protocol/seeded.ts'
import { Customer, RELAYER } from '../../support/worker/customer.ts'

const SECRET = seeded('worker')
const WORKER = new Customer('worker', DOMAIN).address
const GATEWAY: Address = `0x${'9a'.repeat(20)}`
const MODEL = { id: `0x${'01'.repeat(32)}` as Hash, version: 1 }
const QUESTION = { prompt: 'hello', maxTokens: 3 }
const weights = loadModel(BUILT_IN_MODEL)
const signal = new AbortController().signal

describe('an inference', () => {
  let store: WorkerStore
  let inference: Inference
  let occupancy: Occupancy
  let takeReceipt: TakeReceipt
  let computed: number
  const customer = new Customer('asks', DOMAIN)

  const completion: Completion = {
    ...{ text: 'abc', promptTokens: 6, completionTokens: 3, finish: 'length' as const, units: 612n },
  }
  const computer = {
    run: async () => {
      computed++
      return completion
    },
  } as unknown as Computer
  const paid = (offer: Offer, hold = customer.hold(GATEWAY)): PaidRequest => ({
    ...QUESTION,
    receipt: customer.receipt(offer),
    hold,
  })
  const offer = (gateway = GATEWAY): Offer => inference.offer(customer.address, gateway, QUESTION)
  const codeOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: { code?: unknown }) => error.code,
    )

  beforeEach(() => {
    store = openWorkerStore(':memory:')
    occupancy = new Occupancy()
    computed = 0
    takeReceipt = async () => {}
    inference = new Inference(
      { worker: WORKER, model: MODEL, ioPerThousandUnits: 1_000n },
      {
        ...{ weights, occupancy, computer },
        ledger: new Ledger(
          { domain: DOMAIN, worker: WORKER },
          { store, sign: digest => crypto.sign(digest, SECRET) },
        ),
        terms: {
          ...{ domain: DOMAIN, crypto },
          isRelayer: address => address === RELAYER,
          isGateway: address => address === GATEWAY,
        },
        takeReceipt: receipt => takeReceipt(receipt),
        mustLastUntil: () => 5,
        admit: () => {},
      },
    )
  })
  afterEach(() => store.close())

  it('is answered when the relayer has the receipt, and not before', async () => {
    const gate = Promise.withResolvers<void>()
    takeReceipt = () => gate.promise
    const answer = inference.infer(paid(offer()), signal)
    await new Promise(resolve => setImmediate(resolve))
    expect(computed).to.equal(0)
    gate.resolve()
    expect(await answer).to.include({ completion, charged: 612n })
  })

  it('costs neither work nor money when the relayer does not take the receipt', async () => {
    for (const code of ['RELAYER_DOWN', 'RECEIPT_REFUSED'] as const) {
      takeReceipt = async () => {
        throw new RefusedError(code)
      }
      expect(await codeOf(inference.infer(paid(offer()), signal))).to.equal(code)
    }
    expect(computed).to.equal(0)
    expect(store.outbox.counts().records).to.equal(0)
  })

  it('takes no receipt for work that is refused anyway', async () => {
    let taken = 0
    takeReceipt = async () => {
      taken++
    }
    const low = paid({ ...offer(), cumulativeCeiling: 0n })
    expect(await codeOf(inference.infer(low, signal))).to.equal('RECEIPT_TOO_LOW')
    const good = paid(offer())
    occupancy.hire(WORKER)
    expect(await codeOf(inference.infer(good, signal))).to.equal('HIRED')
    expect(taken).to.equal(0)
  })

  it('is computed and charged once when the same request comes many times at once', async () => {
    const request = paid(offer())
    const answers = await Promise.all(Array.from({ length: 8 }, () => inference.infer(request, signal)))
    expect(computed).to.equal(1)
    expect(new Set(answers).size).to.equal(1)
    expect(store.outbox.counts().records).to.equal(1)
  })

  it('is offered and answered through no gateway that the registry does not list', async () => {
    const asOwnGateway = () => offer(customer.address)
    expect(asOwnGateway).to.throw(RefusedError).with.property('code', 'UNKNOWN_GATEWAY')
    const alone = offer(NOBODY)
    const forged = paid({ ...alone, gateway: customer.address }, customer.hold(customer.address))
    expect(await codeOf(inference.infer(forged, signal))).to.equal('UNKNOWN_GATEWAY')
    expect(await codeOf(inference.infer(paid(alone, customer.hold(WORKER)), signal))).to.equal(undefined)
  })
})
