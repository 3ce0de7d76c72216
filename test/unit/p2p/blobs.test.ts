import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Hash } from '../../../protocol/bytes.ts'
import { BLOB_PIECE_BYTES, encodeBlobPiece } from '../../../protocol/epoch/messages.ts'
import { bytesBlob, fetchBlob, fileBlob, serveBlobs } from '../../../runtime/p2p/blobs.ts'
import { PeerRequestError } from '../../../runtime/p2p/peer-network.ts'
import { party } from '../../support/network/cast.ts'
import { temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { Wire } from '../../support/network/wire.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

const CHANNEL = '/test/blob/1'
const [server, asker] = [party('server').peerKey, party('asker').peerKey]

const hashOf = (bytes: Uint8Array): Hash => `0x${createHash('sha256').update(bytes).digest('hex')}`
const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index % 251)

describe('bytes that are asked for by their hash', () => {
  let wire: Wire
  beforeEach(() => {
    wire = new Wire()
  })

  const fetchAll = async (hash: Hash, maxBytes = 10 ** 7): Promise<Uint8Array[]> => {
    const pieces = []
    for await (const piece of fetchBlob(wire.peer(asker), server, CHANNEL, hash, { maxBytes }))
      pieces.push(piece)
    return pieces
  }
  const failure = (hash: Hash, maxBytes?: number) =>
    fetchAll(hash, maxBytes).then(
      () => undefined,
      (error: unknown) => error,
    )
  const serve = (bytes: Uint8Array): Hash => {
    const hash = hashOf(bytes)
    serveBlobs(wire.peer(server), CHANNEL, asked => (asked === hash ? bytesBlob(bytes) : undefined))
    return hash
  }

  for (const length of [0, 1, BLOB_PIECE_BYTES, BLOB_PIECE_BYTES + 1, 3 * BLOB_PIECE_BYTES - 5])
    it(`arrive whole and in pieces when there are ${length} of them`, async () => {
      const bytes = bytesOf(length)
      const pieces = await fetchAll(serve(bytes))
      expect(Buffer.concat(pieces).equals(bytes)).to.equal(true)
      expect(pieces).to.have.length(Math.ceil(length / BLOB_PIECE_BYTES))
    })

  it('arrive from a file as from memory', async () => {
    const directory = temporaryDirectory()
    const bytes = bytesOf(BLOB_PIECE_BYTES + 77)
    const path = join(directory.path, 'blob')
    writeFileSync(path, bytes)
    serveBlobs(wire.peer(server), CHANNEL, () => fileBlob(path))
    expect(Buffer.concat(await fetchAll(hashOf(bytes))).equals(bytes)).to.equal(true)
    expect(await fileBlob(join(directory.path, 'none'))).to.equal(undefined)
    directory.remove()
  })

  it('are refused when nobody has them', async () => {
    serve(bytesOf(9))
    expect(await failure(hashOf(bytesOf(8)))).to.include({ code: 'REFUSED' })
  })

  it('are not taken when there are more than the asker wants', async () => {
    const hash = serve(bytesOf(1_001))
    expect(await failure(hash, 1_000)).to.include({ code: 'TOO_LARGE' })
  })

  it('are not taken for others', async () => {
    serveBlobs(wire.peer(server), CHANNEL, () => bytesBlob(bytesOf(1_000)))
    expect(await failure(hashOf(bytesOf(999)))).to.include({ code: 'WRONG_HASH' })
  })

  it('do not keep the asker for ever when pieces are empty, none, or of something else each time', async () => {
    let asked = 0
    const answers = [
      () => encodeBlobPiece(5, new Uint8Array()),
      () => Uint8Array.of(1, 2),
      () => encodeBlobPiece(1_000 + asked++, bytesOf(10)),
      () => encodeBlobPiece(5, bytesOf(10)),
    ]
    for (const answer of answers) {
      wire
        .peer(server)
        .handle(CHANNEL, { maxRequestBytes: 99, maxInFlightPerPeer: 1, timeoutMs: 99 }, async () => answer())
      expect(await failure(hashOf(bytesOf(5)))).to.include({ code: 'BAD_PIECE' })
    }
  })

  it('come in full pieces: a short one before the end is none', async () => {
    const bytes = bytesOf(BLOB_PIECE_BYTES + 9)
    let asked = 0
    wire
      .peer(server)
      .handle(CHANNEL, { maxRequestBytes: 99, maxInFlightPerPeer: 1, timeoutMs: 99 }, async () => {
        asked += 1
        return encodeBlobPiece(bytes.length, bytes.subarray(asked - 1, asked))
      })
    expect(await failure(hashOf(bytes))).to.include({ code: 'BAD_PIECE' })
    expect(asked).to.equal(1)
  })

  describe('within a time for all of them', () => {
    const PIECES = 40
    const bytes = bytesOf(PIECES * BLOB_PIECE_BYTES)
    let clock: FakeClock

    /** @returns how many pieces came, and what came of it */
    const fetchFrom = async (msEach: number, options: { readonly pauseMs: number }) => {
      clock = new FakeClock()
      const hash = serve(bytes)
      wire.tamper(server, async (_protocol, _request, answer) => {
        clock.busy(msEach)
        return await answer()
      })
      let pieces = 0
      try {
        const blob = fetchBlob(wire.peer(asker), server, CHANNEL, hash, { maxBytes: 10 ** 8, clock })
        for await (const _ of blob) {
          pieces += 1
          clock.busy(options.pauseMs)
        }
        return { pieces, code: 'WHOLE' }
      } catch (error) {
        return { pieces, code: error instanceof PeerRequestError ? error.code : String(error) }
      }
    }

    it('end when each piece comes at the last moment', async () => {
      // 30 s, and 40 pieces at one a second.
      expect(await fetchFrom(4_900, { pauseMs: 0 })).to.deep.equal({ pieces: 15, code: 'TIMEOUT' })
    })

    it('arrive over a poor line, however long the asker takes between pieces', async () => {
      expect(await fetchFrom(1_500, { pauseMs: 60_000 })).to.deep.equal({ pieces: PIECES, code: 'WHOLE' })
    })
  })

  it('are not read behind their end', async () => {
    const hash = serve(bytesOf(5))
    const request = Buffer.concat([Buffer.from(hash.slice(2), 'hex'), Buffer.from([0, 0, 0, 0, 0, 6])])
    const error = await wire
      .peer(asker)
      .request(server, CHANNEL, request, { timeoutMs: 100, maxReplyBytes: 1_000 })
      .catch((caught: unknown) => caught)
    expect(error).to.include({ code: 'REFUSED' })
  })
})
