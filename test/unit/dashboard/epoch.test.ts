import { expect } from 'chai'
import {
  agreementOf,
  type ChainEpoch,
  chainEpochsOf,
  decodeSettlementEvent,
  epochRows,
} from '../../../dashboard/src/model/chain-epochs.ts'
import { type Epoch, parseEpoch } from '../../../dashboard/src/model/epoch.ts'
import { WireError } from '../../../dashboard/src/model/fields.ts'
import { stationsOf } from '../../../dashboard/src/model/stepper.ts'
import { parseDecimal, type Wei } from '../../../protocol/units.ts'
import { anEpochJson, settledChain } from '../../support/dashboard/epochs.ts'

const times = { startSec: 0, endSec: 40 }
const rowsOf = (told: readonly Epoch[], chain: readonly ChainEpoch[], newest = 100) =>
  epochRows(told, chain, { max: 8, newest, timesOf: () => times })

describe('an epoch from a relayer', () => {
  it('is read whole, amounts in wei and the price to its last digit', () => {
    const epoch = parseEpoch(anEpochJson({ priceUsd: '2.411000000000000007' }))
    expect(epoch.price).to.equal(parseDecimal('2.411000000000000007'))
    expect(epoch.scheduled).to.equal(7_610_000_000_000_000_000n)
    expect(epoch.certificate).to.equal('group')
    expect(epoch.steps.map(step => step.phase)).to.include.members(['open', 'active'])
  })

  it('has no figure where none is known yet', () => {
    const epoch = parseEpoch(anEpochJson({ priceUsd: null, netWei: null, txHash: null, certificate: null }))
    expect([epoch.price, epoch.net, epoch.txHash, epoch.certificate]).to.deep.equal([null, null, null, null])
  })

  const wrong: [string, unknown][] = [
    ['epoch', -1],
    ['phase', 'done'],
    ['attempt', '0'],
    ['priceUsd', '-2.4'],
    ['priceUsd', '2.4e9'],
    ['priceUsd', 2.4],
    ['netWei', '1.5'],
    ['netWei', `1${'0'.repeat(78)}`],
    ['reserveWei', 12],
    ['rewardRoot', '0x12'],
    ['certificate', 'none'],
    ['recordsCounted', 1.5],
    ['steps', null],
    ['steps', [{ phase: 'open', atSec: 'now' }]],
    ['steps', Array.from({ length: 201 }, () => ({ phase: 'open', atSec: 1 }))],
    ['refusals', [{ slot: 1, code: 'X', text: 'y'.repeat(2_001) }]],
    ['refusals', 'none'],
  ]
  for (const [field, value] of wrong) {
    it(`is refused with ${field} = ${JSON.stringify(value)?.slice(0, 40)}`, () => {
      expect(() => parseEpoch(anEpochJson({ [field]: value })))
        .to.throw(WireError)
        .with.property('field')
        .that.matches(/^epoch/)
    })
  }
})

describe("the stations of an epoch's life", () => {
  const phases = (epoch: Partial<Epoch>) =>
    stationsOf({ phase: 'open', steps: [], startSec: 100, ...epoch }).map(
      ({ phase, status, atSec }) => `${phase} ${status} ${atSec}`,
    )

  it('are done up to the present one, with their times', () => {
    const steps = [
      { phase: 'open' as const, atSec: 100 },
      { phase: 'sealed' as const, atSec: 146 },
      { phase: 'computed' as const, atSec: 147 },
    ]
    expect(phases({ phase: 'computed', steps })).to.deep.equal([
      'open done 100',
      'sealed done 146',
      'computed current 147',
      'published ahead null',
      'certified ahead null',
      'staged ahead null',
      'active ahead null',
      'final ahead null',
    ])
  })

  it('forget what an earlier attempt had reached', () => {
    const steps = [
      { phase: 'sealed' as const, atSec: 146 },
      { phase: 'published' as const, atSec: 148 },
      { phase: 'sealed' as const, atSec: 155 },
    ]
    const stations = phases({ phase: 'sealed', steps })
    expect(stations[1]).to.equal('sealed current 155')
    expect(stations[3]).to.equal('published ahead null')
  })

  it('are done as far as an epoch came that a quorum emptied', () => {
    const steps = [
      { phase: 'open' as const, atSec: 100 },
      { phase: 'sealed' as const, atSec: 146 },
      { phase: 'emptied' as const, atSec: 155 },
    ]
    expect(phases({ phase: 'emptied', steps }).slice(0, 3)).to.deep.equal([
      'open done 100',
      'sealed done 146',
      'computed ahead null',
    ])
  })

  it('are done without a time where another relayer did the work', () => {
    const stations = phases({ phase: 'active', steps: [{ phase: 'active', atSec: 150 }] })
    expect(stations.slice(3, 7)).to.deep.equal([
      'published done null',
      'certified done null',
      'staged done null',
      'active current 150',
    ])
  })
})

