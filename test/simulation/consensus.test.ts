import { expect } from 'chai'
import { type SimulationOptions, START_MS, simulate } from '../support/simulation/simulate.ts'
import { keptSeeds } from './kept-seeds.ts'

/** Chosen by mistakes made on purpose: signatures that fail, proofs taken on trust, quotes left out. */
const SEEDS_OF_FOUR = [1, 2, 3, 6, 14]
const SEEDS_OF_SEVEN = [1, 3]

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

  for (const seed of SEEDS_OF_FOUR) {
    it(`keeps every promise with four members, seed ${seed}`, async () => {
      expect(await complaintsOf({ seed, rounds: 17, n: 4 })).to.deep.equal([])
    }).timeout(60_000)
  }

  for (const seed of SEEDS_OF_SEVEN) {
    it(`keeps every promise with seven members, seed ${seed}`, async () => {
      expect(await complaintsOf({ seed, rounds: 4, n: 7 })).to.deep.equal([])
    }).timeout(60_000)
  }

  it('certifies every round of a calm run, across a rotation', async () => {
    const rotation = { kind: 'rotate', fromMs: START_MS + 6_300 } as const
    const result = await simulate({ seed: 7, rounds: 14, n: 4, honest: true, faults: [rotation] })
    expect(result.violations).to.deep.equal([])
    const calm = Array.from({ length: 11 }, (_, index) => index + 3)
    expect(result.certifiedRounds).to.include.members(calm)
    expect(result.liveness.lostToLiars).to.deep.equal([])
  }).timeout(60_000)

  for (const [what, rotations] of [
    ['an hour', []],
    ['an hour in which the key changes', [{ kind: 'rotate', fromMs: START_MS + 1_800_000 }]],
  ] as const) {
    it(`has a member back that was away for ${what}: it quotes and signs within two rounds`, async () => {
      const [downMs, sleepMs, wakeMs, backMs] = [5_500, 8_000, 3_608_000, 3_610_000].map(ms => START_MS + ms)
      const result = await simulate({
        ...{ seed: 5, rounds: 3_620, n: 4, honest: true },
        faults: [
          { kind: 'crash', node: 'm1', point: 'anywhere', fromMs: downMs ?? 0, toMs: backMs ?? 0 },
          { kind: 'pause', fromMs: sleepMs ?? 0, toMs: wakeMs ?? 0 },
          ...rotations,
          // From here on the other three are a quorum only together with it.
          { kind: 'crash', node: 'm2', point: 'anywhere', fromMs: backMs ?? 0, toMs: (backMs ?? 0) + 8_000 },
        ],
      })
      expect(result.violations).to.deep.equal([])
      expect(result.certifiedRounds).to.include.members([3612, 3613, 3614, 3615, 3616, 3617])
    }).timeout(60_000)
  }
})
