/** A model's weights, each matrix a stream of the model's seed. */
import { bytesOf } from '../../protocol/bytes.ts'
import { BLOCK_BYTES, chacha8 } from '../matrix/chacha8.ts'
import { entriesOf } from '../matrix/reference-kernel.ts'
import { type ModelSpec, VOCABULARY } from './spec.ts'

export interface Layer {
  readonly query: Int8Array
  readonly key: Int8Array
  readonly value: Int8Array
  readonly output: Int8Array
  readonly widen: Int8Array
  readonly narrow: Int8Array
}

export interface Model {
  readonly spec: ModelSpec
  /** `width` numbers a token. */
  readonly tokens: Int8Array
  /**
   * `width` numbers a token, which the state is compared with. Not those of `tokens`: without training, a state is
   * most like the token just taken in, and the model would repeat it for ever.
   */
  readonly answers: Int8Array
  /** `width` numbers a place. */
  readonly places: Int8Array
  readonly layers: readonly Layer[]
}

/** Streams 0 to 2 are tokens, places and answers; each layer has the next six. */
const FIRST_LAYER_STREAM = 3
const STREAMS_PER_LAYER = 6

/** Draws all weights, −64 … 63: a few milliseconds for the built-in model. */
export function loadModel(spec: ModelSpec): Model {
  const seed = bytesOf(spec.seed)
  const draw = (purpose: number, length: number): Int8Array =>
    Int8Array.from(
      entriesOf(chacha8(seed, { purpose }, 0, Math.ceil(length / BLOCK_BYTES))).subarray(0, length),
    )
  const { width, hidden } = spec
  const layers = Array.from({ length: spec.layers }, (_, index) => {
    const first = FIRST_LAYER_STREAM + STREAMS_PER_LAYER * index
    return {
      query: draw(first, width * width),
      key: draw(first + 1, width * width),
      value: draw(first + 2, width * width),
      output: draw(first + 3, width * width),
      widen: draw(first + 4, width * hidden),
      narrow: draw(first + 5, width * hidden),
    }
  })
  return {
    spec,
    tokens: draw(0, VOCABULARY * width),
    places: draw(1, spec.context * width),
    answers: draw(2, VOCABULARY * width),
    layers,
  }
}
