import { expect } from 'chai'
import { RelayerReader } from '../../../dashboard/src/data/relayer-reader.ts'
import { earnerRows, MAX_OTHERS, otherEarners } from '../../../dashboard/src/model/earners.ts'
import type { Economy } from '../../../dashboard/src/model/economy.ts'
import { WireError } from '../../../dashboard/src/model/fields.ts'
import { parseAccount, parseRelayerLook, type WorkerLine } from '../../../dashboard/src/model/relayer-look.ts'
import { verifyReward } from '../../../dashboard/src/model/verify-reward.ts'
import type { Address } from '../../../protocol/bytes.ts'
import { ONE, type Wei } from '../../../protocol/units.ts'
import { FakeEconomy, GATEWAY, MODEL_OWNER, WORKERS } from '../../support/dashboard/economy.ts'
import { anEpochJson } from '../../support/dashboard/epochs.ts'

const STATS = {
  usageRecordsAccepted: 6,
  batchesAccepted: 5,
  holdsAccepted: 4,
  receipts: 3,
  commitments: 2,
  windows: 1,
}
const worker = (changes: Record<string, unknown> = {}) => ({
  worker: WORKERS[0],
  devices: 1,
  records: 412,
  products: 1_208,
  earnedWei: '45131000000000000000',
  ...changes,
})
const answers = (changes: Record<string, unknown> = {}) => ({
  epochs: { epochs: [anEpochJson()] },
  workers: { workers: [worker()] },
  stats: STATS,
  ...changes,
})
const line = (byte: string, earned: bigint): WorkerLine => ({
  worker: `0x${byte.repeat(20)}`,
  devices: 1,
  records: 1,
  products: 1,
  earned: earned as Wei,
})
const economyWith = (changes: Partial<Economy>): Economy =>
  ({ gateways: [], modelOwners: new Map(), claimedBy: new Map(), ...changes }) as unknown as Economy

describe('what a relayer tells', () => {
  it('is epochs newest first, workers and what it has taken in', () => {
    const look = parseRelayerLook(
      answers({ epochs: { epochs: [anEpochJson({ epoch: 3 }), anEpochJson({ epoch: 4 })] } }),
    )
    expect(look.epochs.map(epoch => epoch.epoch)).to.deep.equal([4, 3])
    expect(look.workers).to.deep.equal([
      { worker: WORKERS[0], devices: 1, records: 412, products: 1_208, earned: 45_131n * 10n ** 15n },
    ])
    expect(look.stats).to.deep.equal(STATS)
    expect(look.refused).to.equal(0)
  })

  it('is read without the entries that are not what they must be, which are counted', () => {
    const look = parseRelayerLook(
      answers({
        epochs: { epochs: [anEpochJson({ phase: '<script>' }), anEpochJson(), null] },
        workers: { workers: [worker({ earnedWei: -1 }), worker()] },
      }),
    )
    expect(look.epochs).to.have.length(1)
    expect(look.workers).to.have.length(1)
    expect(look.refused).to.equal(3)
  })

  it('has one entry an epoch, however often it is sent', () => {
    expect(
      parseRelayerLook(answers({ epochs: { epochs: [anEpochJson(), anEpochJson()] } })).epochs,
    ).to.have.length(1)
  })

  for (const [what, changes] of Object.entries({
    'no lists': { epochs: [], workers: 7 },
    'more epochs than were asked for': {
      epochs: { epochs: Array.from({ length: 65 }, () => anEpochJson()) },
    },
    'more workers than a page lists': { workers: { workers: Array.from({ length: 2_001 }, () => worker()) } },
    'no tallies': { stats: null },
    'tallies that are no counts': { stats: { ...STATS, windows: '1' } },
  })) {
    it(`is refused with ${what}`, () => {
      expect(() => parseRelayerLook(answers(changes))).to.throw(WireError)
    })
  }

  it('is asked for at the addresses of its API', async () => {
    const asked: string[] = []
    const reader = new RelayerReader('http://relayer', async url => {
      asked.push(url)
      return url.includes('epochs') ? answers().epochs : url.includes('workers') ? answers().workers : STATS
    })
    await reader.look()
    expect(asked).to.deep.equal([
      'http://relayer/v1/epochs?limit=10',
      'http://relayer/v1/workers',
      'http://relayer/v1/stats',
    ])
  })

  it('leaves out accounts that have earned nothing', async () => {
    const economy = settled()
    const reader = new RelayerReader('', async url => {
      const found = economy.account(url.replace('/v1/accounts/', ''))
      if (found === undefined) throw new Error('404')
      return found
    })
    const earned = await reader.earned([GATEWAY, `0x${'99'.repeat(20)}`])
    expect(earned).to.deep.equal(new Map([[GATEWAY, economy.earned(GATEWAY)]]))
  })
})

