import pino from 'pino'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Values that vary stand here, never inside the sentence, so that a line can be counted and searched for. */
export type LogFields = Readonly<Record<string, unknown>>

/** What services log with. The sentence comes first and is constant; the fields say the rest. */
export interface Logger {
  debug(sentence: string, fields?: LogFields): void
  info(sentence: string, fields?: LogFields): void
  warn(sentence: string, fields?: LogFields): void
  error(sentence: string, fields?: LogFields): void
  /** A logger that adds `fields` to each of its lines. */
  child(fields: LogFields): Logger
}

export interface LoggerOptions {
  readonly level: LogLevel
  /** Stands in each line as `name`. */
  readonly name: string
  /** Where lines go; standard output when absent. */
  readonly destination?: { write(line: string): void }
}

/** JSON lines `{"level":"info","time":…,"name":…,"msg":…,…fields}`. Written synchronously: a crash loses none. */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? pino.destination({ dest: 1, sync: true })
  return wrap(
    pino(
      {
        level: options.level,
        base: { name: options.name },
        formatters: { level: label => ({ level: label }) },
        serializers: { error: serializeError },
      },
      destination,
    ),
  )
}

/** Swallows everything: for tests and for tools that print results only. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
}

function wrap(logger: pino.Logger): Logger {
  return {
    debug: (sentence, fields) => logger.debug(jsonSafe(fields), sentence),
    info: (sentence, fields) => logger.info(jsonSafe(fields), sentence),
    warn: (sentence, fields) => logger.warn(jsonSafe(fields), sentence),
    error: (sentence, fields) => logger.error(jsonSafe(fields), sentence),
    child: fields => wrap(logger.child(jsonSafe(fields))),
  }
}

/** JSON has no bigint; a price in a log line is its decimal digits. */
function jsonSafe(fields: LogFields | undefined): Record<string, unknown> {
  if (fields === undefined) return {}
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, typeof value === 'bigint' ? value.toString() : value]),
  )
}

function serializeError(value: unknown): unknown {
  if (!(value instanceof Error)) return value
  const code = 'code' in value ? value.code : undefined
  return {
    type: value.name,
    message: value.message,
    ...(code === undefined ? {} : { code }),
    stack: value.stack,
    ...(value.cause === undefined ? {} : { cause: serializeError(value.cause) }),
  }
}
