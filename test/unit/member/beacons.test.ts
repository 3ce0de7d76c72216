import { expect } from 'chai'
import fastify from 'fastify'
import { BeaconKeys } from '../../../member/beacons/beacon-keys.ts'
import { BEACON_MIGRATIONS, createBeaconStore } from '../../../member/beacons/beacon-store.ts'
import { beaconRoutes } from '../../../member/beacons/routes.ts'
import { valueOfProof } from '../../../protocol/beacon/combine.ts'
import {
  decodePartialMessage,
  decodeProof,
  encodePartialMessage,
  encodeQuery,
  MAX_PROOF_BYTES,
} from '../../../protocol/beacon/messages.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import { transcriptHashOf } from '../../../protocol/keygen/transcript.ts'
import { PeerRequestError } from '../../../runtime/p2p/peer-network.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { hash } from '../../support/epoch/cast.ts'
import { BeaconNetwork, TERMS } from '../../support/member/beacon-network.ts'
import { Wire } from '../../support/network/wire.ts'
import { beaconValue, dealBeacon, partialsOf } from '../../support/protocol/beacon-key.ts'
import { DOMAIN, KEY_EPOCH } from '../../support/protocol/network.ts'

const SLOT = 4
const STARTS = TERMS.clock.startSec + SLOT * TERMS.slotSec
const ENDS = STARTS + TERMS.slotSec
const DRAWS = ENDS + TERMS.graceSec
const window = { kind: 'window', slot: SLOT } as const
const root = hash('root of the window')
const draw = { kind: 'draw', slot: SLOT, root } as const
const signal = new AbortController().signal

