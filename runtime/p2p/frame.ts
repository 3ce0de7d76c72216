import type { Libp2p } from 'libp2p'

export type PeerStream = Awaited<ReturnType<Libp2p['dialProtocol']>>

const HEADER_BYTES = 4

export type FrameCode = 'TOO_LARGE' | 'MALFORMED' | 'ENDED' | 'ABORTED'

/** Why a frame could not be read. A retry on the same stream never helps. */
export class FrameError extends Error {
  readonly code: FrameCode
  constructor(code: FrameCode, cause?: unknown) {
    super(`no frame: ${code}`, cause === undefined ? {} : { cause })
    this.name = 'FrameError'
    this.code = code
  }
}

/** `uint32 length | body`, big-endian; the body may come in parts. */
export function encodeFrame(...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const frame = new Uint8Array(HEADER_BYTES + length)
  new DataView(frame.buffer).setUint32(0, length)
  let offset = HEADER_BYTES
  for (const part of parts) {
    frame.set(part, offset)
    offset += part.length
  }
  return frame
}

/** Puts a frame together from chunks. Never holds more than the limit and one chunk: a claimed length reserves nothing. */
export class FrameAssembler {
  readonly #maxBytes: number
  #chunks: Uint8Array[] = []
  #held = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The body once it is complete. Throws {@link FrameError} for a frame over the limit, and for bytes after it. */
  push(chunk: Uint8Array): Uint8Array | undefined {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    if (this.#held < HEADER_BYTES) return undefined
    const bodyBytes = this.#bodyBytes()
    if (bodyBytes > this.#maxBytes) throw new FrameError('TOO_LARGE')
    if (this.#held < HEADER_BYTES + bodyBytes) return undefined
    if (this.#held > HEADER_BYTES + bodyBytes) throw new FrameError('MALFORMED')
    return concat(this.#chunks, this.#held).subarray(HEADER_BYTES)
  }

  #bodyBytes(): number {
    const [first] = this.#chunks
    if (first === undefined || first.length < HEADER_BYTES) this.#chunks = [concat(this.#chunks, this.#held)]
    const [header] = this.#chunks
    return header === undefined ? 0 : new DataView(header.buffer, header.byteOffset).getUint32(0)
  }
}

/**
 * The one frame a side of a stream carries. Rejects with {@link FrameError}: `ENDED` when the stream closes first,
 * `ABORTED` (cause: the signal's reason) when the signal does.
 */
export function readFrame(stream: PeerStream, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const assembler = new FrameAssembler(maxBytes)

    const onMessage = (event: { data: Uint8Array | { subarray(): Uint8Array } }): void => {
      try {
        const body = assembler.push(event.data.subarray())
        if (body !== undefined) settle(() => resolve(body))
      } catch (error) {
        settle(() => reject(error))
      }
    }
    const onEnd = (): void => settle(() => reject(new FrameError('ENDED')))
    const onAbort = (): void => settle(() => reject(new FrameError('ABORTED', signal.reason)))

    const settle = (answer: () => void): void => {
      stream.removeEventListener('message', onMessage)
      stream.removeEventListener('end', onEnd)
      stream.removeEventListener('close', onEnd)
      signal.removeEventListener('abort', onAbort)
      answer()
    }

    if (signal.aborted) {
      onAbort()
      return
    }
    if (stream.readableEnded || (stream.readStatus === 'closed' && stream.readBufferLength === 0)) {
      onEnd()
      return
    }
    signal.addEventListener('abort', onAbort, { once: true })
    stream.addEventListener('end', onEnd)
    stream.addEventListener('close', onEnd)
    // Last: bytes that came before are delivered once there is a listener.
    stream.addEventListener('message', onMessage)
  })
}

function concat(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.length
  }
  return whole
}
