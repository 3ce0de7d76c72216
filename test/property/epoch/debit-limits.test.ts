import { expect } from 'chai'
import fc from 'fast-check'
import type { Address } from '../../../protocol/bytes.ts'
import { modelKey, settleUsage } from '../../../protocol/epoch/settle-usage.ts'
import { EMPTY_STATE, UsageTables } from '../../../protocol/epoch/state.ts'
import type { Price } from '../../../protocol/units.ts'
import { ONE } from '../../../protocol/units.ts'
import { type Channel, channelKey, HIRE_IN_IOSD } from '../../../protocol/usage/receipt.ts'
import { ASSET, NOBODY, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { addressOf } from '../../support/epoch/cast.ts'
import { MODEL, PARAMETERS } from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

const PAYERS = ['one payer', 'another payer'].map(addressOf)
const WORKER = addressOf('worker')

/** An inference in IO and a hire in IOSD of each payer. */
const CHANNELS = PAYERS.flatMap((payer): { channel: Channel; asset: 1 | 2 }[] => {
  const parties = { payer, worker: WORKER, gateway: NOBODY }
  const inference = { kind: WORK_KIND.inference, id: MODEL.id, version: MODEL.version }
  return [
    { channel: { ...parties, ...inference }, asset: ASSET.io },
    {
      channel: { ...parties, kind: WORK_KIND.hire, id: MODEL.id, version: HIRE_IN_IOSD },
      asset: ASSET.iosd,
    },
  ]
})

const amount = fc.bigInt(0n, 4n * ONE)
const debit = fc.record({ io: amount, iosd: amount })

describe('what an epoch debits', () => {
  it('is never above the bound of the epoch, nor above what the payer has left: the contract would refuse all of it', () => {
    const reached = { epoch: 0, payer: 0, fees: 0 }
    fc.assert(
      fc.property(
        fc.array(amount, { minLength: 4, maxLength: 4 }),
        debit,
        fc.tuple(debit, debit),
        fc.tuple(amount, amount),
        (claims, limits, left, free) => {
          const tables = new UsageTables(DOMAIN, EMPTY_STATE)
          for (const [index, { channel, asset }] of CHANNELS.entries()) {
            const state = { channel, asset, units: 1n, settled: 0n, feeSettled: 0n }
            tables.channels.set(channelKey(channel), { ...state, claimed: claims[index] ?? 0n })
          }
          const of = <T>(values: readonly T[]): ReadonlyMap<Address, T> =>
            new Map(
              PAYERS.flatMap((payer, index) => values.slice(index, index + 1).map(value => [payer, value])),
            )
          const { debits, debitIo, debitIosd } = settleUsage(
            {
              // Fees as large as payments, so that they reach the bounds.
              parameters: { ...PARAMETERS, feeBps: 10_000 },
              price: ONE as Price,
              models: new Map([[modelKey(MODEL.id, MODEL.version), MODEL]]),
              ...{ freeIosd: of(free), limits, available: of(left) },
            },
            tables,
          )
          expect(debitIo <= limits.io && debitIosd <= limits.iosd).to.equal(true)
          for (const [index, payer] of PAYERS.entries()) {
            const { io = 0n, iosd = 0n } = debits.get(payer) ?? {}
            expect(io <= (left[index]?.io ?? 0n) && iosd <= (left[index]?.iosd ?? 0n)).to.equal(true)
            if (io > 0n && io === left[index]?.io) reached.payer += 1
          }
          if (debitIo > 0n && debitIo === limits.io) reached.epoch += 1
          const fees = [...tables.channels.values()].filter(({ feeSettled }) => feeSettled > 0n)
          reached.fees += fees.length
        },
      ),
      { numRuns: 2_000 },
    )
    for (const count of Object.values(reached)) expect(count > 100, JSON.stringify(reached)).to.equal(true)
  })
})
