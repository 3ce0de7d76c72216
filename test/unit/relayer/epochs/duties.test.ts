import { expect } from 'chai'
import { MAX_SKIPPED_ATTEMPTS, openEpoch } from '../../../../protocol/epoch/machine.ts'
import { EMPTY_STATE } from '../../../../protocol/epoch/state.ts'
import { createDuties, type DutiesDeps } from '../../../../relayer/epochs/duties.ts'
import { network } from '../../../support/epoch/cast.ts'
import { DOMAIN } from '../../../support/protocol/network.ts'

describe('the computation of an epoch', () => {
  it('waits until what was opened has been looked at by the final chain', async () => {
    const seen: string[] = []
    const deps = {
      chain: {
        head: () => ({ latest: { timestampSec: 0 } }),
        settlement: () => ({ nextEpoch: 3, nextAttempt: 0, owedFrom: 3 }),
        epochFacts: async () => ({}),
      },
      membership: () => network.membership,
      intake: {
        seal: (epoch: number) => seen.push(`seal ${epoch}`),
        confirmOpenings: async (epoch: number) => {
          seen.push(`confirm ${epoch}`)
          return false
        },
        results: () => seen.push('results'),
      },
    }
    const duties = createDuties(
      { domain: DOMAIN, epochValidSec: 60 },
      // Nothing else is asked for before the openings are confirmed.
      deps as unknown as DutiesDeps,
    )
    const record = { state: openEpoch(3), refusals: [] } as unknown as Parameters<typeof duties.compute>[0]
    expect(await duties.compute(record, new AbortController().signal)).to.equal(undefined)
    expect(seen).to.deep.equal(['seal 3', 'confirm 3'])
  })

  it('computes nothing when another epoch is owed from than those whose usage was fetched', async () => {
    const propose = async (owedFromMeanwhile: number): Promise<string> => {
      const proposed = new Error('proposed')
      let owedFrom = 3
      const deps = {
        chain: {
          head: () => ({ latest: { timestampSec: 0 } }),
          settlement: () => ({ nextEpoch: 3, nextAttempt: 0, owedFrom, reserve: 0n, previous: {} }),
          epochFacts: async () => ({ snapshot: {}, deposits: [] }),
        },
        membership: () => network.membership,
        intake: {
          seal: () => {},
          confirmOpenings: async () => true,
          ...{
            batches: () => [],
            acceptances: () => [],
            receipts: () => [],
            windows: () => [],
            results: () => [],
          },
        },
        outcomes: { openingOf: async () => ({ closing: EMPTY_STATE, rewards: [], debits: [] }) },
        prices: { highest: async () => undefined },
        recovery: {
          // The chain goes back behind the activation of epoch 2, and a quorum empties it.
          recover: async () => {
            owedFrom = owedFromMeanwhile
          },
        },
        propose: () => {
          throw proposed
        },
      }
      const duties = createDuties({ domain: DOMAIN, epochValidSec: 60 }, deps as unknown as DutiesDeps)
      const record = { state: openEpoch(3), refusals: [] } as unknown as Parameters<typeof duties.compute>[0]
      return duties.compute(record, new AbortController().signal).then(
        done => String(done),
        (error: Error) => error.message,
      )
    }
    expect(await propose(3)).to.equal('proposed')
    expect(await propose(2)).to.equal('undefined')
  })

  it('makes attempts as high as the contract takes them, and says above that people have to decide', async () => {
    const deps = {
      chain: {
        head: () => ({ latest: { timestampSec: 0 } }),
        settlement: () => ({ nextEpoch: 3, nextAttempt: 7, owedFrom: 3 }),
        epochFacts: async () => ({}),
      },
      membership: () => network.membership,
      intake: { seal: () => {}, confirmOpenings: async () => false },
    }
    const duties = createDuties({ domain: DOMAIN, epochValidSec: 60 }, deps as unknown as DutiesDeps)
    const compute = (attempt: number) => {
      const record = { state: { ...openEpoch(3), attempt }, refusals: [] }
      const asked = record as unknown as Parameters<typeof duties.compute>[0]
      return duties
        .compute(asked, new AbortController().signal)
        .catch((error: { code: string }) => error.code)
    }
    expect(await compute(7 + MAX_SKIPPED_ATTEMPTS)).to.equal(undefined)
    expect(await compute(8 + MAX_SKIPPED_ATTEMPTS)).to.equal('ATTEMPTS_USED_UP')
  })
})
