import { expect } from 'chai'
import { z } from 'zod'
import { sourcesSchema } from '../../../config/sources.ts'
import { decodeRecordHeader, encodeRecordHeader } from '../../../oracle-node/recording/header.ts'
import { planHash } from '../../../protocol/sources/plan-hash.ts'
import type { LegPlan, SourcePlan } from '../../../protocol/sources/types.ts'
import { aRecordHeader } from '../../support/recording/build.ts'
import { aLeg } from '../../support/sources/build.ts'

/** With everything that may also be left out. */
const LEG: Required<LegPlan> = {
  ...aLeg(['binance', 'okx', 'gate']),
  frozenMs: 60_000,
  peg: { bandBps: 200 },
}
const PLAN: Required<SourcePlan> = { feed: 'IO/USDT', legs: [LEG], routes: [['IO/USDT']] }

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

  it('gives back every field of the plan, and the hash of the plan covers it', () => {
    const changes = changesOf(PLAN)
    expect(changes.map(([path]) => path)).to.include.members(['.legs.0.frozenMs', '.legs.0.peg.bandBps'])
    const hashes = new Set([planHash(PLAN)])
    for (const [path, plan] of [['nothing', PLAN] as const, ...changes]) {
      expect(again(plan), path).to.deep.equal(headerOf(plan))
      hashes.add(planHash(plan as SourcePlan))
    }
    expect(hashes.size).to.equal(changes.length + 1)
  })

  it('leaves out what the plan does not have', () => {
    const { frozenMs, peg, ...leg } = LEG
    const plan = { ...PLAN, legs: [leg] }
    expect(again(plan)).to.deep.equal(headerOf(plan))
    expect(planHash(plan)).to.not.equal(planHash(PLAN))
  })

  it('is refused, not cut down, when it has a field that this program does not know', () => {
    expect(() => again({ ...PLAN, haste: 1 })).to.throw(/haste/)
    expect(() => again({ ...PLAN, legs: [{ ...LEG, haste: 1 }] })).to.throw(/haste/)
    expect(() => again({ ...PLAN, legs: [{ ...LEG, peg: { bandBps: 1, haste: 1 } }] })).to.throw(/haste/)
  })
})
