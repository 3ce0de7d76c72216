import { expect } from 'chai'
import { type ChainSnapshot, summarize } from '../../../devnet/summary.ts'
import { iosdForIo, type Price, type Wei } from '../../../protocol/units.ts'

const wei = (value: bigint) => value as Wei
const price = 2_345_678_901_234_567_891n as Price
const burn = (io: bigint) => ({ io: wei(io), iosd: iosdForIo(wei(io), price), price })

function snapshot(overrides: Partial<ChainSnapshot> = {}): ChainSnapshot {
  const burns = [burn(10n ** 18n + 1n), burn(7n)]
  const burned = burns.reduce((sum, { io }) => sum + io, 0n)
  const minted = burns.reduce((sum, { iosd }) => sum + iosd, 0n)
  return {
    burns,
    onChainUpdates: 2,
    lastPrice: price,
    genesis: wei(10n ** 20n),
    ioSupply: wei(10n ** 20n - burned),
    iosdSupply: wei(minted),
    ...overrides,
  }
}

const run = { venues: 'simulated', oracles: 4, certifiedReports: 9, firstPriceMs: 1234 } as const

describe('summary of a local network', () => {
  it('gives amounts as decimal strings of wei and finds nothing wrong when all adds up', () => {
    expect(summarize(snapshot(), run)).to.deep.equal({
      ...run,
      onChainUpdates: 2,
      lastPriceUsd: '2.345678901234567891',
      genesisWei: '100000000000000000000',
      burnedWei: '1000000000000000008',
      iosdMintedWei: (iosdForIo(wei(10n ** 18n + 1n), price) + iosdForIo(wei(7n), price)).toString(),
      totalSupplyWei: '98999999999999999992',
      failedChecks: [],
    })
  })

  it('names what is wrong, to the wei', () => {
    const good = snapshot()
    const dear = { ...burn(5n * 10n ** 18n), iosd: wei(iosdForIo(wei(5n * 10n ** 18n), price) + 1n) }
    const checks = (overrides: Partial<ChainSnapshot>) =>
      summarize({ ...good, ...overrides }, run).failedChecks
    expect(checks({ ioSupply: wei(good.ioSupply + 1n) })).to.deep.equal([
      'IO_SUPPLY_NOT_GENESIS_MINUS_BURNED',
    ])
    expect(checks({ iosdSupply: wei(good.iosdSupply - 1n) })).to.deep.equal(['IOSD_SUPPLY_NOT_MINTED'])
    expect(checks({ burns: [...good.burns, dear] })).to.include('BURN_NOT_AT_PRICE')
    expect(checks({ onChainUpdates: 0 })).to.deep.equal(['NO_CERTIFIED_PRICE'])
  })
})
