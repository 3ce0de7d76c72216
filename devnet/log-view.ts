/** Fields that every line has, or that the view shows in its own way. */
const FRAME = new Set(['level', 'time', 'name', 'msg', 'error'])
const LEVEL_RANK: Readonly<Record<string, number>> = { debug: 20, info: 30, warn: 40, error: 50 }
const NAME_WIDTH = 13
const LEVEL_WIDTH = 5
/** A line that is longer tells nobody more. */
const MAX_LINE_LENGTH = 400
const ESCAPE = String.fromCharCode(27)
const CONTROL_CHARACTERS = /\p{Cc}/gu

export interface LogViewOptions {
  readonly write: (line: string) => void
  /** Lines below are not shown; they are in the log files all the same. */
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly color: boolean
}

export interface LogView {
  /** Shows one line of a process: JSON of the logger, or whatever else it printed, at `levelOfText`. */
  show(source: string, line: string, levelOfText?: 'info' | 'error'): void
}

/** One readable log of many processes: `12:00:01 oracle-2  info  sentence  key=value`. */
export function createLogView(options: LogViewOptions): LogView {
  const least = LEVEL_RANK[options.level] ?? 0
  return {
    show: (source, line, levelOfText = 'info') => {
      const rendered = renderLine(source, line, { least, color: options.color, levelOfText })
      if (rendered !== undefined) options.write(rendered)
    },
  }
}

function renderLine(
  source: string,
  line: string,
  options: { readonly least: number; readonly color: boolean; readonly levelOfText: 'info' | 'error' },
): string | undefined {
  const record = parse(line)
  if (record === undefined)
    return line.trim() === '' ? undefined : finish(source, options.levelOfText, clean(line), options.color)
  const level = String(record['level'])
  if ((LEVEL_RANK[level] ?? 0) < options.least) return undefined
  const fields = Object.entries(record)
    .filter(([key]) => !FRAME.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const error = describeError(record['error'])
  const body = [String(record['msg'] ?? ''), ...fields, ...(error === undefined ? [] : [error])].join('  ')
  return finish(source, level, clean(body), options.color, Number(record['time']))
}

function finish(source: string, level: string, body: string, color: boolean, time = Date.now()): string {
  const head = `${clock(time)} ${source.padEnd(NAME_WIDTH)}`
  const text = `${level.padEnd(LEVEL_WIDTH)} ${body.length > MAX_LINE_LENGTH ? `${body.slice(0, MAX_LINE_LENGTH)}…` : body}`
  if (!color) return `${head} ${text}`
  const paint = level === 'error' ? '31' : level === 'warn' ? '33' : undefined
  return `${ESCAPE}[2m${head}${ESCAPE}[0m ${paint === undefined ? text : `${ESCAPE}[${paint}m${text}${ESCAPE}[0m`}`
}

function clock(time: number): string {
  const date = new Date(Number.isFinite(time) ? time : Date.now())
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map(part => String(part).padStart(2, '0'))
    .join(':')
}

function describeError(error: unknown): string | undefined {
  if (error === undefined || error === null) return undefined
  if (typeof error !== 'object') return `error=${String(error)}`
  const { code, message } = error as { code?: unknown; message?: unknown }
  const text = String(message ?? JSON.stringify(error)).split('\n')[0]
  return `error=${code === undefined ? text : `${String(code)}: ${text}`}`
}

/** What processes print must not move the cursor of the terminal, or break the line. */
function clean(text: string): string {
  return text.replace(CONTROL_CHARACTERS, ' ')
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && 'level' in value
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
