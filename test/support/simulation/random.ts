/** Numbers that look random and follow from a seed alone: the same seed gives the same run, byte for byte. */
import { keccak256, toBytes, toHex } from 'viem'

export class Random {
  readonly #seed: string
  readonly #state: Uint32Array

  constructor(seed: string) {
    this.#seed = seed
    const hash = toBytes(keccak256(toHex(seed)))
    this.#state = new Uint32Array(hash.buffer.slice(0, 16))
  }

  /** A stream of its own: what one part draws does not move what another one gets. */
  fork(name: string | number): Random {
    return new Random(`${this.#seed}/${name}`)
  }

  /** sfc32: 32 bits a step. */
  uint32(): number {
    const state = this.#state
    const [a = 0, b = 0, c = 0, d = 0] = state
    const sum = (a + b + d) >>> 0
    state[3] = d + 1
    state[0] = b ^ (b >>> 9)
    state[1] = c + (c << 3)
    state[2] = ((c << 21) | (c >>> 11)) + sum
    return sum
  }

  /** In [0, 1). */
  fraction(): number {
    return this.uint32() / 2 ** 32
  }

  /** A whole number, both ends included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<T>(list: readonly T[]): T {
    const item = list[this.int(0, list.length - 1)]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }

  /** `count` different ones, in random order. */
  some<T>(list: readonly T[], count: number): T[] {
    const rest = [...list]
    return Array.from({ length: Math.min(count, list.length) }, () => {
      const index = this.int(0, rest.length - 1)
      return rest.splice(index, 1)
    }).flat()
  }

  fill(bytes: Uint8Array): void {
    for (let index = 0; index < bytes.length; index++) bytes[index] = this.uint32() & 0xff
  }
}

/**
 * Runs `work` with the platform's source of randomness replaced by a seeded one. Nonces and key shares are drawn
 * deep inside the curve library: there is no other way to hold them in hand without changing what is tested.
 */
export async function withSeededEntropy<T>(random: Random, work: () => Promise<T>): Promise<T> {
  const original = Object.getOwnPropertyDescriptor(globalThis.crypto, 'getRandomValues')
  Object.defineProperty(globalThis.crypto, 'getRandomValues', {
    configurable: true,
    value: <T extends ArrayBufferView>(view: T): T => {
      random.fill(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
      return view
    },
  })
  try {
    return await work()
  } finally {
    if (original === undefined) Reflect.deleteProperty(globalThis.crypto, 'getRandomValues')
    else Object.defineProperty(globalThis.crypto, 'getRandomValues', original)
  }
}
