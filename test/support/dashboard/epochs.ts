import { READ_ECONOMY } from '../../../dashboard/src/data/economy-reader.ts'
import { eventTopic } from '../../../dashboard/src/data/rpc.ts'
import {
  decodeSettlementEvent,
  type SettlementEvent,
  type SettlementEventKind,
} from '../../../dashboard/src/model/chain-epochs.ts'
import { type Epoch, parseEpoch } from '../../../dashboard/src/model/epoch.ts'
import { ONE } from '../../../protocol/units.ts'
import { FakeEconomy, type FakeEpoch } from './economy.ts'

const KINDS = new Map<string | undefined, SettlementEventKind>([
  [eventTopic(READ_ECONOMY.epochStaged), 'staged'],
  [eventTopic(READ_ECONOMY.epochMinted), 'minted'],
  [eventTopic(READ_ECONOMY.netMinted), 'net'],
  [eventTopic(READ_ECONOMY.rewardsPosted), 'posted'],
])

/** An epoch as a relayer tells it, final; a test changes the one field that matters. */
export function anEpochJson(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    epoch: 7,
    phase: 'final',
    attempt: 0,
    startSec: 1_000,
    endSec: 1_040,
    bundleHash: `0x${'b0'.repeat(32)}`,
    bundleBytes: 48_211,
    priceUsd: '2.411',
    recordsAccepted: 214,
    recordsCounted: 211,
    inferencesPaid: 37,
    workers: 3,
    scheduledWei: '7610000000000000000',
    netWei: '41000000000000000',
    releasedWei: '0',
    hiredPaidWei: '0',
    availabilityPaidWei: '0',
    debitIoWei: '0',
    debitIosdWei: '0',
    reserveWei: '0',
    rewardRoot: `0x${'b1'.repeat(32)}`,
    debitRoot: `0x${'b2'.repeat(32)}`,
    certificate: 'group',
    txHash: `0x${'b3'.repeat(32)}`,
    settledAtSec: 1_049,
    steps: [
      { phase: 'open', atSec: 1_000 },
      { phase: 'sealed', atSec: 1_046 },
      { phase: 'active', atSec: 1_049 },
    ],
    refusals: [],
    ...changes,
  }
}

const FIGURES: FakeEpoch = {
  scheduled: 7n * ONE,
  net: ONE / 20n,
  hired: 2n * ONE,
  availability: 3n * ONE,
  debitIo: ONE + 1n,
  debitIosd: 4n * ONE,
}

/** Epochs settled one a block from block 100 on: what the chain says, and what an honest relayer tells, newest first. */
export function settledChain(count: number): {
  events: SettlementEvent[]
  told: Epoch[]
  figures: FakeEpoch
} {
  const economy = new FakeEconomy()
  const events: SettlementEvent[] = []
  const told: Epoch[] = []
  for (let index = 0; index < count; index++) {
    const { number, report, logs } = economy.settle(FIGURES)
    const blockNumber = `0x${(100 + number).toString(16)}`
    for (const [logIndex, log] of logs.entries()) {
      const kind = KINDS.get(log.topics[0])
      if (kind !== undefined)
        events.push(decodeSettlementEvent(kind, { ...log, blockNumber, logIndex: `0x${logIndex}` }))
    }
    const json = anEpochJson({
      epoch: number,
      scheduledWei: String(FIGURES.scheduled),
      netWei: String(FIGURES.net),
      hiredPaidWei: String(FIGURES.hired),
      availabilityPaidWei: String(FIGURES.availability),
      debitIoWei: String(FIGURES.debitIo),
      debitIosdWei: String(FIGURES.debitIosd),
      reserveWei: String(economy.reserve),
      rewardRoot: report['rewardRoot'],
      debitRoot: report['debitRoot'],
      bundleHash: report['bundleHash'],
    })
    told.unshift(parseEpoch(json))
  }
  return { events, told, figures: FIGURES }
}
