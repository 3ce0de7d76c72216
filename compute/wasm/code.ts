/**
 * The instructions that the kernels need, as functions from operands to code: `i32.add(x.get, i32.const(4))`.
 * Operands are evaluated left to right, as the stack machine does.
 */
import { type Code, signed, unsigned } from './encoding.ts'

export const VALUE_TYPE = { i32: 0x7f, v128: 0x7b } as const
export type ValueType = keyof typeof VALUE_TYPE

export interface Local {
  readonly index: number
  readonly type: ValueType
  readonly get: Code
  set(value: Code): Code
}

export function localOf(index: number, type: ValueType): Local {
  return { index, type, get: [0x20, ...unsigned(index)], set: value => [...value, 0x21, ...unsigned(index)] }
}

const plain =
  (...opcode: number[]) =>
  (...operands: Code[]): Code => [...operands.flat(), ...opcode]

const simd = (opcode: number) => plain(0xfd, ...unsigned(opcode))

/** Alignment is only a hint; one byte is always true. */
const memory =
  (opcode: Code) =>
  (operands: readonly Code[], offset: number, ...immediates: number[]): Code => [
    ...operands.flat(),
    ...opcode,
    0,
    ...unsigned(offset),
    ...immediates,
  ]

const simdMemory = (opcode: number) => memory([0xfd, ...unsigned(opcode)])

const load = (opcode: number) => {
  const encode = simdMemory(opcode)
  return (address: Code, offset = 0): Code => encode([address], offset)
}

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  add: plain(0x6a),
  sub: plain(0x6b),
  mul: plain(0x6c),
  shl: plain(0x74),
  shrU: plain(0x76),
  ltU: plain(0x49),
} as const

export const v128 = {
  load: load(0x00),
  load32Splat: load(0x09),
  load64Splat: load(0x0a),
  load64Zero: load(0x5d),
  /** Loads eight bytes into lane 0 or 1 of `vector`. */
  load64Lane: (address: Code, vector: Code, lane: 0 | 1, offset = 0): Code =>
    simdMemory(0x57)([address, vector], offset, lane),
  store: (address: Code, value: Code, offset = 0): Code => simdMemory(0x0b)([address, value], offset),
  store64Lane: (address: Code, value: Code, lane: 0 | 1, offset = 0): Code =>
    simdMemory(0x5b)([address, value], offset, lane),
  /** Sixteen literal bytes. */
  const: (bytes: Code): Code => [0xfd, 0x0c, ...bytes],
  /** Picks sixteen bytes: 0–15 from `a`, 16–31 from `b`. */
  shuffle: (a: Code, b: Code, lanes: Code): Code => [...a, ...b, 0xfd, 0x0d, ...lanes],
  and: simd(0x4e),
  /** a & ~b. */
  andNot: simd(0x4f),
  or: simd(0x50),
  xor: simd(0x51),
} as const

export const i8x16 = { splat: simd(0x0f), sub: simd(0x71) } as const
export const i16x8 = { extendLowS: simd(0x87), extendHighS: simd(0x88) } as const
export const i32x4 = {
  splat: simd(0x11),
  extract: (value: Code, lane: number): Code => [...value, 0xfd, 0x1b, lane],
  shl: simd(0xab),
  shrU: simd(0xad),
  add: simd(0xae),
  /** Products of eight signed 16-bit pairs, added two by two. */
  dotS: simd(0xba),
} as const
export const i64x2 = { shl: simd(0xcb), shrU: simd(0xcd) } as const

/** Which of eight (two times four) 32-bit lanes go where, as a byte shuffle. */
export function lanes32(...lanes: number[]): Code {
  return lanes.flatMap(lane => [0, 1, 2, 3].map(byte => lane * 4 + byte))
}

/** The same for sixteen 16-bit lanes. */
export function lanes16(...lanes: number[]): Code {
  return lanes.flatMap(lane => [lane * 2, lane * 2 + 1])
}

/** Runs `body`, adds `step` to `counter`, and goes on while it is below `limit`. The body runs at least once. */
export function countUp(counter: Local, limit: Code, step: Code, body: readonly Code[]): Code {
  const advance = counter.set(i32.add(counter.get, step))
  return [0x03, 0x40, ...body.flat(), ...advance, ...i32.ltU(counter.get, limit), 0x0d, 0, 0x0b]
}

export function call(functionIndex: number, ...operands: Code[]): Code {
  return [...operands.flat(), 0x10, ...unsigned(functionIndex)]
}
