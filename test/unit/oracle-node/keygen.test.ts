import { expect } from 'chai'
import type { Installation } from '../../../aggregator/keygen/coordinator.ts'
import { type Hash, hexOf } from '../../../protocol/bytes.ts'
import { verifyQuorumSignatures } from '../../../protocol/certificate.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import { verifyGroupSignature } from '../../../protocol/frost.ts'
import { installationDigest } from '../../../protocol/keygen/installation.ts'
import {
  decodeKeygenReport,
  encodeKeygenReport,
  encodeKeygenStart,
  type KeygenReport,
} from '../../../protocol/keygen/messages.ts'
import type { Membership, RegistryView } from '../../../protocol/membership.ts'
import { MESSAGE_KIND, sealMessage } from '../../../protocol/message.ts'
import { type KeygenWorld, keygenWorld, resealed, rotated } from '../../support/keygen/world.ts'
import { at, crypto, DOMAIN, type Party, party } from '../../support/network/cast.ts'

const TIMEOUT_MS = 2_400

describe('a key generation', function () {
  this.timeout(30_000)
  let world: KeygenWorld
  beforeEach(async () => {
    world = await keygenWorld(4, TIMEOUT_MS)
  })
  afterEach(() => world.stop())

  const member = (slot: number): Party => at(world.cast.members, slot)
  const aggregator = (index: number): Party => at(world.cast.aggregators, index)
  const nowSec = (): number => Math.floor(world.clock.now() / 1_000)
  const silence = (): Promise<never> => new Promise(() => {})
  const expectInForce = (installation: Installation, inForce: Membership): void => {
    const digest = installationDigest(DOMAIN, installation)
    expect(verifyGroupSignature(installation.px, digest, installation.signature)).to.equal(true)
    expect(verifyQuorumSignatures(inForce, digest, installation.consents, crypto)).to.equal(true)
  }
  const callFrom = (caller: Party, attempt: number): Uint8Array =>
    sealMessage(
      DOMAIN,
      MESSAGE_KIND.keygenStart,
      1,
      encodeKeygenStart({
        terms: { attempt, participants: [0, 1, 2, 3], registryVersion: 1, memberSet: 1 },
        patienceMs: 100,
      }),
      caller.sign,
    )
  const call = (from: Party, slot: number, sealed: Uint8Array): Promise<unknown> =>
    world.wire
      .peer(from.peerKey)
      .request(member(slot).peerKey, CHANNELS.keygenStart, sealed, {
        timeoutMs: 1_000,
        maxReplyBytes: 10_000,
      })
      .catch((error: unknown) => error)
  /** Changes what a member says when it has finished. */
  const tamperReport = (slot: number, change: (report: KeygenReport) => KeygenReport): void =>
    world.wire.tamper(member(slot).peerKey, async (channel, _request, answer) => {
      const sealed = await answer()
      if (channel !== CHANNELS.keygenStart) return sealed
      return resealed(member(slot), MESSAGE_KIND.keygenResult, sealed, body => {
        const { attemptId, report } = decodeKeygenReport(body)
        return encodeKeygenReport(attemptId, change(report))
      })
    })

  it('gives everybody shares of both keys before anybody consents to the installation', async () => {
    await world.attend()
    const installation = at(world.installed, 0)
    expect([...world.saved.keys()].sort()).to.deep.equal([0, 1, 2, 3])
    const keys = [...world.saved.values()].flat()
    expect(new Set(keys.map(({ px }) => px))).to.deep.equal(new Set([installation.px]))
    for (const key of keys) expect(key.beacon.public).to.deep.equal(at(keys, 0).beacon.public)
    expectInForce(installation, world.view.newest)
  })

  it('takes no message that another member sealed', async () => {
    world.wire.tamper(member(3).peerKey, async (_channel, _request, answer) => {
      const sealed = await answer()
      return Uint8Array.from([...sealed.subarray(0, -64), ...member(2).sign(sealed.subarray(0, 32))])
    })
    await world.attend()
    expect(world.installed).to.deep.equal([])
    expect(world.counted).to.deep.equal([{ slot: 3, fault: 'SILENT' }])
  })

  it('is installed at once although one member’s last words are useless', async () => {
    const junk = new Uint8Array(33).fill(5)
    const lies: ((report: Extract<KeygenReport, { kind: 'finished' }>) => KeygenReport)[] = [
      report => ({ ...report, consent: member(1).sign(new Uint8Array(32)) }),
      report => ({ ...report, nonce: { ...report.nonce, hiding: junk } }),
      report => ({ ...report, nonce: { ...report.nonce, binding: new Uint8Array(33) } }),
    ]
    for (const [count, lie] of lies.entries()) {
      tamperReport(1, report => (report.kind === 'finished' ? lie(report) : report))
      await world.attend()
      expect(world.installed).to.have.length(count + 1)
      expect(at(world.installed, -1).consents).to.have.length(3)
    }
  })

  it('is not installed with a member that finished with another key', async () => {
    tamperReport(1, report =>
      report.kind === 'finished' ? { ...report, transcriptHash: `0x${'12'.repeat(32)}` } : report,
    )
    expect((await world.untilInstalled()).participants).to.deep.equal([0, 2, 3])
    expect(world.counted).to.deep.equal([{ slot: 1, fault: 'BAD_VOTE' }])
  })

  it('is not begun by strangers, nor by a call that somebody else sends again', async () => {
    const sealed = callFrom(aggregator(0), world.clock.now())
    expect(await call(member(1), 0, callFrom(member(1), world.clock.now()))).to.include({ code: 'REFUSED' })
    expect(await call(member(1), 0, sealed)).to.include({ code: 'REFUSED' })
    expect(world.started()).to.equal(0)
  })

  it('is not begun with an attempt from before the node’s start, or from far ahead', async () => {
    for (const attempt of [world.clock.now() - 60_000, 2 ** 47]) {
      expect(await call(aggregator(0), 0, callFrom(aggregator(0), attempt))).to.include({ code: 'REFUSED' })
    }
    await world.attend()
    expect(world.installed).to.have.length(1)
  })

  it('is not shut out by another aggregator that numbers its calls ahead', async () => {
    await Promise.all(
      [0, 1, 2, 3].map(slot => call(aggregator(1), slot, callFrom(aggregator(1), world.clock.now() + 4_000))),
    )
    world.clock.skip(2 * 3 * TIMEOUT_MS)
    expect((await world.untilInstalled()).participants).to.deep.equal([0, 1, 2, 3])
  })

  it('is not broken off between its end and its installation', async () => {
    const answers: unknown[] = []
    world.wire.tamper(member(0).peerKey, async (channel, _request, answer) => {
      if (channel === CHANNELS.keygenInstall)
        answers.push(await call(aggregator(1), 0, callFrom(aggregator(1), world.clock.now())))
      return answer()
    })
    await world.attend()
    expect(answers).to.have.length(1)
    expect(world.installed).to.have.length(1)
  })

  it('shows the caller a share only on its recipient’s complaint, and at most f of them', async () => {
    let attemptId: Hash | undefined
    world.wire.tamper(member(3).peerKey, (channel, request, answer) => {
      if (channel === CHANNELS.keygenCommitment) attemptId = hexOf(request)
      return answer()
    })
    await world.attend()
    const complaint = (slot: number, missing: number, stage: 'vote' | 'share' = 'share'): Uint8Array =>
      sealMessage(
        DOMAIN,
        MESSAGE_KIND.keygenResult,
        1,
        encodeKeygenReport(attemptId ?? '0x', { kind: 'waiting', stage, missing: [missing] }),
        member(slot).sign,
      )
    const reveal = (from: Party, sealed: Uint8Array): Promise<unknown> =>
      world.wire
        .peer(from.peerKey)
        .request(member(3).peerKey, CHANNELS.keygenReveal, sealed, { timeoutMs: 1_000, maxReplyBytes: 1_000 })
        .catch((error: unknown) => error)
    const refused = { code: 'REFUSED' }
    expect(await reveal(aggregator(0), complaint(0, 2))).to.include(refused)
    expect(await reveal(aggregator(0), complaint(0, 3, 'vote'))).to.include(refused)
    expect(await reveal(aggregator(1), complaint(0, 3))).to.include(refused)
    for (let again = 0; again < 2; again++)
      expect(await reveal(aggregator(0), complaint(0, 3))).to.be.an.instanceOf(Uint8Array)
    expect(await reveal(aggregator(0), complaint(1, 3))).to.include(refused)
  })

  it('is given up at once when the nodes stop, or the aggregator', async () => {
    for (const stop of ['nodes', 'aggregator'] as const) {
      world.timeoutMs = 96_000
      const stopping = new AbortController()
      const before = world.started()
      const begun = Promise.withResolvers<void>()
      world.wire.tamper(member(3).peerKey, () => {
        if (world.started() >= before + 3) begun.resolve()
        return silence()
      })
      const attempt = world.attend(stopping.signal)
      await begun.promise
      if (stop === 'nodes') {
        await world.stop()
        const late = callFrom(aggregator(0), world.clock.now() + 1)
        expect(await call(aggregator(0), 0, late)).to.include({ code: 'REFUSED' })
        for (const ceremony of world.ceremonies) await ceremony.start()
      }
      stopping.abort()
      expect(await attempt).to.include({ name: 'AbortError' })
    }
    expect(world.counted).to.deep.equal([])
  })

  it('blames nobody when too few answer to tell who is cut off', async () => {
    world.timeoutMs = 800
    for (const slot of [1, 2, 3]) world.wire.tamper(member(slot).peerKey, silence)
    expect(await world.attend()).to.include({ code: 'KEYGEN_ATTEMPT_FAILED' })
    expect(world.counted).to.deep.equal([])
  })

  it('is called by an aggregator out of its turn only once in the time of an attempt', async () => {
    world.timeoutMs = 800
    for (const slot of [0, 1, 2, 3])
      world.wire.tamper(member(slot).peerKey, () => Promise.reject(new Error('no')))
    world.clock.skip(96_000 - (96_000 % (6 * 800)) + 3 * 800)
    await world.attend()
    await world.attend()
    expect(world.calls()).to.equal(1)
  })

  it('is not called while fewer than a quorum are connected', async () => {
    world.connected = world.connected.slice(0, 2)
    await world.attend()
    expect(world.calls()).to.equal(0)
  })

  it('waits for the rest when a quorum is connected, but not for ever', async () => {
    world.connected = world.connected.slice(0, 3)
    await world.attend()
    expect(world.calls()).to.equal(0)
    world.clock.skip(TIMEOUT_MS)
    world.wire.tamper(member(3).peerKey, () => Promise.reject(new Error('no')))
    expect((await world.untilInstalled(2)).participants).to.deep.equal([0, 1, 2])
    expect(world.counted).to.deep.equal([{ slot: 3, fault: 'SILENT' }])
  })

  it('is not called again between its installation and the block’s being final', async () => {
    await world.attend()
    const installation = at(world.installed, 0)
    world.latest = rotated(world.view, installation, nowSec())
    for (let look = 0; look < 3; look++) {
      world.clock.skip(TIMEOUT_MS)
      await world.attend()
    }
    expect(world.calls()).to.equal(1)
  })

  it('is not installed when the newest block has another key meanwhile', async () => {
    world.wire.tamper(member(0).peerKey, (channel, _request, answer) => {
      if (channel === CHANNELS.keygenInstall) {
        const { newest } = world.view
        world.latest = { ...world.view, newest: { ...newest, keyEpoch: 1 } }
      }
      return answer()
    })
    await world.attend()
    expect(world.saved.size).to.equal(4)
    expect(world.installed).to.deep.equal([])
  })

  describe('after the first key', () => {
    beforeEach(async () => {
      await world.attend()
      change(rotated(world.view, at(world.installed, 0), nowSec()))
    })
    const change = (view: RegistryView): void => {
      world.view = view
      for (const ceremony of world.ceremonies) ceremony.follow(view)
    }
    const suspend = (slot: number): void => {
      const { newest } = world.view
      const members = newest.members.map(each => (each.slot === slot ? { ...each, suspended: true } : each))
      change({
        ...world.view,
        newest: { ...newest, members, registryVersion: newest.registryVersion + 1 },
      })
    }

    it('takes place for nobody who calls when no key is due', async () => {
      await world.attend()
      expect(world.calls()).to.equal(1)
      const terms = {
        attempt: world.clock.now(),
        participants: [0, 1, 2, 3],
        registryVersion: 2,
        memberSet: 1,
      }
      const sealed = sealMessage(
        DOMAIN,
        MESSAGE_KIND.keygenStart,
        2,
        encodeKeygenStart({ terms, patienceMs: 100 }),
        aggregator(0).sign,
      )
      const before = world.started()
      expect(await call(aggregator(0), 0, sealed)).to.include({ code: 'REFUSED' })
      expect(world.started()).to.equal(before)
    })

    it('takes place on schedule', async () => {
      world.clock.skip(86_400_000 * 2)
      await world.attend()
      expectInForce(at(world.installed, 1), world.view.newest)
      expect(at(world.installed, 1)).to.include({ keyEpoch: 2, memberSet: 1 })
    })

    it('takes place without a member that is suspended', async () => {
      suspend(3)
      await world.attend()
      const installation = at(world.installed, 1)
      expect(installation.participants).to.deep.equal([0, 1, 2])
      expectInForce(installation, world.view.newest)
      expect(world.saved.get(0)).to.have.length(2)
      change(rotated(world.view, installation, nowSec()))
      await world.attend()
      expect(world.calls()).to.equal(2)
    })

    describe('that one member holds no share of', () => {
      /** Longer than the cool-down, and again the turn of aggregator 0. */
      const COOL_DOWN_MS = 604_800
      beforeEach(() => {
        const { newest } = world.view
        const groupKey = newest.groupKey && { ...newest.groupKey, participants: [0, 1, 2] }
        change({ ...world.view, newest: { ...newest, groupKey } })
      })

      it('takes place with that member when the key has cooled down', async () => {
        await world.attend()
        expect(world.calls()).to.equal(1)
        world.clock.skip(COOL_DOWN_MS)
        await world.attend()
        expect(at(world.installed, 1).participants).to.deep.equal([0, 1, 2, 3])
      })

      it('does not take place while that member is away, nor to leave it out again', async () => {
        world.clock.skip(COOL_DOWN_MS)
        const everybody = world.connected
        world.connected = everybody.slice(0, 3)
        await world.attend()
        world.clock.skip(TIMEOUT_MS)
        await world.attend()
        expect(world.calls()).to.equal(1)
        world.connected = everybody
        world.wire.tamper(member(3).peerKey, () => Promise.reject(new Error('no')))
        for (let look = 0; look < 4; look++) await world.attend()
        expect(world.calls()).to.equal(2)
        expect(world.coordinator.excluded.map(({ slot }) => slot)).to.deep.equal([3])
        expect(world.installed).to.have.length(1)
      })

      it('takes place without the holder that spoils it', async () => {
        world.clock.skip(COOL_DOWN_MS)
        world.wire.tamper(member(0).peerKey, () => Promise.reject(new Error('no')))
        expect((await world.untilInstalled()).participants).to.deep.equal([1, 2, 3])
      })
    })

    it('gives a slow member its share although the registry lists it no more', async () => {
      let attemptId: Uint8Array | undefined
      world.wire.tamper(member(0).peerKey, (channel, request, answer) => {
        if (channel === CHANNELS.keygenShare) attemptId = request
        return answer()
      })
      world.clock.skip(86_400_000)
      await world.attend()
      const { newest } = world.view
      world.view = { ...world.view, newest: { ...newest, members: newest.members.slice(0, 1) } }
      const share = await world.wire
        .peer(member(1).peerKey)
        .request(member(0).peerKey, CHANNELS.keygenShare, attemptId ?? new Uint8Array(), {
          timeoutMs: 1_000,
          maxReplyBytes: 1_000,
        })
      expect(share.length).to.be.above(64)
    })

    it('does not take place before the last handover is over', async () => {
      suspend(3)
      change({ ...world.view, switchAtSec: nowSec() + 60 })
      await world.attend()
      expect(world.calls()).to.equal(1)
      world.clock.skip(60_000)
      await world.attend()
      expect(world.installed).to.have.length(2)
    })

    describe('for another list of members', () => {
      const comer = party('a new member')
      beforeEach(async () => {
        await world.join(comer, 4)
        const { newest } = world.view
        const { identity, peerKey } = comer
        change({
          ...world.view,
          newest: { ...newest, registryVersion: newest.registryVersion + 1 },
          pending: {
            memberSet: 2,
            members: [
              ...newest.members.filter(({ slot }) => slot !== 1),
              { slot: 4, identity, peerKey, suspended: false },
            ],
          },
        })
        world.connected = [...world.connected, peerKey]
      })

      it('is made by the new members, and installed by the old ones', async () => {
        await world.attend()
        const installation = at(world.installed, 1)
        expect(installation).to.deep.include({ keyEpoch: 2, memberSet: 2, participants: [0, 2, 3, 4] })
        expect(world.saved.get(4)?.at(0)?.px).to.equal(installation.px)
        expect(world.saved.get(1)).to.have.length(1)
        expectInForce(installation, world.view.newest)
      })

      it('is installed with the consent of one that leaves, and of one that took no part', async () => {
        // Slot 0 makes no key with them, and slot 3 makes it but does not sign: two old holders are left.
        world.wire.tamper(member(0).peerKey, (channel, _request, answer) =>
          channel === CHANNELS.keygenStart ? Promise.reject(new Error('no')) : answer(),
        )
        const installation = await world.untilInstalled()
        expect(installation.participants).to.deep.equal([2, 3, 4])
        expect(installation.consents).to.have.length(4)
        expectInForce(installation, world.view.newest)
      })

      it('is not installed when too few of the old members consent', async () => {
        for (const slot of [0, 1, 2]) {
          world.wire.tamper(member(slot).peerKey, async (channel, _request, answer) => {
            const sealed = await answer()
            if (channel === CHANNELS.keygenConsent) throw new Error('no')
            if (channel !== CHANNELS.keygenStart || slot !== 2) return sealed
            return resealed(member(slot), MESSAGE_KIND.keygenResult, sealed, body => {
              const { attemptId, report } = decodeKeygenReport(body)
              const consent = member(slot).sign(new Uint8Array(32))
              return encodeKeygenReport(
                attemptId,
                report.kind === 'finished' ? { ...report, consent } : report,
              )
            })
          })
        }
        expect(await world.attend()).to.include({ code: 'KEYGEN_ATTEMPT_FAILED' })
        expect(world.installed).to.have.length(1)
      })
    })
  })
})
