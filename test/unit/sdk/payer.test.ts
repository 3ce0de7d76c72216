import { expect } from 'chai'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { isSignedByPayer } from '../../../protocol/usage/hold.ts'
import { isReceiptSigned } from '../../../protocol/usage/receipt.ts'
import type { Statement } from '../../../protocol/usage/statement.ts'
import { ASSET, NOBODY, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { hireWorkHash } from '../../../protocol/usage/work-hash.ts'
import { MAX_CHANNELS, type Offer } from '../../../sdk/payer.ts'
import { PayerStateError } from '../../../sdk/payer-state.ts'
import { addressOf, hash } from '../../support/epoch/cast.ts'
import {
  aReceipt,
  bookOf,
  GATEWAY,
  MODEL,
  PAYER,
  statementBytes,
  WORKER,
} from '../../support/gateway/payments.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

const LIMITS = { maxChargeWei: 100n, maxUnprovenWei: 250n }
const CHANNEL = { worker: WORKER, gateway: GATEWAY, kind: WORK_KIND.inference, ...MODEL }

function offer(cumulativeCeiling: bigint, changes: Partial<Offer> = {}): Offer {
  return {
    ...CHANNEL,
    cumulativeUnits: cumulativeCeiling * 10n,
    cumulativeCeiling,
    validUntilEpoch: 2,
    ...changes,
  }
}

function statement(cumulativeCharge: bigint, changes: Partial<Statement> = {}): Statement {
  const { payer, worker, gateway, kind, id, version } = aReceipt()
  const channel = { payer, worker, gateway, kind, id, version }
  return {
    ...channel,
    cumulativeUnits: cumulativeCharge * 10n,
    cumulativeCharge,
    workHash: hash('work'),
    ...changes,
  }
}

describe("a payer's book", () => {
  it('signs what an offer asks for, so that anybody can check it', async () => {
    const answer = await bookOf('payer').receiptFor(offer(80n), LIMITS)
    expect(answer.ok && answer.signed.receipt).to.deep.equal({ payer: PAYER, ...offer(80n) })
    expect(answer.ok && isReceiptSigned(DOMAIN, answer.signed, nobleIdentityCrypto)).to.equal(true)
  })

  it('signs holds under numbers of their own', async () => {
    const book = bookOf('payer')
    const terms = {
      payee: GATEWAY,
      kind: WORK_KIND.inference,
      asset: ASSET.io,
      maxAmount: 5n,
      expiresEpoch: 2,
    }
    const [first, second] = [await book.newHold(terms), await book.newHold(terms)]
    expect(first.hold).to.deep.equal({ ...terms, payer: PAYER, nonce: 1n })
    expect(second.hold.nonce).to.equal(2n)
    expect(isSignedByPayer(DOMAIN, first.hold, first.signature, nobleIdentityCrypto)).to.equal(true)
    expect(book.totals().holds).to.equal(2)
  })

  it('refuses to pay more for one request than its limit', async () => {
    expect(await bookOf('payer').receiptFor(offer(101n), LIMITS)).to.deep.equal({
      ok: false,
      code: 'ABOVE_LIMIT',
    })
  })

  it('goes on from what a statement says, not from what was signed', async () => {
    const book = bookOf('payer')
    await book.receiptFor(offer(100n), LIMITS)
    const taken = book.accept(statementBytes(statement(40n)), hash('work'))
    expect(taken).to.deep.equal({ ok: true, statement: statement(40n), chargedWei: 40n, units: 400n })
    expect(await book.receiptFor(offer(39n), LIMITS)).to.deep.equal({ ok: false, code: 'BELOW_CHARGED' })
    expect((await book.receiptFor(offer(140n), LIMITS)).ok).to.equal(true)
    expect(book.totals()).to.include({ inferenceWei: 40n, receipts: 2, statements: 1 })
  })

  it('allows for answers that got lost, but for no more than its limit', async () => {
    const book = bookOf('payer')
    expect((await book.receiptFor(offer(100n), LIMITS)).ok).to.equal(true)
    expect((await book.receiptFor(offer(200n), LIMITS)).ok).to.equal(true)
    expect(await book.receiptFor(offer(300n), LIMITS)).to.deep.equal({ ok: false, code: 'UNPROVEN' })
    expect(book.accept(statementBytes(statement(200n))).ok).to.equal(true)
    expect((await book.receiptFor(offer(300n), LIMITS)).ok).to.equal(true)
  })

  it('counts what is unproven with all workers of a gateway as one sum', async () => {
    const book = bookOf('payer')
    const signFor = (name: string, ceiling: bigint, changes: Partial<Offer> = {}) =>
      book.receiptFor(offer(ceiling, { worker: addressOf(name), ...changes }), LIMITS)
    expect((await signFor('worker', 100n)).ok).to.equal(true)
    expect((await signFor('second', 100n)).ok).to.equal(true)
    expect(await signFor('third', 51n)).to.deep.equal({ ok: false, code: 'UNPROVEN' })
    expect(book.refusalOf(offer(51n, { worker: addressOf('third') }), LIMITS)).to.equal('UNPROVEN')
    // What another gateway owes, and a hire, are paid from other holds.
    expect((await signFor('third', 51n, { gateway: addressOf('another gateway') })).ok).to.equal(true)
    expect((await signFor('third', 51n, { gateway: NOBODY, kind: WORK_KIND.hire })).ok).to.equal(true)
    expect(book.accept(statementBytes(statement(100n))).ok).to.equal(true)
    expect((await signFor('third', 51n)).ok).to.equal(true)
  })

  it('forgets no channel that was charged or signed for, and refuses a new one instead', async () => {
    const limits = { maxChargeWei: 100n, maxUnprovenWei: 1_000_000n }
    const book = bookOf('payer')
    const nth = (i: number): Offer => offer(1n, { worker: `0x${i.toString(16).padStart(40, '0')}` })
    await book.receiptFor(offer(100n), limits)
    book.accept(statementBytes(statement(100n)))
    for (let i = 1; i < MAX_CHANNELS; i++) expect((await book.receiptFor(nth(i), limits)).ok).to.equal(true)
    expect(await book.receiptFor(nth(MAX_CHANNELS), limits)).to.deep.equal({
      ok: false,
      code: 'TOO_MANY_CHANNELS',
    })
    expect(book.channel(CHANNEL)?.charged).to.equal(100n)
    expect((await book.receiptFor(offer(200n), limits)).ok).to.equal(true)
    book.forget(nth(1))
    expect((await book.receiptFor(nth(MAX_CHANNELS), limits)).ok).to.equal(true)
  }).timeout(20_000)

  const LIES: readonly [title: string, code: string, bytes: () => Uint8Array][] = [
    ['bytes that are no statement', 'MALFORMED', () => new Uint8Array(50)],
    [
      'a statement about a channel of which it knows nothing',
      'UNKNOWN_CHANNEL',
      () => statementBytes(statement(60n, { version: 9 })),
    ],
    ["another worker's signature", 'BAD_SIGNATURE', () => statementBytes(statement(60n), 'somebody')],
    ['a charge above what was signed', 'ABOVE_RECEIPT', () => statementBytes(statement(101n))],
    ['a charge below an earlier statement', 'FELL', () => statementBytes(statement(49n))],
    [
      'an answer to another question',
      'WRONG_WORK',
      () => statementBytes(statement(60n, { workHash: hash('other') })),
    ],
  ]
  for (const [title, code, bytes] of LIES) {
    it(`does not believe ${title}`, async () => {
      const book = bookOf('payer')
      await book.receiptFor(offer(100n), LIMITS)
      book.accept(statementBytes(statement(50n)))
      expect(book.accept(bytes(), hash('work'))).to.deep.equal({ ok: false, code })
      expect(book.channel(CHANNEL)?.charged).to.equal(50n)
    })
  }

  it('knows by itself what a statement about a hire must be about', async () => {
    const book = bookOf('payer')
    const hire = { gateway: NOBODY, kind: WORK_KIND.hire, id: hash('lease'), version: 0 }
    await book.receiptFor(offer(100n, hire), LIMITS)
    const wrong = statement(20n, { ...hire, workHash: hireWorkHash(hire.id, 199n) })
    expect(book.accept(statementBytes(wrong))).to.deep.equal({ ok: false, code: 'WRONG_WORK' })
    const right = statement(20n, { ...hire, workHash: hireWorkHash(hire.id, 200n) })
    expect(book.accept(statementBytes(right)).ok).to.equal(true)
    expect(book.totals().hireWei).to.equal(20n)
  })

  it('is the same after a restart', async () => {
    const book = bookOf('payer')
    await book.receiptFor(offer(100n), LIMITS)
    book.accept(statementBytes(statement(40n)))
    await book.receiptFor(offer(120n), LIMITS)
    const again = bookOf('payer', DOMAIN, JSON.parse(JSON.stringify(book.state())))
    expect(again.state()).to.deep.equal(book.state())
    expect(again.channel(CHANNEL)).to.include({ charged: 40n, ceiling: 120n, ceilingUnits: 1_200n })
    expect(again.totals()).to.deep.equal(book.totals())
  })

  it("refuses another payer's state, and what is none", () => {
    expect(() => bookOf('somebody', DOMAIN, bookOf('payer').state())).to.throw(
      PayerStateError,
      'another payer',
    )
    const { payer } = bookOf('payer')
    expect(() => bookOf('payer', DOMAIN, { version: 1, payer, channels: [{}], totals: {} })).to.throw(
      PayerStateError,
    )
  })
})
