/**
 * What people do in an epoch: the price moves, payers burn and deposit for what they will want, hire and ask, as far
 * as their deposits go; suppliers come and go. It knows no rule of the pool: settling is none of its business.
 */
import type { Address } from '../../protocol/bytes.ts'
import { networkFee } from '../../protocol/epoch/pass-through.ts'
import type { Amounts } from '../../protocol/epoch/shares.ts'
import {
  BPS,
  iosdForIo,
  MAX_PRICE,
  mulDivDown,
  mulDivUp,
  ONE,
  type Price,
  type Wei,
} from '../../protocol/units.ts'
import { BurnBucket } from './burn-bucket.ts'
import { ASKERS, CHANNELS, HIRERS, type Member, splitByPart, WHOLE, WORKERS } from './cast.ts'
import type { EpochHistory } from './history.ts'
import { DAY_SEC, isWithin, valueAt } from './paths.ts'
import { createRandom } from './random.ts'
import type { Scenario } from './scenario.ts'
import type { SettledState } from './settled-state.ts'
import type { Tokens } from './tokens.ts'
import { Wander } from './wander.ts'

/** Relayers accept a hold in IO only if its fee is there at twice the price. */
const FEE_COVER = 2n

interface Purse {
  readonly member: Member
  /** All deposits so far, before all debits. */
  io: bigint
  iosd: bigint
  /** All charges so far, of the asset that this payer works with. */
  charged: bigint
}

/** What may still be bought and burned in the epoch. */
interface Offer {
  forSale: bigint
  readonly nowSec: bigint
  /** The price that burns are made at; undefined when there is none. */
  readonly certified: Price | undefined
}

export class World {
  readonly #scenario: Scenario
  readonly #lengthSec: bigint
  readonly #tokens: Tokens
  readonly #bucket = new BurnBucket()
  readonly #wander: Record<'price' | 'hires' | 'payments' | 'burns', Wander>
  readonly #purses: ReadonlyMap<Address, Purse>
  #lastCertified: Price | undefined
  readonly #claimed: bigint[] = CHANNELS.map(() => 0n)
  #weights: { readonly gpus: bigint; readonly amounts: Amounts } = { gpus: -1n, amounts: new Map() }

