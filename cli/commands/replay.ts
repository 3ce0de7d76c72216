import type { Command } from 'commander'
import type { ReplayCounts } from '../../oracle-node/recording/replay.ts'
import { InputError } from '../input-error.ts'
import { complain } from '../output.ts'

/** `ionet replay`: what was recorded, through the pipeline again. */
export function addReplayCommand(program: Command): void {
  program
    .command('replay')
    .summary('make the quotes of a recording again')
    .description(
      'make the quotes of a recording again, as fast as can be: the lines that ionet record --quotes printed, byte for ' +
        'byte; exit code 1 when the file is damaged, or the quotes cannot be written; one that was cut off is played up to ' +
        'where it ends, and said so',
    )
    .argument('<file>', 'what ionet record wrote')
    .action(runReplay)
}

async function runReplay(file: string): Promise<void> {
  const [{ readRecording }, { noCounts, replayLines }, { systemClock }] = await Promise.all([
    import('../../oracle-node/recording/reader.ts'),
    import('../../oracle-node/recording/replay.ts'),
    import('../../runtime/clock.ts'),
  ])
  const recording = await readRecording(file).catch(explain(file))
  const startedAt = systemClock.monotonic()
  const counts = noCounts()
  const write = patientOutput()
  try {
    for await (const lines of replayLines(recording, counts)) {
      if (lines.length > 0 && !(await write(`${lines.join('\n')}\n`))) return
    }
  } finally {
    await recording.close()
  }
  if (!recording.isWhole) complain(endOf(recording.tornBytes, counts.untilMs))
  if (counts.missing > 0) {
    complain(`${counts.missing} entries were never written: quotes behind the gap need not be those of then`)
  }
  complain(summaryOf(counts, systemClock.monotonic() - startedAt))
}

function endOf(tornBytes: number, untilMs: number | undefined): string {
  const torn = tornBytes > 0 ? `; the last ${tornBytes} bytes are no whole block, and left out` : ''
  return `the end is missing: the recording was cut off, or is still being made${torn}; ${upTo(untilMs)}`
}

function upTo(untilMs: number | undefined): string {
  if (untilMs === undefined) return 'there is nothing in it'
  const until = new Date(untilMs)
  // Anybody's file may hold a time of which no date can be made.
  return `this is all up to ${Number.isNaN(until.getTime()) ? `${untilMs} ms` : until.toISOString()}`
}

function summaryOf({ tickers, unreadable, quotes, spanMs }: ReplayCounts, elapsedMs: number): string {
  const seconds = (elapsedMs / 1_000).toFixed(2)
  const times = Math.round(spanMs / elapsedMs)
  const memoryMb = Math.round(process.resourceUsage().maxRSS / 1_024)
  return (
    `${quotes} quotes of ${tickers} tickers (${unreadable} unreadable) over ${Math.round(spanMs / 1_000)} s, ` +
    `in ${seconds} s: ${times} times as fast, ${memoryMb} MB`
  )
}

/**
 * Prints text and waits until it is written; false when nobody reads any more, as behind `head`. Rejects with what else
 * makes standard output unwritable: quotes that are missing must not look like all of them.
 */
function patientOutput(): (text: string) => Promise<boolean> {
  const { stdout } = process
  // Each write is told for itself.
  stdout.on('error', () => {})
  return text =>
    new Promise((resolve, reject) => {
      stdout.write(text, (error?: NodeJS.ErrnoException | null) => {
        if (error === undefined || error === null) resolve(true)
        else if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') resolve(false)
        else reject(new Error(`standard output cannot be written (${error.code})`, { cause: error }))
      })
    })
}

function explain(file: string) {
  return (error: unknown): never => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR') {
      throw new InputError(`${file} cannot be read (${code})`)
    }
    throw error
  }
}
