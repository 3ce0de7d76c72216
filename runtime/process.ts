import type { Logger } from './logger.ts'
import type { Service } from './service.ts'

export interface ProcessOptions {
  readonly logger: Logger
  /** After this the process ends by force, with exit code 1. */
  readonly stopDeadlineMs: number
  /**
   * Stop when standard input closes. A child started with a pipe learns this way that its parent is gone, even
   * after kill −9, and never outlives it.
   */
  readonly stopWithStdin: boolean
  /** Stop by itself, as after SIGTERM, once this resolves. It may reject with the signal's reason: that is no error. */
  readonly until?: (signal: AbortSignal) => Promise<void>
}

/**
 * Runs a service as a process: SIGINT, SIGTERM and (when asked) the end of standard input stop it; a second
 * signal, or the deadline, ends it by force; an uncaught error is logged and ends it with exit code 1.
 *
 * Resolves with the exit code once the service has stopped; nothing runs then, so the process ends by itself.
 * Only this file and `main` touch signals.
 */
export async function runService(
  build: (signal: AbortSignal) => Promise<Service>,
  options: ProcessOptions,
): Promise<number> {
  const { logger } = options
  const stopping = new AbortController()
  let exitCode = 0
  let forced: NodeJS.Timeout | undefined

  const requestStop = (reason: string, code: number): void => {
    if (code !== 0) exitCode = code
    if (stopping.signal.aborted) return
    logger.info('stopping', { reason })
    forced = setTimeout(() => {
      logger.error('did not stop in time, ending by force', { deadlineMs: options.stopDeadlineMs })
      process.exit(1)
    }, options.stopDeadlineMs)
    stopping.abort(new Error(`stopping: ${reason}`))
  }

  const onSignal = (signal: NodeJS.Signals): void => {
    // 128 + the signal's number is what a shell expects of a process that a signal ended.
    if (stopping.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143)
    requestStop(signal, 0)
  }
  const onError = (error: unknown): void => {
    logger.error('uncaught error', { error })
    requestStop('uncaught error', 1)
  }
  const onStdinEnd = (): void => requestStop('standard input closed', 0)

  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  process.on('uncaughtException', onError)
  process.on('unhandledRejection', onError)
  if (options.stopWithStdin) watchStdin(onStdinEnd)

  let service: Service | undefined
  try {
    service = await build(stopping.signal)
    await service.start(stopping.signal)
    logger.debug('started', { service: service.name })
    if (!stopping.signal.aborted) {
      void options.until?.(stopping.signal).then(
        () => requestStop('finished', 0),
        (error: unknown) => {
          if (error !== stopping.signal.reason) onError(error)
        },
      )
      await aborted(stopping.signal)
    }
  } catch (error) {
    // A start that was given up because of a signal is a clean stop.
    if (!stopping.signal.aborted) throw error
  } finally {
    try {
      await service?.stop()
    } catch (error) {
      logger.error('did not stop cleanly', { error })
      exitCode = 1
    }
    clearTimeout(forced)
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    process.off('uncaughtException', onError)
    process.off('unhandledRejection', onError)
    if (options.stopWithStdin) unwatchStdin(onStdinEnd)
  }
  return exitCode
}

function watchStdin(onEnd: () => void): void {
  process.stdin.on('end', onEnd)
  process.stdin.on('close', onEnd)
  process.stdin.on('error', onEnd)
  process.stdin.resume()
}

function unwatchStdin(onEnd: () => void): void {
  process.stdin.off('end', onEnd)
  process.stdin.off('close', onEnd)
  process.stdin.off('error', onEnd)
  process.stdin.pause()
  // An open pipe would keep the process alive although nothing reads it any more.
  process.stdin.unref?.()
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
