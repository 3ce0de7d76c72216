/** The part of the WebAssembly interface that is used here, the same in Node and in browsers. */

export interface WasmMemory {
  readonly buffer: ArrayBuffer
  /** Adds pages of 64 KiB. Views of the old buffer are dead afterwards. */
  grow(pages: number): number
}

type Exports = Readonly<Record<string, (...operands: number[]) => number>>

declare const WebAssembly: {
  Memory: new (limits: { initial: number }) => WasmMemory
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: Exports } }>
}

export const PAGE_BYTES = 65_536

/** Starts a module of `assembleModule` with a memory of its own. */
export async function instantiate(module: Uint8Array): Promise<{ memory: WasmMemory; exports: Exports }> {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const { instance } = await WebAssembly.instantiate(module, { env: { memory } })
  return { memory, exports: instance.exports }
}
