import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { expect } from 'chai'
import { createLibp2p, type Libp2p } from 'libp2p'
import type { PeerKey, PeerNetwork } from '../../../runtime/p2p/peer-network.ts'
import { connectedPeers, createPeer, keyOf, keysOf, seedOf, shiftedClock, start, until } from './fixture.ts'

/** A libp2p node with a listed key that runs other software. */
async function foreignPeer(index: number): Promise<Libp2p> {
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', seedOf(index)),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
}

describe('connections between peers', () => {
  let peers: PeerNetwork[] = []

  afterEach(async () => {
    await Promise.all(peers.map(peer => peer.stop()))
    peers = []
  })

  it('connects each of four peers with the three others', async () => {
    peers = await connectedPeers(4)
    for (const peer of peers) {
      expect([...peer.connected()].sort()).to.deep.equal(
        keysOf(4)
          .filter(key => key !== peer.self)
          .sort(),
      )
    }
  })

  it('denies a peer that is not listed, and goes on serving the others', async () => {
    const listed = (): ReadonlySet<PeerKey> => new Set(keysOf(2))
    peers = await connectedPeers(2, { allowed: listed })
    const [first] = peers
    const stranger = createPeer(5, { bootstrap: first?.addresses() ?? [] })
    await start(stranger)
    peers.push(stranger)
    await until('it was denied', () => (first?.counts().DENIED_UNKNOWN ?? 0) > 0)
    await until('it has noticed', () => stranger.connected().length === 0)
    expect(first?.connected()).to.deep.equal([keyOf(1)])
    expect(first?.counts().CONNECTED).to.equal(1)
  })

  it('does not dial a peer that is not listed', async () => {
    const stranger = createPeer(5)
    await start(stranger)
    const careful = createPeer(0, { bootstrap: stranger.addresses(), allowed: () => new Set(keysOf(2)) })
    await start(careful)
    peers = [stranger, careful]
    const member = createPeer(1, { bootstrap: careful.addresses() })
    await start(member)
    peers.push(member)
    await until('the member is there', () => careful.connected().length === 1)
    expect(stranger.counts().CONNECTED).to.equal(0)
  })

  it('drops a peer when it leaves the list, and takes it back when it returns', async () => {
    let listed = new Set(keysOf(2))
    peers = await connectedPeers(2, { allowed: () => listed })
    const [first] = peers
    listed = new Set(keysOf(1))
    await until('it is gone', () => first?.connected().length === 0)
    listed = new Set(keysOf(2))
    await until('it is back', () => first?.connected().length === 1)
  })

  it('finds a peer again that stopped and started on the same port', async () => {
    peers = await connectedPeers(3)
    const [first, second, third] = peers
    if (first === undefined || second === undefined || third === undefined) throw new Error('no peers')
    const [listen] = first.addresses()
    await first.stop()
    await until(
      'the others have noticed',
      () => second.connected().length === 1 && third.connected().length === 1,
    )
    expect(first.addresses()).to.deep.equal([])

    const again = createPeer(0, { listen: listen?.split('/p2p/')[0] ?? '' })
    await start(again)
    peers[0] = again
    await until('all are connected', () => peers.every(peer => peer.connected().length === 2))
  })

  it('lets no peer take more than three places', async () => {
    const peer = createPeer(0)
    await start(peer)
    peers = [peer]
    const greedy = await foreignPeer(1)
    try {
      const address = multiaddr(peer.addresses()[0])
      await Promise.allSettled(Array.from({ length: 3 }, () => greedy.dial(address, { force: true })))
      await until('it has its places', () => peer.counts().CONNECTED === 1)
      await until('one more is denied', () => {
        void greedy.dial(address, { force: true }).catch(() => {})
        return peer.counts().DENIED_TOO_MANY > 0
      })
      expect(peer.connected()).to.deep.equal([keyOf(1)])
    } finally {
      await greedy.stop()
    }
  })

  it('drops a peer that is connected but has no gossip streams', async () => {
    const clock = shiftedClock()
    const peer = createPeer(0, { clock })
    await start(peer)
    peers = [peer]
    const mute = await foreignPeer(1)
    try {
      await mute.dial(multiaddr(peer.addresses()[0]))
      await until('it is connected', () => peer.connected().length === 1)
      expect(peer.counts().DROPPED_WITHOUT_GOSSIP).to.equal(0)
      clock.advance(10_001)
      await until('it is gone', () => peer.connected().length === 0)
      expect(peer.counts().DROPPED_WITHOUT_GOSSIP).to.equal(1)
    } finally {
      await mute.stop()
    }
  })

  it('starts again after a stop', async () => {
    peers = await connectedPeers(2)
    const [, second] = peers
    await second?.stop()
    if (second !== undefined) await start(second)
    await until('both are connected', () => peers.every(peer => peer.connected().length === 1))
  })

  it('says which address it cannot listen on, and can be stopped and started after that', async () => {
    const first = createPeer(0)
    await start(first)
    peers = [first]
    const [listen] = first.addresses()
    const second = createPeer(1, { listen: listen?.split('/p2p/')[0] ?? '' })
    const error = await start(second).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'LISTEN_FAILED' })
    await second.stop()
    await first.stop()
    await start(second)
    peers.push(second)
    expect(second.addresses()).to.have.length(1)
  })

  it('can be stopped twice, and before it was started', async () => {
    const peer = createPeer(0)
    await peer.stop()
    await start(peer)
    await Promise.all([peer.stop(), peer.stop()])
    await peer.stop()
  })

  it('refuses a bootstrap address that names no peer', () => {
    expect(() => createPeer(0, { bootstrap: ['/ip4/127.0.0.1/tcp/1'] })).to.throw(RangeError, '/p2p/')
  })
})
