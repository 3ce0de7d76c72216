import { type Clock, systemClock } from '../runtime/clock.ts'
import { createLogger, type Logger, type LogLevel } from '../runtime/logger.ts'
import { createMetrics, type Metrics } from '../runtime/metrics.ts'
import { runService } from '../runtime/process.ts'
import type { Service } from '../runtime/service.ts'

/** What every long-running process is given. */
export interface ProcessDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** Ends the process with exit code 1: for what must not go on. The error's sentence is logged. */
  readonly fail: (error: Error) => void
}

export interface ProcessSettings {
  readonly name: string
  readonly logLevel: LogLevel
  readonly stopWithStdin: boolean
  readonly until?: (signal: AbortSignal) => Promise<void>
}

/** Systems that start processes kill those that take longer than this to stop (systemd 90 s, Docker 10 s). */
const STOP_DEADLINE_MS = 8_000

/** Runs one service as this process until it is told to stop, and leaves the exit code behind. */
export async function runProcess(
  settings: ProcessSettings,
  build: (deps: ProcessDeps) => Promise<Service>,
): Promise<void> {
  const logger = createLogger({ level: settings.logLevel, name: settings.name })
  const metrics = createMetrics({ processMetrics: true })
  const failure = Promise.withResolvers<never>()
  // It may reject before the service has started, when nobody listens yet.
  failure.promise.catch(() => {})
  const deps: ProcessDeps = { clock: systemClock, logger, metrics, fail: failure.reject }
  const { until } = settings
  process.exitCode = await runService(() => build(deps), {
    logger,
    stopDeadlineMs: STOP_DEADLINE_MS,
    stopWithStdin: settings.stopWithStdin,
    until: signal => (until === undefined ? failure.promise : Promise.race([until(signal), failure.promise])),
  })
}
