import type { LogFields, Logger } from '../../../runtime/logger.ts'

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly sentence: string
  readonly fields: LogFields
}

/** A logger whose lines a test can look at. */
export function recordLogger(lines: LogLine[] = []): Logger & { readonly lines: LogLine[] } {
  const write =
    (level: LogLine['level']) =>
    (sentence: string, fields: LogFields = {}): void => {
      lines.push({ level, sentence, fields })
    }
  return {
    lines,
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => recordLogger(lines),
  }
}
