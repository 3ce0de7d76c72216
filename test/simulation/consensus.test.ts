import { expect } from 'chai'
import { type SimulationOptions, simulate } from '../support/simulation/simulate.ts'
import { keptSeeds } from './kept-seeds.ts'

/** Everything that went wrong, in a form that says how to see it again. */
async function complaintsOf(options: SimulationOptions): Promise<string[]> {
  const { violations } = await simulate(options)
  const { seed, rounds, n } = options
  const command = `node test/simulation/run.ts --seed ${seed} --rounds ${rounds} --n ${n}`
  return violations.map(({ invariant, detail }) => `${invariant}: ${detail}; see ${command}`)
}

describe('simulated consensus', () => {
  for (const { seed, rounds, n, broke } of keptSeeds()) {
    it(`holds in a run that once broke ${broke}: seed ${seed}, ${n} members`, async () => {
      expect(await complaintsOf({ seed, rounds, n })).to.deep.equal([])
    }).timeout(60_000)
  }

  it('does the same again under the same seed, event for event', async () => {
    const options = { seed: 6, rounds: 8, n: 4 }
    const [first, second] = [await simulate(options), await simulate(options)]
    expect(second.hash).to.equal(first.hash)
    expect(second.lines).to.equal(first.lines).and.above(200)
    expect((await simulate({ ...options, seed: 7 })).hash).to.not.equal(first.hash)
  }).timeout(60_000)

  for (const seed of [6, 11]) {
    it(`keeps every promise with four members, seed ${seed}`, async () => {
      expect(await complaintsOf({ seed, rounds: 26, n: 4 })).to.deep.equal([])
    }).timeout(60_000)
  }

  it('keeps every promise with seven members', async () => {
    expect(await complaintsOf({ seed: 3, rounds: 10, n: 7 })).to.deep.equal([])
  }).timeout(60_000)

  it('certifies every round of a calm run, across a rotation', async () => {
    const rotation = { kind: 'rotate', fromMs: 1_700_000_006_300 } as const
    const result = await simulate({ seed: 7, rounds: 14, n: 4, faults: [rotation] })
    expect(result.violations).to.deep.equal([])
    expect(result.cast).to.match(/all honest/)
    expect(result.liveness).to.deep.equal({ judged: 11, lostToLiars: [] })
  }).timeout(60_000)
})
