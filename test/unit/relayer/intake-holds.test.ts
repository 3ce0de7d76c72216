import { expect } from 'chai'
import { ByteWriter } from '../../../protocol/bytes.ts'
import type { EpochInputs } from '../../../protocol/epoch/bundle.ts'
import { computeEpoch } from '../../../protocol/epoch/compute.ts'
import { EMPTY_STATE } from '../../../protocol/epoch/state.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { ONE } from '../../../protocol/units.ts'
import {
  acceptedBy,
  decodeAcceptedHold,
  type Hold,
  holdDigest,
  holdId,
  writeHold,
} from '../../../protocol/usage/hold.ts'
import { ASSET, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { certifiedPrice, signAs, signBatch, signReceipt } from '../../support/epoch/cast.ts'
import {
  inference,
  inferenceReceipt,
  inputsOf,
  ioHold,
  iosdHold,
  LENGTH_SEC,
  PAYER,
  START_SEC,
  TERMS,
  WORKER,
} from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'
import { EPOCH_SEC } from '../../support/relayer/fake-chain.ts'
import { type Answer, IntakeWorld, RELAYER } from '../../support/relayer/intake-world.ts'

function signed(hold: Hold, payer = 'payer'): Uint8Array {
  const signature = signAs(payer, holdDigest(DOMAIN, hold))
  return writeHold(new ByteWriter(), hold).fixed(signature, signature.length).done()
}

describe('the intake of holds', () => {
  let world: IntakeWorld
  const hold = (changes: Partial<Hold> = {}): Hold => ioHold({ expiresEpoch: 3, ...changes })
  const hireHold = (changes: Partial<Hold> = {}): Hold => iosdHold({ expiresEpoch: 3, ...changes })
  const send = (request: Hold, payer?: string): Promise<Answer> =>
    world.post('/v1/holds', signed(request, payer))
  const code = async (request: Hold, payer?: string) => (await send(request, payer)).json['code'] ?? 'TAKEN'

  beforeEach(async () => {
    world = await new IntakeWorld().start()
    // The network's fee is known from an epoch that has ended.
    await world.goToEpoch(1)
    world.chain.deposit(PAYER, { io: 100n * ONE, iosd: 100n * ONE })
  })
  afterEach(() => world.stop())

  it('accepts what the deposit covers, and signs what it counted', async () => {
    const { status, bytes } = await send(hold())
    const accepted = decodeAcceptedHold(bytes)
    expect(status).to.equal(200)
    expect({ ...accepted, payerSignature: '', relayerSignature: '' }).to.deep.equal({
      hold: hold(),
      payerSignature: '',
      relayerSignature: '',
      epoch: 1,
      snapshotBlock: 1_040,
      openTotal: 10n * ONE,
    })
    expect(acceptedBy(DOMAIN, accepted, nobleIdentityCrypto)).to.equal(RELAYER)
    expect(world.intake.acceptances(1)).to.deep.equal([accepted])
    expect(world.intake.spokenFor(PAYER).io).to.deep.equal({ open: 10n * ONE, unsettled: 0n })
  })

  it('never accepts more than the deposit, even when holds arrive together', async () => {
    const holds = Array.from({ length: 15 }, (_, i) => hold({ nonce: BigInt(i), maxAmount: 10n * ONE }))
    // The fee on all of the IO must be there as well: at twice the price, 2% of 100 IO are 20 IOSD.
    const codes = await Promise.all(holds.map(request => code(request)))
    expect(codes.filter(answer => answer === 'TAKEN')).to.have.length(10)
    expect(codes.filter(answer => answer === 'NOT_COVERED')).to.have.length(5)
  })

  it('counts neither what has been debited nor what the payer has asked back', async () => {
    world.chain.deposit(PAYER, { io: 100n * ONE, iosd: 100n * ONE, requested: 60n * ONE })
    const debits = [{ payer: PAYER, cumulativeIo: 31n * ONE, cumulativeIosd: 0n }]
    world.intake.rebase({ epoch: 1, closing: EMPTY_STATE, debits })
    expect(await code(hold())).to.equal('NOT_COVERED')
    expect(await code(hold({ maxAmount: 9n * ONE }))).to.equal('TAKEN')
  })

  it('gives a repeated hold its acceptance again and sets nothing more aside', async () => {
    const first = await send(hold())
    const again = await send(hold())
    expect(again.bytes).to.deep.equal(first.bytes)
    expect(world.intake.spokenFor(PAYER).io.open).to.equal(10n * ONE)
    expect(world.intake.stats().holdsAccepted).to.equal(1)
  })

  it('refuses what auditors would refuse', async () => {
    await world.goToEpoch(3)
    expect(await code(hold({ expiresEpoch: 2 }))).to.equal('EXPIRED')
    expect(await code(hold({ expiresEpoch: 6 }))).to.equal('TOO_LONG')
    expect(await code(hold({ expiresEpoch: 5 }), 'somebody')).to.equal('BAD_SIGNATURE')
    expect(await code(hold({ expiresEpoch: 5, maxAmount: 0n }))).to.equal('NO_AMOUNT')
    expect(await code(hold({ expiresEpoch: 5, asset: ASSET.iosd, kind: WORK_KIND.inference }))).to.equal(
      'WRONG_ASSET',
    )
    expect((await world.post('/v1/holds', new Uint8Array(7))).json['code']).to.equal('MALFORMED')
    expect(world.intake.acceptances(3)).to.deep.equal([])
  })

  it('keeps IOSD free for the fee at twice the price, against holds in IO and in IOSD alike', async () => {
    // 2% of 10 IO at $10 are 2 IOSD, and a rounding reserve of next to nothing.
    world.chain.deposit(PAYER, { io: 100n * ONE, iosd: 2n * ONE })
    expect(await code(hold())).to.equal('FEE_NOT_COVERED')
    world.chain.deposit(PAYER, { io: 100n * ONE, iosd: 2n * ONE + 1_000_000n })
    expect(await code(hold())).to.equal('TAKEN')
    expect(await code(hireHold({ maxAmount: ONE }))).to.equal('NOT_COVERED')
    world.chain.deposit(PAYER, { io: 100n * ONE, iosd: 3n * ONE + 2_000_000n })
    expect(await code(hireHold({ maxAmount: ONE }))).to.equal('TAKEN')
    expect(await code(hireHold({ maxAmount: 1n, nonce: 9n }))).to.equal('NOT_COVERED')
  })

  it('needs a price for what fees will be due of, and none for a hire in IOSD', async () => {
    world.price = undefined
    expect(await code(hold())).to.equal('NO_PRICE')
    expect(await code(hireHold())).to.equal('TAKEN')
  })

  it('says so when the chain is silent, and counts on nothing', async () => {
    world.chain.silent = true
    const { status, json } = await send(hold())
    expect([status, json['code']]).to.deep.equal([503, 'CHAIN_SILENT'])
  })

  it('accepts nothing on a look that is older than auditors take it to be', async () => {
    // Requests of the epoch before last have to be known: final blocks of the last one will do, older ones will not.
    await world.goToEpoch(2)
    const intoSec = world.chain.latestSec - START_SEC - 2 * EPOCH_SEC
    world.chain.finalLagSec = intoSec + EPOCH_SEC
    expect(await code(hold({ nonce: 1n }))).to.equal('TAKEN')
    world.chain.finalLagSec += 1
    expect(await code(hold({ nonce: 2n }))).to.equal('CHAIN_SILENT')
  })

  it('stays covered by the rules of auditors whatever a fee takes of an epoch that is not settled yet', async () => {
    // Epoch 1: an inference is charged in full. Epoch 2: the payer holds all IOSD that it can get. Then 1 is settled,
    // at twice the price.
    world.chain.deposit(PAYER, { io: 10n * ONE, iosd: 10n * ONE })
    await send(hold())
    await world.goToEpoch(2)
    const most = 10n * ONE - 2n * ONE - 2n * 1_000_000n
    expect(await code(hireHold({ maxAmount: most + 1n, nonce: 5n }))).to.equal('NOT_COVERED')
    expect(await code(hireHold({ maxAmount: most, nonce: 6n }))).to.equal('TAKEN')

    const outcome = computeEpoch(inputsOf(charged(world)), TERMS)
    const [debit] = outcome.debits.filter(line => line.payer === PAYER)
    expect(debit?.cumulativeIosd).to.equal(2n * ONE)
    world.intake.rebase({ epoch: 1, closing: outcome.closing, debits: outcome.debits })
    const { iosd } = world.intake.spokenFor(PAYER)
    expect(iosd.open + iosd.unsettled <= 10n * ONE - (debit?.cumulativeIosd ?? 0n)).to.equal(true)
  })

  it('counts against what an epoch has left: charges, open rests, and nothing of expired holds', async () => {
    await send(hold({ expiresEpoch: 3 }))
    await send(hold({ expiresEpoch: 1, nonce: 7n }))
    expect(world.intake.spokenFor(PAYER).io.open).to.equal(20n * ONE)
    const outcome = computeEpoch(
      inputsOf({
        ...charged(world, 4n * ONE),
        price: undefined,
        parameters: { ...inputsOf().parameters, maxDebitBps: 200 },
      }),
      TERMS,
    )
    world.intake.rebase({ epoch: 1, closing: outcome.closing, debits: outcome.debits })
    // 4 IO charged; 2% of the 100 IO in escrow could be debited at once.
    expect(world.intake.spokenFor(PAYER).io).to.deep.equal({ open: 6n * ONE, unsettled: 2n * ONE })
    world.intake.prune(2)
    expect(world.intake.acceptances(1).map(accepted => accepted.hold.nonce)).to.deep.equal([1n])
  })

  it('opens again what a reorganisation has undone', async () => {
    await send(hold())
    const outcome = computeEpoch(inputsOf(charged(world, 4n * ONE)), TERMS)
    world.intake.rebase({ epoch: 1, closing: outcome.closing, debits: outcome.debits })
    world.intake.rebase({ epoch: 0, closing: EMPTY_STATE, debits: [] })
    expect(world.intake.spokenFor(PAYER).io).to.deep.equal({ open: 10n * ONE, unsettled: 0n })
  })

  it('tells holds that another relayer has accepted from its own', async () => {
    const closing = { ...EMPTY_STATE, holds: [{ hold: hold(), used: ONE }] }
    world.intake.rebase({ epoch: 1, closing, debits: [] })
    expect(await code(hold())).to.equal('ACCEPTED_BEFORE')
    expect(world.intake.spokenFor(PAYER).io.open).to.equal(9n * ONE)
  })

  /** The accepted holds of epoch 1, the one of nonce 1 charged. */
  function charged(from: IntakeWorld, charge = 10n * ONE): Partial<EpochInputs> {
    const acceptances = from.intake.acceptances(1)
    const id = holdId(DOMAIN, acceptances.find(({ hold: { nonce } }) => nonce === 1n)?.hold ?? hold())
    const { io, iosd } = from.chain.accounts.get(PAYER) ?? { io: undefined, iosd: undefined }
    return {
      header: { ...inputsOf().header, epoch: 1 },
      price: certifiedPrice(10n, START_SEC + LENGTH_SEC + 100),
      deposits: [{ payer: PAYER, io: io?.deposited ?? 0n, iosd: iosd?.deposited ?? 0n }],
      acceptances,
      parameters: { ...inputsOf().parameters, maxDebitBps: 10_000 },
      receipts: [signReceipt(inferenceReceipt({ cumulativeCeiling: charge }), 'payer')],
      batches: [
        signBatch(
          { worker: WORKER, seqFrom: 1, records: [inference({ hold: id, cumulativeCharge: charge })] },
          'worker',
        ),
      ],
    }
  }
})
