/** What one price update costs on chain, whole transaction, in steady state. */
import { quorumOf } from '../../protocol/quorum.ts'
import { median } from '../percentile.ts'
import { type BenchOptions, type Figure, figure } from '../result.ts'
import {
  type GasPeer,
  MEDIAN_5,
  MEDIAN_21,
  medianWith,
  OCR2_4,
  OCR2_31,
  OPTIMISTIC_5,
  OPTIMISTIC_20,
  SCRIBE_5,
  SCRIBE_20,
} from './peers.ts'
import { type Kind, PriceChain } from './price-chain.ts'

const SIZES = [4, 7, 13, 21, 100]
const REPETITIONS = 9
/** The first one writes to empty storage and the second follows a key that has just been installed. */
const WARM_UP = 2
/** The largest network whose gas counts for the two bounds below. */
const BOUND_UP_TO = 50
const MAX_GAS = 35_700
/** Chosen here: calldata bytes that happen to be zero are 12 gas cheaper each, so some 25 of them may differ. */
const MAX_SPREAD = 300
const FALLBACK_SIZE = 21

async function steadyGas(chain: PriceChain, kind: Kind, repetitions: number): Promise<number> {
  for (let i = 0; i < WARM_UP; i++) await chain.update(kind)
  const costs: number[] = []
  for (let i = 0; i < repetitions; i++) costs.push(await chain.update(kind))
  return median(costs)
}

function against(metric: string, gas: number, peer: GasPeer): Figure {
  return figure(metric, gas, 'gas', { value: peer.gas, name: peer.name })
}

export async function run(options: BenchOptions): Promise<readonly Figure[]> {
  const { sizes = SIZES, rounds = REPETITIONS, say } = options
  const costs = new Map<number, number>()
  const fallback: Figure[] = []
  for (const n of sizes) {
    say(`n = ${n}: deploying, then ${rounds} updates`)
    const chain = await PriceChain.start(n)
    try {
      costs.set(n, await steadyGas(chain, 'group', rounds))
      if (n === FALLBACK_SIZE) {
        const gas = await steadyGas(chain, 'quorum', rounds)
        fallback.push(against(`fallback_update_gas_n${n}`, gas, medianWith(quorumOf(n).q)))
      }
    } finally {
      await chain.stop()
    }
  }
  const updates = [...costs].map(([n, gas]) =>
    against(`update_gas_n${n}`, gas, n <= 13 ? OPTIMISTIC_5 : OPTIMISTIC_20),
  )
  const bounded = [...costs].flatMap(([n, gas]) => (n <= BOUND_UP_TO ? [gas] : []))
  return [...updates, ...fallback, ...otherPeers(costs), ...bounds(bounded, say)]
}

/** The same figures beside every peer there is a figure of about that size for. */
function otherPeers(costs: ReadonlyMap<number, number>): Figure[] {
  const rows: [n: number, name: string, peer: GasPeer][] = [
    [4, 'scribe', SCRIBE_5],
    [4, 'median', MEDIAN_5],
    [4, 'ocr2', OCR2_4],
    [21, 'scribe', SCRIBE_20],
    [21, 'median', MEDIAN_21],
    [21, 'ocr2', OCR2_31],
  ]
  return rows.flatMap(([n, name, peer]) => {
    const gas = costs.get(n)
    return gas === undefined ? [] : [against(`update_gas_n${n}_vs_${name}`, gas, peer)]
  })
}

function bounds(costs: readonly number[], say: (line: string) => void): Figure[] {
  if (costs.length === 0) return []
  const [highest, lowest] = [Math.max(...costs), Math.min(...costs)]
  const spread = highest - lowest
  const word = (kept: boolean): string => (kept ? 'holds' : 'DOES NOT HOLD')
  say(
    `\nthe cost of an update does not depend on n ≤ ${BOUND_UP_TO}: spread ${spread} gas (at most ${MAX_SPREAD}): ${word(spread <= MAX_SPREAD)}`,
  )
  say(`an update costs at most ${MAX_GAS} gas: highest ${highest}: ${word(highest <= MAX_GAS)}`)
  return [
    figure('update_gas_spread_to_n50', spread, 'gas', {
      value: MAX_SPREAD,
      name: 'bound chosen for this benchmark',
    }),
    figure('update_gas_max_to_n50', highest, 'gas', { value: MAX_GAS, name: 'target of this benchmark' }),
  ]
}
