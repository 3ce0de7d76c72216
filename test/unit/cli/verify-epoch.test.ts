import { expect } from 'chai'
import { type VerifyInputs, verifyEpoch } from '../../../cli/verify/verify-epoch.ts'
import type { EpochBundle } from '../../../protocol/epoch/bundle.ts'
import { BUNDLE_FAULTS, type BundleResult, decodeBundle } from '../../../protocol/epoch/bundle-reader.ts'
import { encodeBundle } from '../../../protocol/epoch/bundle-writer.ts'
import type { Price } from '../../../protocol/units.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { createIdentityCrypto } from '../../../runtime/native-identity.ts'
import { hash } from '../../support/epoch/cast.ts'
import { type Case, caseOf, inputsOf, nextInputs } from '../../support/epoch/world.ts'

const crypto = createIdentityCrypto(silentLogger)
const first = caseOf()
const second = caseOf(nextInputs(inputsOf(), first.outcome), {
  rewardRoot: first.report.rewardRoot,
  debitRoot: first.report.debitRoot,
  cumulativeRewards: first.report.cumulativeRewards,
  cumulativeDebitIosd: first.report.cumulativeDebitIosd,
  cumulativeDebitIo: first.report.cumulativeDebitIo,
})

function read(bundle: EpochBundle): BundleResult {
  return decodeBundle(encodeBundle(bundle))
}

function settledOf({ report, outcome, bundle }: Case) {
  const { pool, reserveAfter, hiredPaid, availabilityPaid } = outcome.allocation
  return {
    report,
    emptied: false,
    reserveBefore: bundle.header.reserve,
    reserveAfter,
    scheduled: pool.scheduled,
    net: pool.net,
    released: pool.released,
    added: hiredPaid + availabilityPaid + outcome.usage.debitIo,
    txHash: hash('transaction'),
    blockNumber: 120,
    timestampSec: report.validUntil - 1,
  }
}

/** The first epoch, verified by somebody with nothing but its bundle and the chain. */
function inputs(changes: Partial<VerifyInputs> = {}): VerifyInputs {
  const facts = { settled: settledOf(first), before: undefined, view: first.chain, highestPrice: undefined }
  return { facts, bundle: read(first.bundle), previous: undefined, windows: undefined, ...changes }
}

function later(changes: Partial<VerifyInputs> = {}): VerifyInputs {
  const facts = {
    settled: settledOf(second),
    before: settledOf(first),
    view: second.chain,
    highestPrice: undefined,
  }
  return inputs({ facts, bundle: read(second.bundle), previous: read(first.bundle), ...changes })
}

const codeOf = (given: VerifyInputs) => verifyEpoch(given, crypto).difference?.code

describe('the verification of a settled epoch', () => {
  it('finds nothing different in what an honest relayer settled', () => {
    const verification = verifyEpoch(inputs(), crypto)
    expect(verification.difference).to.equal(undefined)
    expect(verification.lines.filter(({ equal }) => !equal)).to.deep.equal([])
    expect(verification.figures?.recordsCounted).to.equal(4)
  })

  it('starts a later epoch from what the one before left', () => {
    const verification = verifyEpoch(later(), crypto)
    expect(verification.difference).to.equal(undefined)
    expect(verification.notChecked.some(text => text.includes('left open'))).to.equal(false)
  })

  it('says that it took the opening state for granted when the bundle before is not there', () => {
    const verification = verifyEpoch(later({ previous: undefined }), crypto)
    expect(verification.difference).to.equal(undefined)
    expect(verification.notChecked[0]).to.match(/^what epoch 0 left open/)
  })

  it('names a bundle before that is not the one on chain', () => {
    expect(codeOf(later({ previous: read(second.bundle) }))).to.equal('PREVIOUS_BUNDLE')
  })

  it('knows a price on chain that was higher than the one of the bundle', () => {
    const { facts } = inputs()
    const given = inputs({ facts: { ...facts, highestPrice: (10n ** 24n) as Price } })
    expect(codeOf(given)).to.equal('HIGHER_PRICE_KNOWN')
  })

  it('compares what the contracts minted by themselves', () => {
    const { facts } = inputs()
    for (const name of ['scheduled', 'net', 'released', 'added', 'reserveAfter'] as const) {
      const settled = { ...facts.settled, [name]: facts.settled[name] + 1n }
      const { difference, lines } = verifyEpoch(inputs({ facts: { ...facts, settled } }), crypto)
      expect(difference?.code, name).to.equal('TOTALS')
      expect(
        lines.filter(({ equal }) => !equal),
        name,
      ).to.have.length(1)
    }
  })

  it('tells which window the chain did not call for', () => {
    const { difference } = verifyEpoch(
      inputs({ windows: { wrong: 'slot 7 was none', notChecked: [] } }),
      crypto,
    )
    expect(difference).to.deep.equal({ code: 'WINDOWS', sentence: 'slot 7 was none' })
  })

  it('names the fault of a bundle in which one byte is another, wherever it is', () => {
    const bytes = Buffer.concat([...encodeBundle(first.bundle)])
    for (let index = 0; index < bytes.length; index += 7) {
      const damaged = Uint8Array.from(bytes)
      damaged[index] = (damaged[index] ?? 0) ^ 0x40
      const { difference, lines } = verifyEpoch(inputs({ bundle: decodeBundle([damaged]) }), crypto)
      expect(BUNDLE_FAULTS, `byte ${index}`).to.include(difference?.code)
      expect(lines).to.deep.equal([])
    }
  })

  it('never computes a hostile bundle into an error of its own', () => {
    const { bundle } = first
    const hostile: Partial<EpochBundle>[] = [
      { parameters: { ...bundle.parameters, targetWeight: 0n } },
      { price: undefined },
      ...(bundle.price === undefined ? [] : [{ price: { ...bundle.price, word: 0n } }]),
      { header: { ...bundle.header, epoch: 2 ** 40 } },
      { models: [] },
      { acceptances: [] },
      { deposits: [] },
    ]
    for (const change of hostile) {
      const verification = verifyEpoch(inputs({ bundle: read({ ...bundle, ...change }) }), crypto)
      expect(verification.difference, Object.keys(change)[0]).not.to.equal(undefined)
    }
  })
})
