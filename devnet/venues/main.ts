import { type Clock, systemClock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createVenueSimulator, type VenueSimulator } from './simulator.ts'

export interface VenuesServiceOptions {
  /** Loopback unless something outside the machine must reach it. */
  readonly host?: string
  readonly port: number
  readonly seed: string
  readonly clock?: Clock
  readonly logger: Logger
}

/** The venue simulator as a process runs it. */
export function venuesService(options: VenuesServiceOptions): VenueSimulator {
  return createVenueSimulator({
    host: options.host ?? '127.0.0.1',
    port: options.port,
    seed: options.seed,
    clock: options.clock ?? systemClock,
    logger: options.logger,
  })
}
