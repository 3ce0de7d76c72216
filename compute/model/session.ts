/** One pass through the model, token by token. What earlier tokens left behind is kept, bounded by the context. */
import { clampInt8, dotInt8, normalise, project } from './arithmetic.ts'
import type { Layer, Model } from './weights.ts'

/** Attention halves for every 2^10 that a score lies below the best; scores spread over about 2^15. */
const SCORE_SHIFT = 10
/** Weight of the best score, 2^16, of which sixteen halvings leave 1. */
const BEST_WEIGHT = 65_536
const MAX_HALVINGS = 16
/** Keeps the typical size of a vector through a projection of 64 to 128 inputs. */
const PROJECTION_SHIFT = 8

interface Memory {
  readonly keys: Int8Array
  readonly values: Int8Array
}

/** Everything said so far, as the next token sees it. */
export class Session {
  readonly #model: Model
  readonly #memories: readonly Memory[]
  #length = 0

  constructor(model: Model) {
    const { context, width } = model.spec
    this.#model = model
    this.#memories = model.layers.map(() => ({
      keys: new Int8Array(context * width),
      values: new Int8Array(context * width),
    }))
  }

  /** Tokens taken in. */
  get length(): number {
    return this.#length
  }

  /**
   * Takes in one token.
   *
   * @returns the model's state after it, `width` numbers, to be compared with tokens
   * @throws {RangeError} when the context is full
   */
  take(token: number): Int8Array {
    const { spec, tokens, places, layers } = this.#model
    const { width, context } = spec
    const place = this.#length
    if (place >= context) throw new RangeError(`the context of ${context} tokens is full`)
    const state = Int32Array.from(
      { length: width },
      (_, i) => (tokens[token * width + i] ?? 0) + (places[place * width + i] ?? 0),
    )
    layers.forEach((layer, index) => {
      const memory = this.#memories[index]
      if (memory === undefined) throw new RangeError(`layer ${index} has no memory`)
      add(state, this.#attend(layer, memory, normalise(state), place))
      add(state, think(layer, normalise(state)))
    })
    this.#length++
    return normalise(state)
  }

  #attend(layer: Layer, memory: Memory, input: Int8Array, place: number): Int8Array {
    const { width, heads } = this.#model.spec
    const query = project(layer.query, input, PROJECTION_SHIFT)
    memory.keys.set(project(layer.key, input, PROJECTION_SHIFT), place * width)
    memory.values.set(project(layer.value, input, PROJECTION_SHIFT), place * width)
    const seen = new Int8Array(width)
    const headWidth = width / heads
    for (let from = 0; from < width; from += headWidth) {
      const scores = Int32Array.from({ length: place + 1 }, (_, earlier) =>
        dotInt8(query, from, memory.keys, earlier * width + from, headWidth),
      )
      seen.set(weighted(memory.values, weightsOf(scores), width, from, headWidth), from)
    }
    return project(layer.output, seen, PROJECTION_SHIFT)
  }
}

/** Powers of two instead of exponentials: exact, and as steep. */
function weightsOf(scores: Int32Array): Int32Array {
  const best = scores.reduce((a, b) => Math.max(a, b))
  return scores.map(score => BEST_WEIGHT >> Math.min(MAX_HALVINGS, (best - score) >> SCORE_SHIFT))
}

function weighted(
  values: Int8Array,
  weights: Int32Array,
  width: number,
  from: number,
  length: number,
): Int8Array {
  const total = weights.reduce((a, b) => a + b)
  return Int8Array.from({ length }, (_, i) => {
    let sum = 0
    for (let earlier = 0; earlier < weights.length; earlier++) {
      sum += (weights[earlier] ?? 0) * (values[earlier * width + from + i] ?? 0)
    }
    return clampInt8(Math.trunc(sum / total))
  })
}

function think(layer: Layer, input: Int8Array): Int8Array {
  const wide = project(layer.widen, input, PROJECTION_SHIFT).map(value => Math.max(0, value))
  return project(layer.narrow, wide, PROJECTION_SHIFT)
}

function add(state: Int32Array, change: Int8Array): void {
  for (let i = 0; i < state.length; i++) state[i] = (state[i] ?? 0) + (change[i] ?? 0)
}
