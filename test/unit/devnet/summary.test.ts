import { expect } from 'chai'
import { type ChainSnapshot, summarize } from '../../../devnet/summary.ts'
import { iosdForIo, type Price, type Wei } from '../../../protocol/units.ts'

const wei = (value: bigint) => value as Wei
const SETTLED = {
  epochsSettled: 2,
  scheduledMintedWei: '15',
  netEmissionMintedWei: '8',
  iosdSpentWei: '3',
  rewardsPostedWei: '9',
  rewardsClaimedWei: '4',
  reserveWei: '6',
  conservation: 'ok',
} as const
const USAGE = { usageRecordsAccepted: 120, usageRecordsSettled: 100, inferencesPaid: 20 }
const price = 2_345_678_901_234_567_891n as Price
const burn = (io: bigint) => ({ io: wei(io), iosd: iosdForIo(wei(io), price), price })

function snapshot(overrides: Partial<ChainSnapshot> = {}): ChainSnapshot {
  const burns = [burn(10n ** 18n + 1n), burn(7n)]
  const burned = burns.reduce((sum, { io }) => sum + io, 0n)
  return {
    burns,
    onChainUpdates: 2,
    lastPrice: price,
    genesis: wei(10n ** 20n),
    ioSupply: wei(10n ** 20n - burned),
    conservation: SETTLED,
    ...overrides,
  }
}

const run = { venues: 'simulated', oracles: 4, certifiedReports: 9, firstPriceMs: 1234 } as const
const observed = { ...run, usage: USAGE }

describe('summary of a local network', () => {
  it('gives amounts as decimal strings of wei and finds nothing wrong when all adds up', () => {
    expect(summarize(snapshot(), observed)).to.deep.equal({
      ...run,
      onChainUpdates: 2,
      lastPriceUsd: '2.345678901234567891',
      genesisWei: '100000000000000000000',
      burnedWei: '1000000000000000008',
      iosdMintedWei: (iosdForIo(wei(10n ** 18n + 1n), price) + iosdForIo(wei(7n), price)).toString(),
      totalSupplyWei: '98999999999999999992',
      ...USAGE,
      ...SETTLED,
      failedChecks: [],
    })
  })

  it('names what is wrong, to the wei', () => {
    const good = snapshot()
    const dear = { ...burn(5n * 10n ** 18n), iosd: wei(iosdForIo(wei(5n * 10n ** 18n), price) + 1n) }
    const checks = (overrides: Partial<ChainSnapshot>) =>
      summarize({ ...good, ...overrides }, observed).failedChecks
    expect(checks({ conservation: { ...SETTLED, conservation: ['IO_SUPPLY'] } })).to.deep.equal([
      'NOT_CONSERVED',
    ])
    expect(checks({ burns: [...good.burns, dear] })).to.include('BURN_NOT_AT_PRICE')
    expect(checks({ onChainUpdates: 0 })).to.deep.equal(['NO_CERTIFIED_PRICE'])
  })

  it('says when the relayer did not answer', () => {
    const summary = summarize(snapshot(), { ...run, usage: undefined })
    expect(summary.failedChecks).to.deep.equal(['NO_RELAYER'])
    expect(summary).to.include({ usageRecordsSettled: null, inferencesPaid: null })
  })
})
