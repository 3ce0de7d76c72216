import { type Scenario, scenarioSchema } from '../../../cli/simulate/scenario.ts'

/** A scenario as its file says it: everything in small, nothing going wrong. */
export function aScenario() {
  return {
    about: 'A few suppliers and customers.',
    price: { path: [{ day: 0, usd: '2' }], dailyVolatilityBps: 300 },
    suppliers: { path: [{ day: 0, gpus: 1_000 }] },
    demand: {
      hires: [{ day: 0, usdPerDay: '2000' }],
      payments: [{ day: 0, usdPerDay: '4000' }],
      burns: [{ day: 0, usdPerDay: '100' }],
      dailyVolatilityBps: 300,
    },
  }
}

/** The same, read, with other values for some keys. */
export function readScenario(changes: Record<string, unknown> = {}): Scenario {
  return scenarioSchema.parse({ ...aScenario(), ...changes })
}