describe('beacons between members', () => {
  let network: BeaconNetwork

  beforeEach(() => {
    network = new BeaconNetwork()
  })
  afterEach(() => network.stop())

  const everybody = () => [...network.members, network.relayer]

  it('are known to everybody the moment a slot begins, and to nobody before', () => {
    network.goTo(STARTS - 1)
    for (const { beacons } of everybody()) expect(beacons.value(window)).to.equal(undefined)
    network.goTo(STARTS)
    const value = beaconValue(network.key, window)
    for (const { beacons } of everybody()) expect(beacons.value(window)).to.equal(value)
  })

  it('are not there while too few members are up, and then they are', () => {
    network.goTo(STARTS, [0, 3])
    for (const { beacons } of everybody()) expect(beacons.value(window)).to.equal(undefined)
    network.goTo(STARTS + 1, [2])
    for (const { beacons } of everybody())
      expect(beacons.value(window)).to.equal(beaconValue(network.key, window))
  })

  it('come with a proof that is kept, and that anybody can check', () => {
    network.goTo(STARTS)
    const bytes = network.relayer.store.find(window)?.proof ?? new Uint8Array()
    const shown = valueOfProof(DOMAIN, window, network.key.public, decodeProof(bytes))
    expect(shown).to.equal(beaconValue(network.key, window))
  })

  it('are made once a slot, however often a member looks', () => {
    for (const sec of [STARTS, STARTS, STARTS + 1, STARTS + 4]) network.goTo(sec)
    expect(network.sent).to.have.length(4)
  })

  it('are asked for by who has heard nothing', async () => {
    network.gossips = false
    network.goTo(STARTS)
    expect(network.relayer.beacons.value(window)).to.equal(undefined)
    expect(await network.relayer.beacons.ask(window, signal)).to.equal(beaconValue(network.key, window))
    const [other] = network.members
    expect(await other?.beacons.ask(window, signal)).to.equal(beaconValue(network.key, window))
  })

  it('are told much later from what one member has kept', async () => {
    network.goTo(STARTS, [0, 1, 2])
    const kept = network.member(0)
    const late = network.member(3)
    network.nowSec = STARTS + 300
    for (const other of [late, network.member(1), network.member(2)]) {
      other.store.forgetBefore(SLOT + 1)
      const [data] = network.sent.map(each => each.data)
      expect(other.hear(data ?? new Uint8Array()), 'too old to be heard').to.equal('ignore')
      expect(other.beacons.value(window)).to.equal(undefined)
    }
    expect(kept.store.find(window)).to.not.equal(undefined)
    expect(await late.beacons.ask(window, signal)).to.equal(beaconValue(network.key, window))
  })

  it('are not made by who holds a share of a seat that is another member’s', async () => {
    network.holders.set(2, 'the member that came after it')
    network.goTo(STARTS)
    expect(network.sent.map(({ from }) => from)).to.not.include(network.member(2).peer)
    expect(network.sent).to.have.length(3)
    expect(network.member(2).maker.own(window)).to.equal(undefined)
  })

  it('are told to members and relayers alone, and to nobody as often as they like', async () => {
    network.gossips = false
    network.goTo(STARTS)
    const member = network.member(0)
    const options = { timeoutMs: 1_000, maxReplyBytes: MAX_PROOF_BYTES }
    const ask = (name: string) =>
      network.wire.peer(hash(name)).request(member.peer, CHANNELS.beacon, encodeQuery(window), options)
    expect(decodeProof(await ask('peer of relayer')).partials).to.have.length(1)
    const refused = await ask('peer of a gateway').catch((error: unknown) => error)
    expect(refused).to.be.instanceOf(PeerRequestError).and.to.include({ code: 'REFUSED' })
    for (const { maxPerSec } of network.limits) expect(maxPerSec).to.be.lessThan(100)
  })

  it('are made once, however often they are asked for', () => {
    network.goTo(STARTS)
    const { maker } = network.member(0)
    expect(maker.own(window)).to.equal(maker.own(window))
  })

  it('are refused when they lie, and a lie keeps out no true one', () => {
    const [partial] = partialsOf(network.key, window, [2])
    if (partial === undefined) throw new Error('there is a partial')
    const message = { keyEpoch: KEY_EPOCH, input: window, ...partial }
    const { relayer } = network
    network.nowSec = STARTS
    const bent = encodePartialMessage(DOMAIN, message)
    bent[bent.length - 1] = (bent[bent.length - 1] ?? 0) ^ 1
    expect(relayer.hear(bent)).to.equal('reject')
    expect(relayer.hear(bent.subarray(1))).to.equal('reject')
    expect(relayer.hear(encodePartialMessage(DOMAIN, { ...message, slot: 1 }))).to.equal('reject')
    expect(relayer.hear(encodePartialMessage(DOMAIN, message))).to.equal('accept')
    expect(relayer.hear(encodePartialMessage(DOMAIN, message)), 'again').to.equal('ignore')
    // Known already: nobody looks at what else is said in its name.
    expect(relayer.hear(bent)).to.equal('ignore')
  })

  it('are ignored when they are of another key or time', () => {
    const at = (input: { kind: 'window'; slot: number }, keyEpoch = KEY_EPOCH): Uint8Array => {
      const [partial] = partialsOf(network.key, input, [2])
      if (partial === undefined) throw new Error('there is a partial')
      return encodePartialMessage(DOMAIN, { keyEpoch, input, ...partial })
    }
    network.nowSec = STARTS + 100 * TERMS.slotSec
    expect(network.relayer.hear(at(window))).to.equal('ignore')
    network.nowSec = STARTS
    expect(network.relayer.hear(at({ kind: 'window', slot: SLOT + 2 }))).to.equal('ignore')
    expect(network.relayer.hear(at(window, KEY_EPOCH + 1))).to.equal('ignore')
    expect(network.relayer.hear(at({ kind: 'window', slot: SLOT + 1 }))).to.equal('accept')
  })
})

