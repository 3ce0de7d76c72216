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
  process.exitCode = await runService(() => build({ clock: systemClock, logger, metrics }), {
    logger,
    stopDeadlineMs: STOP_DEADLINE_MS,
    stopWithStdin: settings.stopWithStdin,
    ...(settings.until === undefined ? {} : { until: settings.until }),
  })
}
