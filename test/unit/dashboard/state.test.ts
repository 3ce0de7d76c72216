import { expect } from 'chai'
import { parseReport, type Report } from '../../../dashboard/src/model/report.ts'
import {
  initialState,
  isOnChain,
  MAX_REPORTS,
  type PageState,
  step,
} from '../../../dashboard/src/model/state.ts'
import type { Wei } from '../../../protocol/units.ts'
import { aConfig } from '../../support/dashboard/a-config.ts'
import { TestNetwork } from '../../support/dashboard/test-network.ts'

const config = aConfig()
const network = new TestNetwork(4, { chainId: config.chainId, registry: config.contracts.oracleRegistry })
const price = 2n * 10n ** 18n
const START = 17_953_620_640
const sample = parseReport(network.certify(START, [price, price, price, price]))
/** Copies under other rounds: what is kept does not depend on signatures. */
const at = (index: number, changes: Partial<Report> = {}): Report => ({
  ...sample,
  round: START + index * 10,
  ...changes,
})
const NO_EVENTS = { burns: [], settlements: [], claims: [] }
const rounds = (state: PageState) => state.reports.map(report => (report.round - START) / 10)
const take = (state: PageState, ...reports: Report[]) => step(state, { type: 'reports', reports })

describe('what the page knows', () => {
  it('keeps reports newest first, whatever the order they come in', () => {
    const state = take(take(take(initialState(config), at(3)), at(1), at(5)), at(4))
    expect(rounds(state)).to.deep.equal([5, 4, 3, 1])
  })

  it('keeps one report a round, the copy that came last', () => {
    const state = take(take(initialState(config), at(1), at(2)), at(1, { onChain: true }))
    expect(rounds(state)).to.deep.equal([2, 1])
    expect(state.reports[1]?.onChain).to.equal(true)
  })

  it('leaves out reports of another feed', () => {
    const state = take(initialState(config), at(1, { feedId: `0x${'22'.repeat(32)}` }))
    expect(state.reports).to.deep.equal([])
  })

  it('forgets the oldest reports beyond its bound', () => {
    const many = Array.from({ length: MAX_REPORTS + 5 }, (_, index) => at(index))
    const state = take(initialState(config), ...many)
    expect(rounds(state)).to.have.length(MAX_REPORTS)
    expect(rounds(take(state, at(MAX_REPORTS + 9)))).to.have.length(MAX_REPORTS)
    expect(rounds(state).at(-1)).to.equal(5)
  })

  it('takes a report for on chain when the aggregator, an update or the feed says so', () => {
    const fresh = initialState(config)
    expect(isOnChain(fresh, at(1))).to.equal(false)
    expect(isOnChain(fresh, at(1, { onChain: true }))).to.equal(true)
    const updated = step(fresh, { type: 'update', round: at(1).round, txHash: '0x12' })
    expect(isOnChain(updated, at(1))).to.equal(true)
    expect(isOnChain(updated, at(2))).to.equal(false)
    const look = {
      block: 9,
      blockSec: 1,
      seenAtMs: 1_000,
      ioSupply: 0n as Wei,
      iosdSupply: 0n as Wei,
      burned: 0n as Wei,
      latest: { price: sample.price, round: at(2).round },
      groupKeys: new Map(),
      economy: null,
    }
    expect(isOnChain(step(fresh, { type: 'chain', look, fromBlock: 0, ...NO_EVENTS }), at(2))).to.equal(true)
  })

  it('changes the status of one aggregator and no other', () => {
    const state = step(initialState(config), { type: 'link', index: 1, status: 'down' })
    expect(state.links).to.deep.equal(['unknown', 'down'])
  })
})
