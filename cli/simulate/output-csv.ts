import { formatDecimal } from '../../protocol/units.ts'
import { FLOWS, type Period } from './series.ts'

const AMOUNTS = [
  'price',
  'supply',
  'reserve',
  'escrowIo',
  'escrowIosd',
  'iosdSupply',
  'hiresWaiting',
  'paidWithoutFee',
] as const

const HEADER = ['day', ...FLOWS, ...AMOUNTS, 'gpus', 'epochsWaiting'].join(',')

/** One line a period; amounts as decimals, exact to the wei. */
export function csvOf(periods: readonly Period[]): string {
  const lines = periods.map(({ endSec, flows, standing }) =>
    [
      endSec / 86_400,
      ...FLOWS.map(flow => formatDecimal(flows[flow])),
      ...AMOUNTS.map(name => formatDecimal(standing[name])),
      standing.gpus,
      standing.epochsWaiting,
    ].join(','),
  )
  return `${[HEADER, ...lines].join('\n')}\n`
}
