import { createHash } from 'node:crypto'
import { expect } from 'chai'
import type { Hash } from '../../../protocol/bytes.ts'
import { bytesBlob, fetchBlob, serveBlobs } from '../../../runtime/p2p/blobs.ts'
import type { PeerNetwork } from '../../../runtime/p2p/peer-network.ts'
import { connectedPeers } from './fixture.ts'

const CHANNEL = '/test/blob/1'

describe('bytes by their hash, over real connections', () => {
  let peers: PeerNetwork[]
  const bytes = new Uint8Array(3_000_001).map((_, index) => index % 253)
  const hash: Hash = `0x${createHash('sha256').update(bytes).digest('hex')}`

  before(async () => {
    peers = await connectedPeers(3, {}, peer => {
      serveBlobs(peer, CHANNEL, asked => (asked === hash ? bytesBlob(bytes) : undefined))
    })
  })
  after(() => Promise.all(peers.map(peer => peer.stop())))

  it('come from several peers at once, each of them whole', async () => {
    const [asker, ...servers] = peers
    if (asker === undefined) throw new Error('there are peers')
    const copies = await Promise.all(
      servers.map(async ({ self }) => {
        const pieces = []
        for await (const piece of fetchBlob(asker, self, CHANNEL, hash, { maxBytes: 10 ** 7 }))
          pieces.push(piece)
        return Buffer.concat(pieces)
      }),
    )
    expect(copies.map(copy => copy.equals(bytes))).to.deep.equal([true, true])
  })

  it('stop coming when the asker has had enough', async () => {
    const [asker, server] = peers
    if (asker === undefined || server === undefined) throw new Error('there are peers')
    const cancel = new AbortController()
    const blob = fetchBlob(asker, server.self, CHANNEL, hash, { maxBytes: 10 ** 7, signal: cancel.signal })
    expect((await blob.next()).done).to.equal(false)
    cancel.abort(new Error('enough'))
    const error = await blob.next().catch((caught: unknown) => caught)
    expect(error).to.include({ code: 'CLOSED' })
  })
})
