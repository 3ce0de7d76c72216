import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { z } from 'zod'
import { sourcesSchema, toSourcePlan } from '../../../config/sources.ts'
import { decodeRecordHeader, encodeRecordHeader } from '../../../oracle-node/recording/header.ts'
import { createRecorder } from '../../../oracle-node/recording/recorder.ts'
import { planHash } from '../../../protocol/sources/plan-hash.ts'
import type { LegPlan, SourcePlan } from '../../../protocol/sources/types.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { aRecordHeader } from '../../support/recording/build.ts'
import { ROOT } from '../../support/runtime/spawned.ts'
import { aLeg, IO_VENUES, USDT_VENUES } from '../../support/sources/build.ts'

/** With everything that may also be left out. */
const LEG: Required<LegPlan> = {
  ...aLeg(USDT_VENUES, { pair: 'USDT/USD' }),
  frozenMs: 60_000,
  peg: { bandBps: 200 },
}
const PLAN: Required<SourcePlan> = {
  ...{ feed: 'IO/USD', legs: [LEG, aLeg(IO_VENUES)] },
  routes: [['IO/USDT', 'USDT/USD']],
}

const headerOf = (plan: unknown) => aRecordHeader({ plan: plan as SourcePlan })
const again = (plan: unknown) => decodeRecordHeader(encodeRecordHeader(headerOf(plan)))

/** Every way to change one text or number of a value, or to leave out one field that may be left out. */
function changesOf(value: unknown, path = ''): [path: string, changed: unknown][] {
  if (typeof value === 'string') return [[path, `${value}x`]]
  if (typeof value === 'number') return [[path, value + 1]]
  if (typeof value !== 'object' || value === null) throw new TypeError(`${path} is of a new kind`)
  return Object.entries(value).flatMap(([key, inner]) =>
    changesOf(inner, `${path}.${key}`).map(([at, changed]): [string, unknown] => [
      at,
      Array.isArray(value) ? value.with(Number(key), changed) : { ...value, [key]: changed },
    ]),
  )
}

/** The same plan with another name for a venue or an asset, wherever it stands. */
function renamedIn(plan: unknown, name: string): unknown {
  return JSON.parse(
    JSON.stringify(plan).replaceAll(
      new RegExp(`\\b${name}\\b`, 'g'),
      { okx: 'zz', IO: 'ZZ' }[name] ?? 'USDC',
    ),
  )
}

