import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { ConfigError } from '../../../config/error.ts'
import type { ControlChange } from '../../../devnet/venues/control.ts'
import {
  loadScenario,
  playSteps,
  type Scenario,
  shippedScenario,
  shippedScenarios,
} from '../../../devnet/venues/scenario.ts'
import { ManualClock } from '../../support/sources/manual-clock.ts'

describe('scenario files', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-scenario-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  function problemsOf(text: string, name = 'one'): string[] {
    const file = join(dir, `${name}.json`)
    writeFileSync(file, text)
    try {
      loadScenario(file)
    } catch (error) {
      if (error instanceof ConfigError) return error.problems.map(({ path }) => path)
      throw error
    }
    return []
  }

  it('are all good as shipped, and named as their files', () => {
    expect(shippedScenarios()).to.include.members(['calm', 'flash-crash', 'delisted-pair'])
    for (const name of shippedScenarios()) expect(shippedScenario(name).name).to.equal(name)
  })

  it('show everything that is wrong at once, under its key', () => {
    const wrong = {
      name: 'one',
      about: '',
      extra: 1,
      steps: [
        { atMs: 10, venue: 'mtgox', rest: 'maybe' },
        { atMs: -1, tickerPatch: { 'IO/USDT': { bid: 1 } } },
        { delisted: ['DOGE/USD'] },
      ],
    }
    expect(problemsOf(JSON.stringify(wrong))).to.have.members([
      '',
      'about',
      'steps.0.venue',
      'steps.0.rest',
      'steps.1.atMs',
      'steps.1.tickerPatch.IO/USDT.bid',
      'steps.2.atMs',
      'steps.2.delisted.0',
    ])
  })

  it('are refused when steps are out of order, when they are named otherwise, and when they are no JSON', () => {
    const scenario = (name: string, times: number[]): string =>
      JSON.stringify({ name, about: 'about', steps: times.map(atMs => ({ atMs })) })
    expect(problemsOf(scenario('one', [0, 5, 5, 9]))).to.deep.equal([])
    expect(problemsOf(scenario('one', [0, 5, 4]))).to.deep.equal(['steps.2.atMs'])
    expect(problemsOf(scenario('two', [0]))).to.deep.equal(['name'])
    expect(problemsOf('{"name":')).to.deep.equal([''])
    expect(() => loadScenario(join(dir, 'none.json'))).to.throw(ConfigError, 'cannot be read')
  })

  it('are found by name among the shipped ones alone', () => {
    expect(() => shippedScenario('../formats/okx')).to.throw(ConfigError, 'there is no scenario')
    expect(() => shippedScenario('none')).to.throw(ConfigError, 'flash-crash')
  })
})

describe('a scenario', () => {
  const scenario: Scenario = {
    name: 'steps',
    about: 'about',
    steps: [
      { atMs: 0, venue: 'okx', priceOffsetBps: 1 },
      { atMs: 100, priceOffsetBps: 2 },
      { atMs: 300, priceOffsetBps: 3 },
    ],
  }

  it('does its first steps at once and the others in their time', async () => {
    const clock = new ManualClock(0)
    const seen: ControlChange[] = []
    const done = playSteps(scenario, change => seen.push(change), clock, new AbortController().signal)
    expect(seen).to.deep.equal([{ venue: 'okx', priceOffsetBps: 1 }])
    await clock.advance(99)
    expect(seen).to.have.lengthOf(1)
    await clock.advance(1)
    expect(seen).to.have.lengthOf(2)
    await clock.advance(200)
    await done
    expect(seen.map(change => change.priceOffsetBps)).to.deep.equal([1, 2, 3])
  })

  it('stops where it is when it is told to', async () => {
    const clock = new ManualClock(0)
    const seen: ControlChange[] = []
    const abort = new AbortController()
    const done = playSteps(scenario, change => seen.push(change), clock, abort.signal)
    abort.abort(new Error('enough'))
    await done
    await clock.advance(1_000)
    expect(seen).to.have.lengthOf(1)
  })
})
