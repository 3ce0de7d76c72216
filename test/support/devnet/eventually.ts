import { systemClock } from '../../../runtime/clock.ts'

/** Shorter than anything that is waited for. */
const LOOK_EVERY_MS = 100

/** Looks at other processes again and again until there is something: they do not tell us. */
export async function eventually<T>(
  what: string,
  withinMs: number,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const giveUpAt = performance.now() + withinMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > giveUpAt) throw new Error(`waited ${withinMs} ms in vain for ${what}`)
    await systemClock.sleep(LOOK_EVERY_MS)
  }
}
