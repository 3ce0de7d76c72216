/**
 * Seeded noise with random access: a value depends on its key and time alone, so any process that knows the
 * seed can say what a venue showed at any instant, without replaying what came before.
 */

/** Uniform in [0, 1), from any text. FNV-1a over the characters, then the finaliser of murmur3. */
export function uniform(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}

/** Smooth wandering in [-1, 1] with a new direction about every `periodMs`. */
export function wander(key: string, periodMs: number, tMs: number): number {
  const step = Math.floor(tMs / periodMs)
  const within = tMs / periodMs - step
  const ease = within * within * (3 - 2 * within)
  const from = uniform(`${key}/${step}`)
  const to = uniform(`${key}/${step + 1}`)
  return 2 * (from + (to - from) * ease) - 1
}