  constructor(scenario: Scenario, run: { seed: number; lengthSec: bigint; tokens: Tokens }) {
    const wander = (stream: number, bps: number) =>
      new Wander(createRandom(run.seed, stream), bps, run.lengthSec)
    this.#scenario = scenario
    this.#lengthSec = run.lengthSec
    this.#tokens = run.tokens
    this.#wander = {
      price: wander(0, scenario.price.dailyVolatilityBps),
      hires: wander(1, scenario.demand.dailyVolatilityBps),
      payments: wander(2, scenario.demand.dailyVolatilityBps),
      burns: wander(3, scenario.demand.dailyVolatilityBps),
    }
    const purses = [...HIRERS, ...ASKERS].map(member => [
      member.address,
      { member, io: 0n, iosd: 0n, charged: 0n },
    ])
    this.#purses = new Map(purses as [Address, Purse][])
  }

  /** One epoch. Money that it moves is booked in the tokens at once; what it amounts to is returned. */
  live(epoch: number, settled: SettledState): EpochHistory {
    const nowSec = BigInt(epoch) * this.#lengthSec
    const { path } = this.#scenario.price
    const opening = this.#wander.price.around(valueAt(path, nowSec))
    for (const wander of Object.values(this.#wander)) wander.advance()
    const closing = this.#wander.price.around(valueAt(path, nowSec + this.#lengthSec))
    const isHalted = isWithin(this.#scenario.oracleHalts, nowSec)

    const soldBps = BigInt(this.#scenario.market.soldPerDayBps)
    const forSale = mulDivDown(this.#tokens.free * soldBps, this.#lengthSec, BPS * DAY_SEC)
    const certified = certifiedAt(opening, isHalted)
    this.#lastCertified = certified ?? this.#lastCertified
    const offer: Offer = { forSale, nowSec, certified }
    const { burnedIo: burnedBefore, mintedIosd: mintedBefore } = this.#tokens
    this.#fillPurses(offer, opening, settled)
    this.#burnToKeep(offer)
    this.#use(nowSec, opening, settled)

    return {
      epoch,
      burned: this.#tokens.burnedIo - burnedBefore,
      iosdMinted: this.#tokens.mintedIosd - mintedBefore,
      price: certifiedAt(opening > closing ? opening : closing, isHalted),
      deposits: [...this.#purses.values()].map(({ member, io, iosd }) => ({
        payer: member.address,
        io,
        iosd,
      })),
      claimed: [...this.#claimed],
      ...this.#suppliersAt(nowSec),
    }
  }

  /** Payers bring their deposits up to some days of their own demand. */
  #fillPurses(offer: Offer, market: bigint, settled: SettledState): void {
    const { demand, parameters } = this.#scenario
    const days = BigInt(demand.bufferDays)
    const hires = valueAt(demand.hires, offer.nowSec) * days
    const payments = valueAt(demand.payments, offer.nowSec) * days
    for (const member of HIRERS) {
      const purse = this.#purseOf(member)
      const wanted = (hires * member.part) / WHOLE - (purse.iosd - purse.charged)
      purse.iosd += this.#burn(wanted, offer, 'escrow')
    }
    for (const member of ASKERS) {
      const purse = this.#purseOf(member)
      const usd = (payments * member.part) / WHOLE
      if (market > 0n) {
        const wanted = mulDivDown(usd, ONE, market) - (purse.io - purse.charged)
        const bought = least(wanted, offer.forSale)
        offer.forSale -= bought
        purse.io += bought
        this.#tokens.depositIo(bought)
      }
      // A payment of this many dollars in IO costs so much in fees, whatever the price.
      const expected = networkFee(usd, parameters.feeBps, ONE as Price)
      purse.iosd += this.#burn(FEE_COVER * expected - this.#freeForFees(member, settled), offer, 'escrow')
    }
  }

  #burnToKeep(offer: Offer): void {
    const perDay = this.#wander.burns.around(valueAt(this.#scenario.demand.burns, offer.nowSec))
    this.#burn(this.#partOfDay(perDay), offer, 'kept')
  }

  /** @returns wei of IOSD, at most `wanted` and what its IO bought */
  #burn(wanted: bigint, offer: Offer, into: 'escrow' | 'kept'): bigint {
    const { certified, nowSec } = offer
    if (certified === undefined || wanted <= 0n) return 0n
    const supply = this.#tokens.ioSupply
    const io = least(
      mulDivUp(wanted, ONE, certified),
      least(offer.forSale, this.#bucket.burnable(supply, nowSec)),
    )
    const iosd = iosdForIo(io as Wei, certified)
    // The contract refuses a burn that gives nothing.
    if (iosd === 0n) return 0n
    offer.forSale -= io
    this.#bucket.burn(io, supply, nowSec)
    this.#tokens.burn(io, iosd, into)
    return iosd
  }

  /** Hires and inferences of the epoch, as far as deposits go. */
  #use(nowSec: bigint, market: bigint, settled: SettledState): void {
    const { demand } = this.#scenario
    const hires = this.#partOfDay(this.#wander.hires.around(valueAt(demand.hires, nowSec)))
    for (const member of HIRERS) {
      const { iosd, charged } = this.#purseOf(member)
      this.#charge(member, least((hires * member.part) / WHOLE, iosd - charged))
    }
    if (market <= 0n) return
    const payments = this.#partOfDay(this.#wander.payments.around(valueAt(demand.payments, nowSec)))
    for (const member of ASKERS) {
      const { io, charged } = this.#purseOf(member)
      const wanted = mulDivDown((payments * member.part) / WHOLE, ONE, market)
      this.#charge(member, least(wanted, least(io - charged, this.#coveredIo(member, settled))))
    }
  }

  /** Wei of IOSD that covers fees still to come, after those that are owed. */
  #freeForFees(member: Member, settled: SettledState): bigint {
    const { iosd, charged } = this.#purseOf(member)
    const line = settled.debits.find(({ payer }) => payer === member.address)
    const owing = charged - (settled.feeTakenOf().get(member.address) ?? 0n)
    const owed = networkFee(owing, this.#scenario.parameters.feeBps, this.#lastCertified ?? (0n as Price))
    return iosd - (line?.cumulativeIosd ?? 0n) - FEE_COVER * owed
  }

  /** Wei of IO that may be paid before fees would not be covered; nothing before the first price. */
  #coveredIo(member: Member, settled: SettledState): bigint {
    const price = this.#lastCertified
    if (price === undefined) return 0n
    const fee = BigInt(this.#scenario.parameters.feeBps)
    if (fee === 0n) return this.#purseOf(member).io
    return (this.#freeForFees(member, settled) * BPS * ONE) / (FEE_COVER * fee * price)
  }

  /** Workers get their part of the work, as they have of the GPUs. */
  #charge(payer: Member, amount: bigint): void {
    this.#purseOf(payer).charged += amount
    const shares = splitByPart(amount, WORKERS)
    const first = CHANNELS.findIndex(plan => plan.payer === payer)
    for (const [place, share] of shares.entries()) {
      this.#claimed[first + place] = (this.#claimed[first + place] ?? 0n) + share
    }
  }

  /** A proven GPU weighs its seconds. */
  #suppliersAt(nowSec: bigint): { gpus: bigint; weights: Amounts } {
    const gpus = valueAt(this.#scenario.suppliers.path, nowSec)
    if (gpus !== this.#weights.gpus) {
      const shares = splitByPart(gpus, WORKERS)
      const weighed = WORKERS.flatMap(({ address }, index) => {
        const weight = (shares[index] ?? 0n) * this.#lengthSec
        return weight === 0n ? [] : [[address, weight] as const]
      })
      this.#weights = { gpus, amounts: new Map(weighed) }
    }
    return { gpus, weights: this.#weights.amounts }
  }

  #partOfDay(perDay: bigint): bigint {
    return (perDay * this.#lengthSec) / DAY_SEC
  }

  #purseOf(member: Member): Purse {
    const purse = this.#purses.get(member.address)
    if (purse === undefined) throw new RangeError(`${member.address} is no payer`)
    return purse
  }
}

function certifiedAt(price: bigint, isHalted: boolean): Price | undefined {
  return isHalted || price <= 0n || price > MAX_PRICE ? undefined : (price as Price)
}

/** The lesser of the two, and nothing rather than less than nothing. */
function least(a: bigint, b: bigint): bigint {
  const lesser = a < b ? a : b
  return lesser > 0n ? lesser : 0n
}
