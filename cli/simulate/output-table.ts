import { formatDecimal } from '../../protocol/units.ts'
import type { Year } from './series.ts'

/** Above {@link yearCells}. */
export const YEAR_HEAD = [
  'year',
  'scheduled',
  'together',
  'net',
  'burned',
  'hires',
  'availability',
  'to workers',
  'reserve',
  'supply',
] as const

/** What is shown of a year: scheduled emission to the wei, everything else in whole IO, cut. */
export function yearCells({ year, flows, scheduledSoFar, standing }: Year): string[] {
  return [
    String(year),
    exact(flows.scheduled),
    exact(scheduledSoFar),
    whole(flows.net),
    whole(flows.burned),
    whole(flows.hiresPaid),
    whole(flows.availabilityPaid),
    whole(flows.workersPaid),
    whole(standing.reserve),
    whole(standing.supply),
  ]
}

/** A line a year, which ends in the price. */
export function tableOf(years: readonly Year[]): string {
  const head = [...YEAR_HEAD, 'price']
  const rows = years.map(year => {
    const { price } = year.standing
    return [...yearCells(year), price === 0n ? 'none' : `$${cents(price)}`]
  })
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map(row => (row[column] ?? '').length)),
  )
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ')
  return [line(head), line(widths.map(width => '─'.repeat(width))), ...rows.map(line)].join('\n')
}

/** All decimals that there are: a wei too much would be seen. */
export function exact(wei: bigint): string {
  const [units = '0', fraction] = formatDecimal(wei).split('.')
  return fraction === undefined ? grouped(units) : `${grouped(units)}.${fraction}`
}

export function whole(wei: bigint): string {
  return grouped(formatDecimal(wei).split('.')[0] ?? '0')
}

/** Cut to a tenth of a percent. */
export function percent({ paid, claimed }: { paid: bigint; claimed: bigint }): string {
  const tenths = (paid * 1_000n) / claimed
  return `${tenths / 10n}.${tenths % 10n} %`
}

/** Two decimals, or so many that something is seen of a small price. */
function cents(price: bigint): string {
  const [units = '0', fraction = ''] = formatDecimal(price).split('.')
  const zeros = units === '0' ? (/^0*/.exec(fraction)?.[0].length ?? 0) : 0
  return `${grouped(units)}.${fraction.slice(0, zeros + 2).padEnd(2, '0')}`
}

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ',')
}