describe('those who earn', () => {
  it('are workers by what they earned, then owners of models and gateways', () => {
    const economy = economyWith({ gateways: [GATEWAY], modelOwners: new Map([[MODEL_OWNER, 1]]) })
    const rows = earnerRows([line('01', 5n), line('02', 9n)], economy, new Map([[GATEWAY, 3n as Wei]]))
    expect(rows.map(row => [row.role, row.account.slice(0, 4), row.earned])).to.deep.equal([
      ['worker', '0x02', 9n],
      ['worker', '0x01', 5n],
      ['model owner', '0xe1', null],
      ['gateway', '0xe2', 3n],
    ])
  })

  it('stand there once, whatever they do', () => {
    const both: Address = `0x${'01'.repeat(20)}`
    const economy = economyWith({ gateways: [both, GATEWAY], modelOwners: new Map([[GATEWAY, 2]]) })
    expect(otherEarners(economy, [line('01', 1n)])).to.deep.equal([{ role: 'model owner', account: GATEWAY }])
  })

  it('are not asked about beyond a bound', () => {
    const owners = Array.from({ length: 40 }, (_, index): [Address, number] => [
      `0x${index.toString(16).padStart(40, '0')}`,
      1,
    ])
    expect(otherEarners(economyWith({ modelOwners: new Map(owners) }), [])).to.have.length(MAX_OTHERS)
  })
})

function settled(): FakeEconomy {
  const economy = new FakeEconomy()
  const amount = 3n * ONE
  economy.settle({
    scheduled: 9n * ONE,
    net: 0n,
    hired: amount,
    availability: amount,
    debitIo: amount,
    debitIosd: 0n,
  })
  return economy
}

describe('verifying a reward in the page', () => {
  const economy = settled()
  const onChain = economyWith({ rewardRoot: economy.root })
  const account = (changes: Record<string, unknown> = {}) =>
    parseAccount({ ...economy.account(GATEWAY), ...changes }, GATEWAY)
  const outcomes = (...given: Parameters<typeof verifyReward>) =>
    verifyReward(...given).map(check => check.outcome)

  it('finds the leaf and the root to hold', () => {
    expect(outcomes(account(), onChain)).to.deep.equal(['holds', 'holds'])
  })

  it('fails the leaf when the amount is a wei more', () => {
    const more = String(economy.earned(GATEWAY) + 1n)
    expect(outcomes(account({ cumulativeWei: more }), onChain)).to.deep.equal(['fails', 'holds'])
  })

  it('fails the root when the distributor pays by another', () => {
    const root: `0x${string}` = `0x${'12'.repeat(32)}`
    expect(outcomes(account(), economyWith({ rewardRoot: root }))).to.deep.equal(['holds', 'fails'])
  })

  it('does not claim to know the root before the chain was read', () => {
    expect(outcomes(account(), null)).to.deep.equal(['holds', 'unknown'])
  })

  it("takes no other account's line", () => {
    expect(() => parseAccount(economy.account(MODEL_OWNER), GATEWAY)).to.throw(WireError)
    expect(() => account({ proof: ['0x12'] })).to.throw(WireError)
    expect(() => account({ proof: Array.from({ length: 65 }, () => economy.root) })).to.throw(WireError)
  })
})
