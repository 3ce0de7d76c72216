import type { Wei } from '../../protocol/units.ts'

/** From 1 to 50 IO, with crooked digits down to the last wei, so that every rounding is met. */
const LEAST = 10n ** 18n
const SPAN = 49n * 10n ** 18n
const STEPS = 2 ** 32

/** @param random uniform in [0, 1) */
export function randomAmount(random: () => number): Wei {
  const high = BigInt(Math.floor(random() * STEPS))
  const low = BigInt(Math.floor(random() * STEPS))
  return (LEAST + (SPAN * ((high << 32n) + low)) / (1n << 64n)) as Wei
}
