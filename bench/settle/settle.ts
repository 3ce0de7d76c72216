/** What an epoch costs on chain, and claiming from it, for few suppliers and for many. */
import type { BenchOptions, Figure } from '../result.ts'
import { figuresOf, limitLines } from './figures.ts'
import { measureAtOnce, measureSize, type SizeGas, WARM_UP } from './measure.ts'
import { Suppliers } from './suppliers.ts'

const SIZES = [10, 1_000, 1_000_000]
const REPETITIONS = 9
/** One transaction an epoch is measured with few: that their number does not matter is known by then. */
const AT_ONCE_SIZE = 10

export async function run(options: BenchOptions): Promise<readonly Figure[]> {
  const { rounds = REPETITIONS, say } = options
  const sizes = (options.sizes ?? SIZES).toSorted((a, b) => a - b)
  const measured: SizeGas[] = []
  for (const size of sizes) {
    say(`${size} suppliers: ${WARM_UP} + ${rounds} epochs`)
    measured.push(await measureSize(new Suppliers(size), rounds, say))
  }
  say('the same in one transaction an epoch')
  const atOnce = await measureAtOnce(new Suppliers(AT_ONCE_SIZE), rounds)
  for (const line of limitLines(measured)) say(line)
  return figuresOf(measured, atOnce)
}
