import { systemClock } from '../../../runtime/clock.ts'

/** Looks again until there is something. The limit is only there to fail with a sentence. */
export async function waitFor<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 10_000,
): Promise<T> {
  const giveUpAt = performance.now() + limitMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > giveUpAt) throw new Error(`waited ${limitMs} ms in vain for ${what}`)
    await systemClock.sleep(5)
  }
}
