import { expect } from 'chai'
import fc from 'fast-check'
import { encodeFrame, FrameAssembler, FrameError } from '../../../runtime/p2p/frame.ts'

/** Cuts bytes at the given places, in any order and with repeats. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...places.map(place => place % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b)
  return at.slice(1).map((end, k) => bytes.subarray(at[k], end))
}

function assemble(chunks: readonly Uint8Array[], maxBytes: number): Uint8Array | undefined {
  const assembler = new FrameAssembler(maxBytes)
  return chunks.map(chunk => assembler.push(chunk)).find(body => body !== undefined)
}

describe('a frame', () => {
  const body = fc.uint8Array({ minLength: 1, maxLength: 300 })
  const places = fc.array(fc.nat(400), { maxLength: 12 })

  it('comes out as it went in, however the stream cuts it', () => {
    fc.assert(
      fc.property(body, places, (bytes, at) => {
        expect(assemble(cut(encodeFrame(bytes), at), bytes.length)).to.deep.equal(bytes)
      }),
    )
  })

  it('is the same whether its body comes whole or in parts', () => {
    fc.assert(
      fc.property(body, body, (a, b) => {
        expect(encodeFrame(a, b)).to.deep.equal(encodeFrame(Buffer.concat([a, b])))
      }),
    )
  })

  it('is refused at its header when it is over the limit, before its body is there', () => {
    fc.assert(
      fc.property(body, bytes => {
        const header = encodeFrame(bytes).subarray(0, 4)
        expect(() => assemble([header], bytes.length - 1))
          .to.throw(FrameError)
          .with.property('code', 'TOO_LARGE')
      }),
    )
  })

  it('is refused when anything follows it', () => {
    fc.assert(
      fc.property(body, places, (bytes, at) => {
        const withTail = Buffer.concat([encodeFrame(bytes), Uint8Array.of(1)])
        let code: unknown = 'delivered before the tail came'
        try {
          const chunks = cut(withTail, at)
          if (assemble(chunks, bytes.length) === undefined) code = 'incomplete'
        } catch (error) {
          code = error instanceof FrameError ? error.code : error
        }
        expect(code).to.be.oneOf(['MALFORMED', 'delivered before the tail came'])
      }),
    )
  })
})
