import { expect } from 'chai'
import { BAN_MS, STRIKE_WINDOW_MS } from '../../../runtime/p2p/conduct.ts'
import type { PeerNetwork, Verdict } from '../../../runtime/p2p/peer-network.ts'
import { SCORE_THRESHOLDS } from '../../../runtime/p2p/score.ts'
import {
  connectedPeers,
  createPeer,
  keyOf,
  keysOf,
  note,
  type PeerOptions,
  publishUntil,
  shiftedClock,
  start,
  TOPIC,
  textOf,
  until,
} from './fixture.ts'

const MAX_BYTES = 100

describe('gossip between peers', () => {
  let peers: PeerNetwork[] = []
  /** What each peer was given, by its key. */
  let heard: Map<string, string[]>

  beforeEach(() => {
    heard = new Map()
  })

  afterEach(async () => {
    await Promise.all(peers.map(peer => peer.stop()))
    peers = []
  })

  const listen =
    (judge: (text: string) => Verdict = () => 'accept') =>
    (peer: PeerNetwork): void => {
      const texts: string[] = []
      heard.set(peer.self, texts)
      peer.subscribe(
        TOPIC,
        MAX_BYTES,
        data => judge(textOf(data)),
        data => texts.push(textOf(data)),
      )
    }

  const heardBy = (index: number): string[] => heard.get(keyOf(index)) ?? []

  /** Peers whose subscriptions have reached each other: each has been heard by all others. */
  async function gossipingPeers(
    count: number,
    options: PeerOptions,
    judge?: (text: string) => Verdict,
  ): Promise<void> {
    peers = await connectedPeers(count, options, listen(judge))
    for (const [index, peer] of peers.entries()) {
      const others = peers.filter(other => other !== peer)
      const word = `hello from ${index}`
      await publishUntil(peer, word, () =>
        others.every(other => heard.get(other.self)?.some(text => text.startsWith(word))),
      )
    }
    for (const texts of heard.values()) texts.length = 0
  }

  it('brings what one of four publishes to the three others, once, and not back', async () => {
    await gossipingPeers(4, {})
    for (const [index, peer] of peers.entries()) await peer.publish(TOPIC, note(`from ${index}`))
    await until('all have heard all', () => peers.every((_, index) => heardBy(index).length >= 3))
    for (const [index] of peers.entries()) {
      const others = [0, 1, 2, 3].filter(other => other !== index)
      expect([...heardBy(index)].sort()).to.deep.equal(others.map(other => `from ${other}`))
    }
  })

  it('reaches all ten of ten peers on one IP', async function () {
    this.timeout(30_000)
    await gossipingPeers(10, {})
    for (const [index, peer] of peers.entries()) await peer.publish(TOPIC, note(`round one ${index}`))
    await until('all have heard all', () => peers.every((_, index) => heardBy(index).length >= 9))
    for (const [index] of peers.entries()) expect(new Set(heardBy(index)).size).to.equal(9)
  })

  it('delivers through a third peer, and neither delivers nor forwards what a validator ignores', async () => {
    const middle = createPeer(1)
    listen(text => (text.includes('stale') ? 'ignore' : 'accept'))(middle)
    await start(middle)
    const outer = [0, 2].map(index => createPeer(index, { bootstrap: middle.addresses() }))
    for (const peer of outer) listen()(peer)
    await Promise.all(outer.map(start))
    peers = [...outer, middle]
    const [left] = outer
    if (left === undefined) throw new Error('no peer')

    await publishUntil(left, 'hello', () => heardBy(2).length > 0)
    await left.publish(TOPIC, note('stale'))
    await left.publish(TOPIC, note('fresh'))
    await until('the fresh one is through', () => heardBy(2).includes('fresh'))
    expect(heardBy(1)).not.to.include('stale')
    expect(heardBy(2)).not.to.include('stale')
    expect(middle.counts().GOSSIP_IGNORED).to.equal(1)
    expect(left.connected()).to.deep.equal([middle.self])
  })

  it('cuts off a peer at its fifth rejected message, refuses it for a while, and then lets it back', async () => {
    const clock = shiftedClock()
    await gossipingPeers(2, { clock }, text => (text.startsWith('bad') ? 'reject' : 'accept'))
    const [judge, liar] = peers
    if (judge === undefined || liar === undefined) throw new Error('no peers')

    for (let k = 1; k <= 4; k++) await liar.publish(TOPIC, note(`bad ${k}`))
    await until('four are rejected', () => judge.counts().GOSSIP_REJECTED === 4)
    expect(judge.connected()).to.deep.equal([liar.self])

    await liar.publish(TOPIC, note('bad 5'))
    await until('the peer is cut off', () => judge.connected().length === 0)
    expect(judge.counts().BANNED_FOR_REJECTS).to.equal(1)
    await until('it has tried to come back', () => judge.counts().DENIED_BANNED > 0)
    expect(judge.connected()).to.deep.equal([])

    clock.advance(BAN_MS)
    await until('it is back', () => judge.connected().length === 1)
    await publishUntil(liar, 'sorry', () => heardBy(0).some(text => text.startsWith('sorry')))
  })

  it('stops listening to a peer that keeps just below five rejected messages a minute', async () => {
    const clock = shiftedClock()
    await gossipingPeers(2, { clock }, text => (text.startsWith('bad') ? 'reject' : 'accept'))
    const [judge, liar] = peers
    if (judge === undefined || liar === undefined) throw new Error('no peers')
    for (let sent = 1; sent <= 8; sent++) {
      await liar.publish(TOPIC, note(`bad ${sent}`))
      await until(`${sent} are rejected`, () => judge.counts().GOSSIP_REJECTED === sent)
      if (sent === 4) clock.advance(STRIKE_WINDOW_MS)
    }
    expect(judge.rejects()).to.deep.equal(new Map([[liar.self, 8]]))
    expect(judge.connected()).to.deep.equal([liar.self])
    // gossipsub still takes a second's messages from a peer that was in good standing when it began.
    await until(
      'it is graylisted',
      () => (judge.scores().get(liar.self) ?? 0) < SCORE_THRESHOLDS.graylistThreshold,
    )
    let sent = 0
    let heard = 0
    let quiet = 0
    await until('nothing more of it is heard', () => {
      void liar.publish(TOPIC, note(`good ${sent++}`))
      quiet = heardBy(0).length === heard ? quiet + 1 : 0
      heard = heardBy(0).length
      return quiet > 50
    })
    expect(sent).to.be.above(heard + 40)
  })

  it('never thinks ill of honest peers over many rounds', async function () {
    this.timeout(30_000)
    // Sixteen may come, so that nobody is a direct peer and everybody is scored.
    await gossipingPeers(6, {})
    for (let round = 0; round < 40; round++) {
      await Promise.all(peers.map((peer, index) => peer.publish(TOPIC, note(`round ${round} of ${index}`))))
    }
    await until('all have heard all', () => peers.every((_, index) => heardBy(index).length === 5 * 40))
    for (const peer of peers) {
      expect([...peer.scores().values()].filter(score => score < 0)).to.deep.equal([])
      expect(peer.rejects().size).to.equal(0)
    }
  })

  it('rejects a message over the size limit of its topic without showing it to the validator', async () => {
    const seen: string[] = []
    await gossipingPeers(2, {}, text => {
      seen.push(text)
      return 'accept'
    })
    const [receiver, sender] = peers
    await sender?.publish(TOPIC, note('x'.repeat(MAX_BYTES + 1)))
    await until('it is rejected', () => receiver?.counts().GOSSIP_REJECTED === 1)
    expect(seen.filter(text => text.startsWith('x'))).to.deep.equal([])
  })

  it('takes nobody to task when its own validator throws', async () => {
    await gossipingPeers(2, {}, text => {
      if (text.startsWith('odd')) throw new Error('not thought of')
      return 'accept'
    })
    const [receiver, sender] = peers
    for (let k = 0; k < 6; k++) await sender?.publish(TOPIC, note(`odd ${k}`))
    await sender?.publish(TOPIC, note('even'))
    await until('the next one is through', () => heardBy(0).includes('even'))
    expect(receiver?.counts().GOSSIP_IGNORED).to.equal(6)
    expect(receiver?.connected()).to.deep.equal(keysOf(2).slice(1))
  })

  it('publishes into the void without complaint, before the start, without peers and after the stop', async () => {
    const alone = createPeer(0)
    peers = [alone]
    await alone.publish(TOPIC, note('a'))
    await start(alone)
    await alone.publish(TOPIC, note('b'))
    await alone.publish(TOPIC, note('b'))
    await alone.stop()
    await alone.publish(TOPIC, note('c'))
    expect(alone.counts().PUBLISH_FAILED).to.equal(0)
  })
})
