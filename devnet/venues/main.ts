import { type Clock, systemClock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Service } from '../../runtime/service.ts'
import type { Scenario } from './scenario.ts'
import { createVenueSimulator } from './simulator.ts'

export interface VenuesServiceOptions {
  /** Loopback unless something outside the machine must reach it. */
  readonly host?: string
  readonly port: number
  readonly seed: string
  /** Begins when the simulator listens. */
  readonly scenario?: Scenario
  readonly clock?: Clock
  readonly logger: Logger
}

/** The venue simulator as a process runs it. */
export function venuesService(options: VenuesServiceOptions): Service {
  const { scenario } = options
  const simulator = createVenueSimulator({
    host: options.host ?? '127.0.0.1',
    port: options.port,
    seed: options.seed,
    clock: options.clock ?? systemClock,
    logger: options.logger,
  })
  return {
    name: simulator.name,
    start: async signal => {
      await simulator.start(signal)
      if (scenario !== undefined) simulator.play(scenario)
    },
    stop: () => simulator.stop(),
  }
}
