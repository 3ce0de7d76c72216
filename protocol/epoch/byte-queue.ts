/** Bytes that come in pieces and are taken in other pieces, without copying what is waiting again and again. */
export class ByteQueue {
  #buffer = new Uint8Array(1 << 16)
  #start = 0
  #end = 0

  get length(): number {
    return this.#end - this.#start
  }

  push(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#buffer.length) this.#makeRoom(chunk.length)
    this.#buffer.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /** The next bytes, still in the queue; a view that the next call may overwrite. `length` must be there. */
  peek(length: number): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#start + length)
  }

  /** {@link peek}, copied and removed. */
  take(length: number): Uint8Array {
    const bytes = this.peek(length).slice()
    this.#start += length
    return bytes
  }

  #makeRoom(more: number): void {
    const waiting = this.#buffer.subarray(this.#start, this.#end)
    let capacity = this.#buffer.length
    while (capacity < (waiting.length + more) * 2) capacity *= 2
    const next = new Uint8Array(capacity)
    next.set(waiting)
    this.#buffer = next
    this.#end = waiting.length
    this.#start = 0
  }
}
