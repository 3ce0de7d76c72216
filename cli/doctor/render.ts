/** A diagnosis for people. */
import type { Diagnosis, LegRow, RouteRow, ValueRow, VenueRow } from './diagnosis.ts'

/** One string a line. */
export function renderDiagnosis(diagnosis: Diagnosis): string[] {
  const { feed, venues, values, legs, routes, remarks, verdict } = diagnosis
  return [
    ...table(['VENUE', '>REST', '>STREAM', '>CLOCK', '>PAIRS', 'NOT LISTED'], venues.map(venueCells)),
    '',
    ...table(
      ['PAIR', 'VENUE', '>BID', '>ASK', '>LAST', '>AGE', 'BY', 'VERDICT'],
      values.map(valueCells(values)),
    ),
    '',
    ...table(['LEG', '>PRICE', '>±', '>SOURCES', ''], legs.map(legCells)),
    '',
    ...table(['ROUTE', '>PRICE', '>±', ''], routes.map(routeCells)),
    ...(remarks.length === 0 ? [] : ['', ...remarks.map(remark => `! ${remark}`)]),
    '',
    verdict.signs
      ? `a node would sign ${feed} at ${verdict.price} ± ${verdict.confidenceBps} bps, ` +
        `with at least ${verdict.effectiveSources} independent sources`
      : `a node would ABSTAIN: ${verdict.reason} at ${verdict.pair}`,
  ]
}

function venueCells({ venue, reachable, geoBlocked, problem, ...row }: VenueRow): string[] {
  const pairs = `${row.listed.length}/${row.listed.length + row.notListed.length}`
  return [
    venue,
    reachable ? milliseconds(row.restMs) : geoBlocked ? 'geo-blocked' : `no: ${problem}`,
    row.streamMs === null ? (row.streamProblem ?? 'silent') : milliseconds(row.streamMs),
    signed(row.skewMs),
    reachable ? pairs : '–',
    row.notListed.join(' '),
  ]
}

/** The pair only where it changes. */
function valueCells(values: readonly ValueRow[]) {
  return (row: ValueRow, index: number): string[] => [
    values[index - 1]?.pair === row.pair ? '' : row.pair,
    row.venue,
    short(row.bid),
    short(row.ask),
    short(row.last),
    milliseconds(row.ageMs),
    row.transport === null ? '–' : row.transport === 'websocket' ? 'stream' : 'REST',
    row.verdict,
  ]
}

function legCells({ pair, price, confidenceBps, sources, minSources, reason }: LegRow): string[] {
  return [pair, short(price), bps(confidenceBps), `${sources}, needs ${minSources}`, reason ?? '']
}

function routeCells({ path, price, confidenceBps, reason }: RouteRow): string[] {
  return [path, short(price), bps(confidenceBps), reason ?? '']
}

const MAX_DIGITS = 12

/** Digits past the twelfth are for machines. */
function short(decimal: string | null): string {
  if (decimal === null) return '–'
  const dot = decimal.indexOf('.')
  if (dot < 0 || decimal.length <= MAX_DIGITS) return decimal
  const first = decimal.search(/[1-9]/)
  return decimal.slice(0, Math.max(dot, first + MAX_DIGITS - 1))
}

function milliseconds(ms: number | null): string {
  return ms === null ? '–' : `${ms} ms`
}

function bps(value: number | null): string {
  return value === null ? '–' : `${value} bps`
}

function signed(ms: number | null): string {
  if (ms === null) return '?'
  return `${ms > 0 ? '+' : ms < 0 ? '−' : '±'}${Math.abs(ms)} ms`
}

/** A heading that begins with > stands for a column that is aligned to the right. */
function table(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const columns = headings.map(heading => ({
    name: heading.replace(/^>/, ''),
    isRight: heading.startsWith('>'),
  }))
  const lines = [columns.map(({ name }) => name), ...rows]
  const widths = columns.map((_, place) => Math.max(...lines.map(line => (line[place] ?? '').length)))
  return lines.map(line =>
    columns
      .map(({ isRight }, place) => {
        const cell = line[place] ?? ''
        const width = widths[place] ?? 0
        return isRight ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd(),
  )
}