describe('the draw of a window', () => {
  let network: BeaconNetwork

  beforeEach(() => {
    network = new BeaconNetwork()
    network.goTo(STARTS)
  })
  afterEach(() => network.stop())

  const give = (slots: readonly number[], given = root): void => {
    for (const slot of slots) network.member(slot).roots.set(SLOT, given)
  }

  it('is made by those that had its root in time, once the grace is over', () => {
    give([0, 1, 3])
    network.goTo(DRAWS - 1)
    expect(network.relayer.beacons.value(draw)).to.equal(undefined)
    network.goTo(DRAWS)
    expect(network.relayer.beacons.value(draw)).to.equal(beaconValue(network.key, draw))
  })

  it('is not there when fewer than a quorum had the root', async () => {
    give([0, 1])
    network.goTo(DRAWS)
    expect(await network.relayer.beacons.ask(draw, signal)).to.equal(undefined)
  })

  it('is never made for a second root of the slot, also not by a process that is started again', async () => {
    give([0, 1, 3])
    network.goTo(DRAWS)
    const second = hash('another root')
    give([0, 1, 3], second)
    for (const slot of [0, 1, 3]) {
      const { maker, store } = network.member(slot)
      maker.adopt(SLOT, second)
      expect(maker.own({ ...draw, root: second })).to.equal(undefined)
      expect(store.drawnRoot(SLOT)).to.equal(root)
    }
    network.goTo(DRAWS + 1)
    const drawn = network.sent
      .map(({ data }) => decodePartialMessage(DOMAIN, data).input)
      .filter(({ kind }) => kind === 'draw')
    expect(drawn).to.deep.equal([draw, draw, draw])
    expect(await network.relayer.beacons.ask({ ...draw, root: second }, signal)).to.equal(undefined)
  })

  it('is shown to nobody before its time, whoever asks', () => {
    give([0, 1, 2, 3])
    network.nowSec = DRAWS - 1
    for (const { maker } of network.members) {
      expect(maker.own(draw)).to.equal(undefined)
      maker.adopt(SLOT, root)
      expect(maker.own(draw)).to.equal(undefined)
      expect(maker.own({ kind: 'window', slot: SLOT + 2 })).to.equal(undefined)
    }
  })

  it('can be had by all once anybody could have it: who learns of its root later draws, too', async () => {
    give([0, 1])
    network.goTo(DRAWS)
    expect(network.relayer.beacons.value(draw)).to.equal(undefined)
    network.member(2).maker.adopt(SLOT, root)
    expect(network.relayer.beacons.value(draw)).to.equal(beaconValue(network.key, draw))
  })

  it('is neither made nor shown any more when nobody can audit its epoch, and its root is forgotten', () => {
    give([0, 1, 3])
    network.goTo(DRAWS)
    const { maker, store } = network.member(0)
    expect(maker.own(draw)).to.not.equal(undefined)
    network.neededFrom = SLOT + 1
    expect(maker.own(draw)).to.equal(undefined)
    store.forgetBefore(SLOT)
    expect(store.drawnRoot(SLOT), 'of a slot that is needed').to.equal(root)
    store.forgetBefore(SLOT + 1)
    expect(store.drawnRoot(SLOT)).to.equal(undefined)
    const before = network.sent.length
    maker.adopt(SLOT, hash('another root'))
    expect(network.sent, 'never a second root').to.have.length(before)
    expect(store.drawnRoot(SLOT)).to.equal(undefined)
  })

  it('does not let a member fill the table with roots', () => {
    network.nowSec = DRAWS
    const verdicts = ['a', 'b', 'c'].map(name => {
      const input = { ...draw, root: hash(name) }
      const [partial] = partialsOf(network.key, input, [2])
      if (partial === undefined) throw new Error('there is a partial')
      return network.relayer.hear(encodePartialMessage(DOMAIN, { keyEpoch: KEY_EPOCH, input, ...partial }))
    })
    expect(verdicts).to.deep.equal(['accept', 'ignore', 'ignore'])
  })
})

