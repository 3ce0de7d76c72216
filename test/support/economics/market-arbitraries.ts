/** Markets and amounts for fast-check, all from the one seed that every economic test runs under. */
import fc from 'fast-check'
import { MAINNET_EMISSION } from '../../../protocol/epoch/emission.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { PARAMETERS } from '../epoch/world.ts'
import { type Market, marketOf } from './market.ts'

/** A fixed seed: a failure is the same failure for everybody. */
export const SEED = 20_250_205

export const wei = (max: bigint, min = 0n) => fc.bigInt({ min, max })

/** From a tenth of a cent to a thousand dollars, to the wei. */
export const price = wei(1_000n * ONE, ONE / 1_000n).map(value => value as Price)

/** Every tax that a vote can set, and every part of the pool for hires. */
const parameters = fc.record({
  hireTaxBps: fc.integer({ min: 482, max: 2_000 }),
  hiredBps: fc.integer({ min: 0, max: 9_000 }),
  targetWeight: wei(20_000n, 1n),
})

const hired = fc.oneof(wei(10n * ONE), wei(300n * ONE), wei(2_000n * ONE))

/** Anything from nobody there to far above the target, from no hire to many times the pool. */
export const anyMarket: fc.Arbitrary<Market> = fc
  .record({
    parameters: parameters.map(changes => ({ ...PARAMETERS, ...changes })),
    terms: fc.constantFrom(MAINNET_EMISSION, { ...MAINNET_EMISSION, netPerYear: 6_000_000n * ONE }),
    epoch: fc.nat(100_000),
    reserve: wei(1_000_000n * ONE),
    price,
    burned: fc.oneof(fc.constant(0n), wei(20n * ONE)),
    honestWeight: wei(10_000n),
    ownWeight: wei(10_000n),
  })
  .chain(base =>
    // In IO, so that hires are small and large beside the pool at any price.
    fc.tuple(hired, hired).map(([honest, own]) =>
      marketOf({
        ...base,
        honestHires: (honest * base.price) / ONE,
        ownHires: (own * base.price) / ONE,
      }),
    ),
  )

/** Nobody else hires anybody. */
export const quietMarket = anyMarket.map(market => ({ ...market, honestHires: 0n, ownHires: 0n }))

/** From a wei to three times what an epoch can pay at launch. */
export const spend = fc.oneof(wei(100n, 1n), wei(20n * ONE, 1n), wei(2_000n * ONE, 1n))