function namesOf(plan: unknown): string {
  return (JSON.stringify(plan).match(/"[^"]*"/g) ?? []).join()
}

interface ObjectSchema {
  readonly properties: Record<string, ObjectSchema>
  readonly items: ObjectSchema
}

describe('the header of a recording', () => {
  it('is tried with every field that a network file can give a plan', () => {
    const schema = z.toJSONSchema(sourcesSchema, { io: 'input' }) as unknown as ObjectSchema
    // A plan has the venues, with their groups, in its legs.
    const fields = Object.keys(schema.properties).filter(field => field !== 'venues')
    expect(Object.keys(PLAN)).to.have.members(fields)
    expect(Object.keys(LEG)).to.have.members(Object.keys(schema.properties['legs']?.items.properties ?? {}))
  })

  it('gives back every field of the plan', () => {
    const changes = changesOf(PLAN)
    // Numbers, and groups, go with any other; names hang together.
    const alone = changes.filter(([path, plan]) => path.endsWith('.group') || namesOf(plan) === namesOf(PLAN))
    expect(alone.map(([path]) => path)).to.include.members([
      ...['.legs.0.frozenMs', '.legs.0.peg.bandBps', '.legs.1.minSources', '.legs.1.venues.3.group'],
    ])
    const renamed = ['IO', 'USDT', 'okx'].map((name): [string, unknown] => [name, renamedIn(PLAN, name)])
    for (const [path, plan] of [['nothing', PLAN] as const, ...alone, ...renamed])
      expect(again(plan), path).to.deep.equal(headerOf(plan))
  })

  it('has a plan whose hash covers every field of it', () => {
    const changes = changesOf(PLAN)
    const hashes = new Set([PLAN, ...changes.map(([, plan]) => plan as SourcePlan)].map(planHash))
    expect(hashes.size).to.equal(changes.length + 1)
  })

  it('leaves out what the plan does not have', () => {
    const { frozenMs, ...leg } = LEG
    const plan = { ...PLAN, legs: [leg, aLeg(IO_VENUES)] }
    expect(again(plan)).to.deep.equal(headerOf(plan))
    expect(planHash(plan)).to.not.equal(planHash(PLAN))
  })

  it('takes every plan that a network has, and venues that this program has no adapter for', () => {
    const mainnet = JSON.parse(readFileSync(join(ROOT, 'config/networks/sources.mainnet.json'), 'utf8'))
    const plan = toSourcePlan(sourcesSchema.parse(mainnet))
    expect(again(plan)).to.deep.equal(headerOf(plan))
    const later = renamedIn(PLAN, 'okx')
    expect(JSON.stringify(later)).to.include('"zz"')
    expect(again(later)).to.deep.equal(headerOf(later))
  })

  it('is refused with a plan that no network file can have', () => {
    const first = (change: object) => ({ ...PLAN, legs: [{ ...LEG, ...change }, aLeg(IO_VENUES)] })
    const wrong: Record<string, unknown> = {
      'no sources needed': first({ minSources: 0 }),
      'more sources than there are': first({ minSources: 5 }),
      'no route': { ...PLAN, routes: [] },
      'a route that does not join': { ...PLAN, routes: [['USDT/USD', 'IO/USDT']] },
      'a route over no leg': { ...PLAN, routes: [['IO/USDT', 'USDT/USD'], ['IO/USD']] },
      'a leg of no route': { ...PLAN, legs: [...PLAN.legs, aLeg(IO_VENUES, { pair: 'IO/EUR' })] },
      'a leg twice': { ...PLAN, legs: [...PLAN.legs, LEG] },
      'too many legs': { ...PLAN, legs: Array(33).fill(LEG) },
      'too many venues': first({ venues: Array(101).fill({ id: 'okx', group: 'okx' }) }),
      'a venue twice': first({ venues: [...LEG.venues, ...LEG.venues] }),
      'a venue in two groups': first({ venues: [...LEG.venues, { id: 'okx', group: 'other' }] }),
      'a pair without a slash': first({ pair: 'USDT' }),
      'a long name': first({ venues: [{ id: 'o'.repeat(33), group: 'okx' }] }),
      'a dollar coin without a peg': first({ peg: undefined }),
      'a peg of nothing': first({ peg: { bandBps: 0 } }),
      'an age of a year': first({ staleMs: 31_536_000_000 }),
      'no age': first({ exchangeStaleMs: undefined }),
    }
    for (const [what, plan] of Object.entries(wrong)) expect(() => again(plan), what).to.throw()
    expect(() => decodeRecordHeader(encodeRecordHeader(aRecordHeader({ roundMs: 100 })))).to.throw()
    expect(() => decodeRecordHeader(' '.repeat(600_000) + encodeRecordHeader(headerOf(PLAN)))).to.throw(
      /too long/,
    )
  })

  it('is not written by a recorder that would quote by another plan than a reader sees', () => {
    const deps = {
      ...{ clock: systemClock, logger: silentLogger, random: Math.random },
      ...{ createExchange: () => expect.fail('nobody is asked'), open: () => expect.fail('nothing is made') },
      ...{ fail: () => {}, quote: () => {} },
    }
    expect(createRecorder(headerOf(PLAN), deps).counts.entries).to.equal(0)
    // A network file may leave it out, and means 50.
    const { crossedBps, ...leg } = LEG
    const filledIn = { ...PLAN, legs: [leg, aLeg(IO_VENUES)] }
    expect(() => createRecorder(headerOf(filledIn), deps)).to.throw(/not as a network file gives it/)
    expect(() => createRecorder(headerOf({ ...PLAN, haste: 1 }), deps)).to.throw(/haste/)
  })

  it('is refused, not cut down, when it has a field that this program does not know', () => {
    expect(() => again({ ...PLAN, haste: 1 })).to.throw(/haste/)
    expect(() => again({ ...PLAN, legs: [{ ...LEG, haste: 1 }] })).to.throw(/haste/)
    expect(() => again({ ...PLAN, legs: [{ ...LEG, peg: { bandBps: 1, haste: 1 } }] })).to.throw(/haste/)
    const venues = [{ id: 'okx', group: 'okx', haste: 1 }]
    expect(() => again({ ...PLAN, legs: [{ ...LEG, venues }] })).to.throw(/haste/)
  })
})
