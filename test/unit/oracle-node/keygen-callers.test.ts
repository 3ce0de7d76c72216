import { join } from 'node:path'
import { expect } from 'chai'
import { attemptRecord } from '../../../oracle-node/keygen/attempt-record.ts'
import { keyThatMayBeInstalled } from '../../../oracle-node/keygen/consent.ts'
import { bytesOf } from '../../../protocol/bytes.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import { attemptIdOf, type KeygenAttempt, nextKeyOf } from '../../../protocol/keygen/attempt.ts'
import { encodeKeygenInstall } from '../../../protocol/keygen/installation.ts'
import {
  decodeKeygenReport,
  encodeKeygenReport,
  encodeKeygenStart,
  type KeygenReport,
} from '../../../protocol/keygen/messages.ts'
import { MESSAGE_KIND, openMessage, sealMessage } from '../../../protocol/message.ts'
import { quorumOf } from '../../../protocol/quorum.ts'
import { type KeygenWorld, keygenWorld } from '../../support/keygen/world.ts'
import { at, crypto, DOMAIN, type Party } from '../../support/network/cast.ts'
import { temporaryDirectory } from '../../support/network/temporary-directory.ts'

const REFUSED = { code: 'REFUSED' }

describe('a caller of a key generation that lies', () => {
  let world: KeygenWorld
  afterEach(() => world.stop())

  const member = (slot: number): Party => at(world.cast.members, slot)
  const caller = (): Party => at(world.cast.aggregators, 0)
  const termsOf = (participants: readonly number[], attempt = world.clock.now()): KeygenAttempt => {
    const { keyEpoch, registryVersion, memberSet, quorum } = nextKeyOf(world.view)
    return {
      ...{ keyEpoch, registryVersion, memberSet, participants, attempt },
      caller: 0,
      threshold: quorum.q,
    }
  }
  const ask = (slot: number, channel: string, request: Uint8Array): Promise<Uint8Array> =>
    world.wire
      .peer(caller().peerKey)
      .request(member(slot).peerKey, channel, request, { timeoutMs: 5_000, maxReplyBytes: 1e6 })
  const refusal = async (reply: Promise<Uint8Array>): Promise<unknown> => {
    try {
      return await reply
    } catch (error) {
      return error
    }
  }
  const call = (slot: number, terms: KeygenAttempt, patienceMs = 1_000): Promise<Uint8Array> =>
    ask(
      slot,
      CHANNELS.keygenStart,
      sealMessage(
        DOMAIN,
        MESSAGE_KIND.keygenStart,
        terms.keyEpoch,
        encodeKeygenStart({ terms, patienceMs }),
        caller().sign,
      ),
    )
  const read = (sealed: Uint8Array): KeygenReport =>
    decodeKeygenReport(openMessage(DOMAIN, MESSAGE_KIND.keygenResult, sealed, crypto).body).report
  const later = (): void => world.clock.skip(1)

  describe('about who takes part', () => {
    it('is refused when it leaves out a member that is there, before it has called all', async () => {
      world = await keygenWorld(4, 2_400)
      expect(await refusal(call(0, termsOf([0, 1, 2])))).to.include(REFUSED)
      later()
      await call(0, termsOf([0, 1, 2, 3]), 1)
      later()
      expect(await refusal(call(0, termsOf([0, 1, 2]), 1))).to.be.an.instanceOf(Uint8Array)
    })

    it('is believed about no more members than can be faulty', async () => {
      world = await keygenWorld(6, 2_400)
      expect(quorumOf(6)).to.include({ f: 1, q: 4 })
      await call(0, termsOf([0, 1, 2, 3, 4, 5]), 1)
      later()
      expect(await refusal(call(0, termsOf([0, 1, 2, 3]), 1))).to.include(REFUSED)
      later()
      expect(await refusal(call(0, termsOf([0, 1, 2, 3, 4]), 1))).to.be.an.instanceOf(Uint8Array)
    })

    it('may leave out a member that nobody is connected to', async () => {
      world = await keygenWorld(4, 2_400)
      world.wire.disconnect(member(3).peerKey)
      expect(await refusal(call(0, termsOf([0, 1, 2]), 1))).to.be.an.instanceOf(Uint8Array)
    })
  })

  describe('about who holds a share', () => {
    const install = (
      terms: KeygenAttempt,
      reports: readonly Uint8Array[],
      finished: readonly Uint8Array[],
    ) => {
      const signers = [0, 1, 3].flatMap(slot => {
        const report = read(at(reports, slot))
        return report.kind === 'finished' ? [{ slot, ...report.nonce }] : []
      })
      return sealMessage(
        DOMAIN,
        MESSAGE_KIND.keygenInstall,
        terms.keyEpoch,
        encodeKeygenInstall({ attemptId: attemptIdOf(DOMAIN, terms), signers, finished }),
        caller().sign,
      )
    }

    it('gets no share of the installation while one participant waits for its own', async () => {
      world = await keygenWorld(4, 2_400)
      world.wire.tamper(member(3).peerKey, (channel, _request, answer, from) =>
        channel === CHANNELS.keygenShare && from === member(2).peerKey
          ? Promise.reject(new Error('no'))
          : answer(),
      )
      const terms = termsOf([0, 1, 2, 3])
      const reports = await Promise.all([0, 1, 2, 3].map(slot => call(slot, terms)))
      expect(reports.map(sealed => read(sealed).kind)).to.deep.equal([
        ...['finished', 'finished', 'waiting', 'finished'],
      ])
      const [first, second, , last] = reports
      const three = [first, second, last].map(sealed => sealed ?? new Uint8Array())
      const claims = [
        reports,
        three,
        [],
        // A report counts for who sealed it, in its own place.
        [at(three, 0), at(three, 1), at(three, 1), at(three, 2)],
      ]
      for (const finished of claims)
        for (const slot of [0, 1, 3])
          expect(
            await refusal(ask(slot, CHANNELS.keygenInstall, install(terms, reports, finished))),
          ).to.include(REFUSED)
    })

    it('gets it with the word of all', async () => {
      world = await keygenWorld(4, 2_400)
      const terms = termsOf([0, 1, 2, 3])
      const reports = await Promise.all([0, 1, 2, 3].map(slot => call(slot, terms)))
      expect(await ask(0, CHANNELS.keygenInstall, install(terms, reports, reports))).to.have.length(32)
      expect(world.promised.get(0)).to.deep.equal([world.saved.get(0)?.at(-1)?.px])
    })

    it('gets no consent with the word of a quorum, and no signature is looked at for too many words', async () => {
      world = await keygenWorld(4, 2_400)
      const terms = termsOf([0, 1, 2, 3])
      const reports = await Promise.all([0, 1, 2, 3].map(slot => call(slot, terms)))
      const transcript = world.saved.get(0)?.at(-1)?.transcript ?? new Uint8Array()
      let looked = 0
      const counting = {
        recover: (...args: Parameters<typeof crypto.recover>) => {
          looked++
          return crypto.recover(...args)
        },
      }
      const consent = (finished: readonly Uint8Array[]) => {
        looked = 0
        return keyThatMayBeInstalled(
          DOMAIN,
          terms,
          nextKeyOf(world.view),
          { terms, transcript, finished },
          counting,
        )
      }
      expect(consent(reports)?.px).to.equal(world.saved.get(0)?.at(-1)?.px)
      expect(looked).to.equal(4)
      expect(consent(reports.slice(0, 3))).to.equal(undefined)
      expect(consent(Array.from({ length: 128 }, () => at(reports, 0)))).to.equal(undefined)
      expect(looked).to.equal(0)
      expect(consent([at(reports, 1), ...reports.slice(1)])).to.equal(undefined)
    })
  })

  describe('about the time', () => {
    it('cannot make a member that restarts contradict itself', async () => {
      const directory = temporaryDirectory()
      const open = () => attemptRecord(join(directory.path, 'attempts.json'))
      world = await keygenWorld(4, 2_400)
      await world.join(member(0), 0, open())
      const ahead = termsOf([0, 1, 2, 3], world.clock.now() + 4_000)
      await call(0, ahead, 1)
      const question = bytesOf(attemptIdOf(DOMAIN, ahead))
      expect(await refusal(ask(0, CHANNELS.keygenCommitment, question))).to.be.an.instanceOf(Uint8Array)
      await at(world.ceremonies, -1).stop()
      await world.join(member(0), 0, open())
      expect(await refusal(call(0, ahead, 1))).to.include(REFUSED)
      expect(await refusal(ask(0, CHANNELS.keygenCommitment, question))).to.include(REFUSED)
      const next = { ...ahead, attempt: ahead.attempt + 1 }
      expect(await refusal(call(0, next, 1))).to.be.an.instanceOf(Uint8Array)
      directory.remove()
    })

    it('cannot call with an attempt more than a few seconds ahead', async () => {
      world = await keygenWorld(4, 2_400)
      const ahead = termsOf([0, 1, 2, 3], world.clock.now() + 6_000)
      expect(await refusal(call(0, ahead, 1))).to.include(REFUSED)
    })
  })

  it('does not come through with a member’s report of another attempt', async () => {
    world = await keygenWorld(4, 2_400)
    const first = termsOf([0, 1, 2, 3])
    const old = await Promise.all([0, 1, 2, 3].map(slot => call(slot, first)))
    later()
    const second = termsOf([0, 1, 2, 3])
    const reports = await Promise.all([0, 1, 2, 3].map(slot => call(slot, second)))
    const mixed = [...reports.slice(0, 3), at(old, 3)]
    const body = encodeKeygenInstall({
      attemptId: attemptIdOf(DOMAIN, second),
      finished: mixed,
      signers: reports.slice(0, 3).flatMap((sealed, slot) => {
        const report = read(sealed)
        return report.kind === 'finished' ? [{ slot, ...report.nonce }] : []
      }),
    })
    const sealed = sealMessage(DOMAIN, MESSAGE_KIND.keygenInstall, second.keyEpoch, body, caller().sign)
    expect(await refusal(ask(0, CHANNELS.keygenInstall, sealed))).to.include(REFUSED)
    expect(encodeKeygenReport(attemptIdOf(DOMAIN, second), read(at(reports, 0))).length).to.be.below(300)
  })
})