describe('beacons over HTTP', () => {
  let network: BeaconNetwork
  const app = () => {
    const server = fastify()
    beaconRoutes(server, {
      beacons: network.relayer.beacons,
      keys: { transcript: keyEpoch => (keyEpoch === KEY_EPOCH ? network.key.transcript : undefined) },
    })
    return server
  }

  beforeEach(() => {
    network = new BeaconNetwork()
  })
  afterEach(() => network.stop())

  it('answer as soon as there is one, to everybody who waits', async () => {
    const server = app()
    const waiting = [1, 2].map(() => server.inject(`/v1/beacons/${SLOT}?waitMs=1000`))
    await new Promise(resolve => setImmediate(resolve))
    network.goTo(STARTS)
    for (const answer of await Promise.all(waiting))
      expect(answer.json()).to.deep.equal({ slot: SLOT, value: beaconValue(network.key, window) })
    await server.close()
  })

  it('are asked for while somebody waits for what gossip has lost', async () => {
    const server = app()
    network.gossips = false
    network.goTo(STARTS)
    const waiting = server.inject(`/v1/beacons/${SLOT}?waitMs=1000`)
    for (let turn = 0; turn < 8; turn++) await new Promise(resolve => setImmediate(resolve))
    await network.clock.advance(500)
    expect((await waiting).json()).to.deep.equal({ slot: SLOT, value: beaconValue(network.key, window) })
    await server.close()
  })

  it('say that there is none when the wait is over, and what is wrong with a question', async () => {
    const server = app()
    const codeOf = async (path: string) => (await server.inject(path)).json()['code']
    const waiting = codeOf(`/v1/beacons/${SLOT}?waitMs=1000`)
    for (let turn = 0; turn < 8; turn++) await new Promise(resolve => setImmediate(resolve))
    await network.clock.advance(1_000)
    expect(await waiting).to.equal('NO_BEACON')
    expect(await codeOf(`/v1/beacons/${SLOT}/proof`)).to.equal('NO_BEACON')
    expect(await codeOf('/v1/beacons/x')).to.equal('BAD_REQUEST')
    expect(await codeOf('/v1/beacons/1?waitMs=999999')).to.equal('BAD_REQUEST')
    expect(await codeOf(`/v1/beacons/${SLOT}/draws/0x12`)).to.equal('BAD_REQUEST')
    expect(await codeOf('/v1/transcripts/9')).to.equal('NO_TRANSCRIPT')
    await server.close()
  })

  it('come with proofs, of draws too, and the transcript that they are checked by', async () => {
    const server = app()
    network.goTo(STARTS)
    for (const slot of [0, 1, 2]) network.member(slot).roots.set(SLOT, root)
    network.goTo(DRAWS)
    for (const [input, path] of [
      [window, 'proof'],
      [draw, `draws/${root}`],
    ] as const) {
      const { rawPayload } = await server.inject(`/v1/beacons/${SLOT}/${path}`)
      const shown = valueOfProof(DOMAIN, input, network.key.public, decodeProof(Uint8Array.from(rawPayload)))
      expect(shown).to.equal(beaconValue(network.key, input))
    }
    const { rawPayload } = await server.inject(`/v1/transcripts/${KEY_EPOCH}`)
    expect(Uint8Array.from(rawPayload)).to.deep.equal(network.key.transcript)
    await server.close()
  })
})

describe('keys of beacons', () => {
  const key = dealBeacon([0, 1, 2, 3], 3, 'keys')
  const other = dealBeacon([0, 1, 2, 3], 3, 'other keys')

  it('are taken from whoever shows the transcript of the registry, and kept', async () => {
    const wire = new Wire()
    const limits = { maxRequestBytes: 32, maxInFlightPerPeer: 1, timeoutMs: 1_000 }
    wire.peer(hash('liar')).handle(CHANNELS.transcript, limits, async () => other.transcript)
    wire.peer(hash('silent'))
    let asked = 0
    wire.peer(hash('honest')).handle(CHANNELS.transcript, limits, async () => {
      asked++
      return key.transcript
    })
    const store = createBeaconStore(openDatabase(':memory:', BEACON_MIGRATIONS))
    const hashOf = (keyEpoch: number) => (keyEpoch === 1 ? transcriptHashOf(key.transcript) : undefined)
    const keysOf = () =>
      new BeaconKeys({ store, hashOf, held: () => undefined, network: wire.peer(hash('self')) })
    const keys = keysOf()
    expect(keys.of(1)).to.equal(undefined)
    const [one, two] = await Promise.all([keys.fetch(1), keys.fetch(1)])
    expect(one).to.deep.equal(key.public)
    expect(two).to.equal(one)
    expect(asked).to.equal(1)
    expect(await keys.fetch(2), 'no such key').to.equal(undefined)
    expect(keysOf().of(1), 'after a restart').to.deep.equal(key.public)
    store.close()
  })
})
