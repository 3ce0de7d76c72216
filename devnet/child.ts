import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Service } from '../runtime/service.ts'

export interface ChildOptions {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly logFile: string
  /** Each line that it prints, besides being written to the log file. */
  readonly onLine: (line: string, from: 'stdout' | 'stderr') => void
  /** What to do when it ends without having been told to. */
  readonly onCrash: 'restart' | ((reason: string) => void)
}

/** Delay before the nth restart in a row. */
const FIRST_BACKOFF_MS = 500
const MAX_BACKOFF_MS = 10_000
/** After this long without a crash the count starts again. */
const HEALTHY_AFTER_MS = 20_000
/** Together with the time to notice it stays under the 5 s in which everything must be stopped. */
const KILL_AFTER_MS = 3_500

/**
 * One process of the local network, supervised. It stands in a process group of its own, so that Ctrl-C reaches
 * it through us only; its standard input is a pipe, and its end tells it that we are gone.
 */
export function superviseChild(
  options: ChildOptions,
  deps: { readonly clock: Clock; readonly logger: Logger },
): Service {
  const { clock, logger } = deps
  const stopping = new AbortController()
  let child: ChildProcess | undefined
  let supervision: Promise<void> | undefined

  const supervise = async (log: number): Promise<void> => {
    let crashes = 0
    while (!stopping.signal.aborted) {
      const startedAt = clock.monotonic()
      const reason = await run(log)
      if (stopping.signal.aborted) return
      if (options.onCrash !== 'restart') {
        options.onCrash(reason)
        return
      }
      crashes = clock.monotonic() - startedAt > HEALTHY_AFTER_MS ? 1 : crashes + 1
      const delayMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (crashes - 1))
      logger.warn('a process ended by itself and is started again', {
        process: options.name,
        reason,
        delayMs,
      })
      await clock.sleep(delayMs, stopping.signal).catch(() => {})
    }
  }

  /** Resolves when it has ended, with the reason. */
  const run = (log: number): Promise<string> =>
    new Promise(resolve => {
      const started = spawn(options.command, options.args, {
        cwd: options.cwd,
        detached: true,
        stdio: ['pipe', 'pipe', 'pipe'],
        env: options.env,
      })
      child = started
      // Writing to a process that has just ended is an error event, and no news.
      started.stdin.on('error', () => {})
      for (const from of ['stdout', 'stderr'] as const) {
        createInterface({ input: started[from], crlfDelay: Number.POSITIVE_INFINITY }).on('line', line => {
          writeSync(log, `${line}\n`)
          options.onLine(line, from)
        })
      }
      started.once('error', error => resolve(`cannot be started: ${error.message}`))
      // 'close', not 'exit': the last lines are in, and the log file can be closed.
      started.once('exit', () => started.stdin.destroy())
      started.once('close', (code, signal) => {
        if (child === started) child = undefined
        resolve(signal === null ? `exit code ${code}` : `signal ${signal}`)
      })
    })

  return {
    name: options.name,
    start: async () => {
      const log = openSync(options.logFile, 'a', 0o600)
      supervision = supervise(log).finally(() => closeSync(log))
    },
    stop: async () => {
      stopping.abort(new Error(`${options.name} is stopping`))
      const running = child
      if (running !== undefined) {
        signalGroup(running, 'SIGTERM')
        const kill = setTimeout(() => {
          logger.warn('a process did not stop in time and is killed', { process: options.name })
          signalGroup(running, 'SIGKILL')
        }, KILL_AFTER_MS)
        await supervision
        clearTimeout(kill)
      }
      await supervision
    },
  }
}

/** To the whole group: a wrapper's child must not be left behind. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