describe('what the chain says of an epoch', () => {
  it('is put together from the events of its settlement', () => {
    const { events, figures } = settledChain(3)
    const chain = chainEpochsOf(events)
    expect(chain.map(each => each.epoch)).to.deep.equal([2, 1, 0])
    expect(chain[0]).to.deep.include({
      scheduled: figures.scheduled,
      net: figures.net,
      hiredPaid: figures.hired,
      availabilityPaid: figures.availability,
      debitIo: figures.debitIo,
      debitIosd: figures.debitIosd,
      added: figures.hired + figures.availability + figures.debitIo,
      posted: true,
      attempt: 0,
    })
  })

  it('is the same whatever the order of the events', () => {
    const { events } = settledChain(3)
    expect(chainEpochsOf([...events].reverse())).to.deep.equal(chainEpochsOf(events))
  })

  it('pays nothing when it was emptied after a stage was vetoed', () => {
    const [staged] = settledChain(1).events.filter(({ said }) => said.attempt !== undefined)
    const words = [1, 2, 0, 0, 9, 0].map(word => word.toString(16).padStart(64, '0')).join('')
    const topics = ['0x', `0x${'00'.repeat(32)}`]
    const log = { blockNumber: '0x7fff', logIndex: '0x0', topics, data: `0x${words}` }
    const [emptied] = chainEpochsOf([
      ...(staged === undefined ? [] : [staged]),
      decodeSettlementEvent('posted', log),
    ])
    expect(emptied).to.deep.include({
      ...{ posted: true, added: 0n, hiredPaid: 0n, availabilityPaid: 0n, debitIo: 0n, debitIosd: 0n },
      reserve: 9n,
    })
  })

  it('cannot be read from an event of another length', () => {
    const log = { blockNumber: '0x1', logIndex: '0x0', topics: ['0x', `0x${'00'.repeat(32)}`], data: '0x' }
    expect(() => decodeSettlementEvent('posted', log)).to.throw(WireError)
    expect(() => decodeSettlementEvent('minted', { ...log, data: `0x${'zz'.repeat(64)}` })).to.throw(
      WireError,
    )
  })

  it('agrees with a relayer that tells the same', () => {
    const { events, told } = settledChain(3)
    const [row] = rowsOf(told, chainEpochsOf(events))
    expect(row?.agreement).to.deep.equal({ outcome: 'agrees' })
  })

  for (const field of ['net', 'hiredPaid', 'availabilityPaid', 'debitIo', 'debitIosd', 'reserve'] as const) {
    it(`differs from a relayer that tells another ${field}`, () => {
      const { events, told } = settledChain(1)
      const [honest] = told
      if (honest === undefined) throw new Error('no epoch')
      const lie = { ...honest, [field]: ((honest[field] ?? 0n) + 1n) as Wei }
      expect(agreementOf(lie, chainEpochsOf(events)[0])).to.deep.equal({ outcome: 'differs', field })
    })
  }

  it('is unknown before its rewards are posted', () => {
    const { events, told } = settledChain(1)
    const staged = chainEpochsOf(events.filter(event => event.said.posted !== true))[0]
    const [honest] = told
    if (honest === undefined) throw new Error('no epoch')
    expect(agreementOf(honest, staged)).to.deep.equal({ outcome: 'unknown' })
    expect(agreementOf(honest, undefined)).to.deep.equal({ outcome: 'unknown' })
  })
})

describe('the list of epochs', () => {
  it('has the newest first, and eight at most', () => {
    const { events, told } = settledChain(12)
    const rows = rowsOf([...told].reverse(), chainEpochsOf(events))
    expect(rows.map(row => row.told.epoch)).to.deep.equal([11, 10, 9, 8, 7, 6, 5, 4])
  })

  it('shows what the chain says of an epoch that no relayer tells of', () => {
    const { events, told } = settledChain(3)
    const rows = rowsOf(
      told.filter(each => each.epoch !== 1),
      chainEpochsOf(events),
    )
    expect(rows.map(row => [row.told.epoch, row.chainOnly, row.told.phase])).to.deep.equal([
      [2, false, 'final'],
      [1, true, 'active'],
      [0, false, 'final'],
    ])
    expect(rows[1]?.told).to.deep.include(times)
  })

  it('has no room for epochs that have not begun', () => {
    const { events, told } = settledChain(2)
    const invented = Array.from({ length: 9 }, (_, index) => ({ ...told[0], epoch: 1_000 + index }) as Epoch)
    const rows = rowsOf([...invented, ...told], chainEpochsOf(events), 3)
    expect(rows.map(row => row.told.epoch)).to.deep.equal([1, 0])
  })
})
