import { expect } from 'chai'
import { waitsOf } from '../../../aggregator/keygen/waits.ts'
import { Dealer } from '../../../oracle-node/keygen/dealer.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import type { KeygenFault } from '../../../protocol/keygen/blame.ts'
import {
  decodeKeygenReport,
  encodeKeygenReport,
  encodeTranscriptVote,
  type KeygenReport,
} from '../../../protocol/keygen/messages.ts'
import { decodeDealerCommitment, encodeDealerCommitment } from '../../../protocol/keygen/transcript.ts'
import { MESSAGE_KIND } from '../../../protocol/message.ts'
import { quorumOf } from '../../../protocol/quorum.ts'
import {
  flipped,
  type KeygenWorld,
  keygenWorld,
  MEMBER_CHANNELS,
  resealed,
} from '../../support/keygen/world.ts'
import { at, type Party } from '../../support/network/cast.ts'
import { anAttempt } from '../../support/network/dealt-keys.ts'

const VICTIM = 0
const no = (): Promise<never> => Promise.reject(new Error('no'))

for (const { n, timeoutMs } of [
  { n: 4, timeoutMs: 2_400 },
  { n: 7, timeoutMs: 2_400 },
]) {
  const { f, q } = quorumOf(n)
  const everybody = Array.from({ length: n }, (_, slot) => slot)
  const liars = everybody.slice(n - f)
  const honest = everybody.slice(0, n - f)

  describe(`a key generation of ${n} with ${f} faulty`, function () {
    this.timeout(60_000)
    let world: KeygenWorld
    beforeEach(async () => {
      world = await keygenWorld(n, timeoutMs)
    })
    afterEach(() => world.stop())

    const party = (slot: number): Party => at(world.cast.members, slot)
    const isVictim = (from: string): boolean => from === party(VICTIM).peerKey
    const eachLiar = (lie: (liar: Party, slot: number) => void): void => {
      for (const slot of liars) lie(party(slot), slot)
    }
    const expectExcluded = async (fault: KeygenFault, proven: boolean): Promise<void> => {
      const { participants } = await world.untilInstalled()
      expect(participants).to.deep.equal(honest)
      expect(world.counted.map(({ slot }) => slot).sort()).to.deep.equal(liars)
      expect(new Set(world.counted.map(each => each.fault))).to.deep.equal(new Set([fault]))
      expect(world.calls()).to.be.at.most(f + 1)
      expect(world.coordinator.excluded.every(({ proof }) => (proof !== undefined) === proven)).to.equal(true)
      for (const slot of honest) expect(world.saved.get(slot)?.at(-1)?.px).to.equal(at(world.installed, 0).px)
    }
    const expectAll = async (): Promise<void> => {
      const { participants } = await world.untilInstalled()
      expect(participants).to.deep.equal(everybody)
      expect(world.calls()).to.equal(1)
      expect(world.counted).to.deep.equal([])
      expect(world.saved.size).to.equal(n)
    }

    it('excludes a dealer that tells one member another story', async () => {
      eachLiar((liar, slot) => {
        const other = new Dealer(anAttempt(everybody, q), `0x${'00'.repeat(32)}`, slot).own
        world.wire.tamper(liar.peerKey, async (asked, _request, answer, from) => {
          const sealed = await answer()
          if (asked !== CHANNELS.keygenCommitment || !isVictim(from)) return sealed
          return resealed(liar, MESSAGE_KIND.keygenCommitment, sealed, body =>
            encodeDealerCommitment(decodeDealerCommitment(body).attemptId, other),
          )
        })
      })
      await expectExcluded('TWO_COMMITMENTS', true)
    })

    it('comes to an end although some answer at the last moment, and their peers nothing', async () => {
      const { patienceMs, marginMs, fetchMs } = waitsOf(timeoutMs)
      const answerAfter = async (ms: number, answer: () => Promise<Uint8Array>): Promise<Uint8Array> =>
        (await Promise.all([answer(), world.clock.sleep(ms)]))[0]
      eachLiar(liar =>
        world.wire.tamper(liar.peerKey, (asked, _request, answer, from) => {
          if (asked === CHANNELS.keygenStart) return answerAfter(patienceMs + marginMs - 2, answer)
          const isCaller = from === at(world.cast.aggregators, 0).peerKey
          return isCaller ? answerAfter(fetchMs - 2, answer) : no()
        }),
      )
      const { participants } = await world.untilInstalled()
      expect(participants).to.include.members(honest)
      expect(world.calls()).to.be.at.most(2)
      expect(world.counted.every(({ slot }) => liars.includes(slot))).to.equal(true)
    })

    // A larger network costs seconds a test: what is the same in all sizes is shown in the smallest.
    if (n > 4) return

    for (const [which, fromEnd] of [
      ['signing', 33],
      ['beacon', 1],
    ] as const) {
      it(`excludes a dealer whose share of the ${which} key is bad for one member alone`, async () => {
        eachLiar(liar =>
          world.wire.tamper(liar.peerKey, async (channel, _request, answer, from) => {
            const sealed = await answer()
            if (channel !== CHANNELS.keygenShare || !isVictim(from)) return sealed
            return resealed(liar, MESSAGE_KIND.keygenShare, sealed, body => flipped(body, fromEnd))
          }),
        )
        await expectExcluded('BAD_SHARE', true)
      })
    }

    /** What a member tells the caller, whatever is true. */
    const alwaysReport = (liar: Party, lie: (report: KeygenReport) => KeygenReport): void =>
      world.wire.tamper(liar.peerKey, async (asked, _request, answer) => {
        const sealed = await answer()
        if (asked !== CHANNELS.keygenStart) return sealed
        return resealed(liar, MESSAGE_KIND.keygenResult, sealed, body => {
          const { attemptId, report } = decodeKeygenReport(body)
          return encodeKeygenReport(attemptId, lie(report))
        })
      })

    it('is finished by all although some answer one member nothing at all', async () => {
      eachLiar(liar =>
        world.wire.tamper(liar.peerKey, (_asked, _request, answer, from) =>
          isVictim(from) ? no() : answer(),
        ),
      )
      await expectAll()
    })

    it('excludes a dealer whose proof of knowledge is false', async () => {
      eachLiar(liar =>
        world.wire.tamper(liar.peerKey, async (asked, _request, answer) => {
          const sealed = await answer()
          if (asked !== CHANNELS.keygenCommitment) return sealed
          return resealed(liar, MESSAGE_KIND.keygenCommitment, sealed, body => flipped(body, 1))
        }),
      )
      await expectExcluded('BAD_PROOF', true)
    })

    it('excludes who accuses another one without a proof, and keeps the accusation as proof', async () => {
      const commitment = Uint8Array.of(1, 2, 3)
      eachLiar(liar =>
        alwaysReport(liar, () => ({
          kind: 'blame',
          blame: { fault: 'BAD_PROOF', slot: VICTIM, commitment },
        })),
      )
      await expectExcluded('FALSE_COMPLAINT', true)
    })

    for (const channel of MEMBER_CHANNELS) {
      it(`is finished by all although some do not answer one member at ${channel}`, async () => {
        eachLiar(liar =>
          world.wire.tamper(liar.peerKey, (asked, _request, answer, from) =>
            asked === channel && isVictim(from) ? no() : answer(),
          ),
        )
        await expectAll()
      })
    }

    it('is finished by all although some give one member the share of another', async () => {
      eachLiar(liar => {
        let ofAnother: Uint8Array | undefined
        world.wire.tamper(liar.peerKey, async (asked, _request, answer, from) => {
          if (asked !== CHANNELS.keygenShare) return answer()
          if (isVictim(from)) return ofAnother ?? no()
          ofAnother = await answer()
          return ofAnother
        })
      })
      await expectAll()
    })

    it('is finished by all although what is brought to one member gets lost once', async () => {
      eachLiar(liar =>
        world.wire.tamper(liar.peerKey, (_asked, _request, answer, from) =>
          isVictim(from) ? no() : answer(),
        ),
      )
      let lost = 0
      world.wire.tamper(party(VICTIM).peerKey, (asked, _request, answer) =>
        asked === CHANNELS.keygenHandOver && lost++ === 0 ? no() : answer(),
      )
      await expectAll()
      expect(lost).to.be.above(1)
    })

    it('excludes who never takes what is brought to it', async () => {
      eachLiar(liar => {
        world.wire.tamper(liar.peerKey, async (asked, _request, answer) => {
          if (asked === CHANNELS.keygenHandOver) return no()
          const sealed = await answer()
          if (asked !== CHANNELS.keygenStart) return sealed
          return resealed(liar, MESSAGE_KIND.keygenResult, sealed, body =>
            encodeKeygenReport(decodeKeygenReport(body).attemptId, {
              ...{ kind: 'waiting', stage: 'vote', missing: [VICTIM] },
            }),
          )
        })
      })
      await expectExcluded('SILENT', false)
    })

    it('names who made time run out, not those that waited for it', async () => {
      const { patienceMs, marginMs, fetchMs } = waitsOf(timeoutMs)
      eachLiar(liar =>
        world.wire.tamper(liar.peerKey, async (asked, _request, answer, from) => {
          if (from !== at(world.cast.aggregators, 0).peerKey) return answer()
          if (asked !== CHANNELS.keygenStart) {
            await world.clock.sleep(fetchMs - 2)
            return answer()
          }
          const [sealed] = await Promise.all([answer(), world.clock.sleep(patienceMs + marginMs - 2)])
          return resealed(liar, MESSAGE_KIND.keygenResult, sealed, body =>
            encodeKeygenReport(decodeKeygenReport(body).attemptId, {
              ...{ kind: 'waiting', stage: 'finishing', missing: [] },
            }),
          )
        }),
      )
      await expectExcluded('SILENT', false)
    })

    it('excludes who withholds a share from one member and from the caller', async () => {
      eachLiar(liar =>
        world.wire.tamper(liar.peerKey, (asked, _request, answer, from) =>
          (asked === CHANNELS.keygenShare && isVictim(from)) || asked === CHANNELS.keygenReveal
            ? no()
            : answer(),
        ),
      )
      await expectExcluded('SILENT', false)
    })

    it('excludes who publishes a bad share', async () => {
      eachLiar(liar =>
        world.wire.tamper(liar.peerKey, async (asked, _request, answer, from) => {
          if (asked === CHANNELS.keygenShare && isVictim(from)) return no()
          const sealed = await answer()
          if (asked !== CHANNELS.keygenReveal) return sealed
          return resealed(liar, MESSAGE_KIND.keygenShare, sealed, body => flipped(body, 1))
        }),
      )
      await expectExcluded('BAD_SHARE', true)
    })

    it('excludes a dealer whose commitments are of another degree', async () => {
      eachLiar((liar, slot) => {
        const other = new Dealer(anAttempt(everybody, q - 1), `0x${'00'.repeat(32)}`, slot).own
        world.wire.tamper(liar.peerKey, async (asked, _request, answer) => {
          const sealed = await answer()
          if (asked !== CHANNELS.keygenCommitment) return sealed
          return resealed(liar, MESSAGE_KIND.keygenCommitment, sealed, body =>
            encodeDealerCommitment(decodeDealerCommitment(body).attemptId, other),
          )
        })
      })
      await expectExcluded('BAD_COMMITMENT', true)
    })

    it('excludes who votes for a transcript that it did not hear, to one member alone', async () => {
      eachLiar(liar =>
        world.wire.tamper(liar.peerKey, async (asked, _request, answer, from) => {
          const sealed = await answer()
          if (asked !== CHANNELS.keygenVote || !isVictim(from)) return sealed
          return resealed(liar, MESSAGE_KIND.keygenTranscript, sealed, body => flipped(body, 1))
        }),
      )
      await expectExcluded('BAD_VOTE', true)
    })

    for (const stage of ['commitment', 'vote', 'share'] as const) {
      it(`excludes who goes on complaining of a missing ${stage} that was brought to it`, async () => {
        eachLiar(liar => alwaysReport(liar, () => ({ kind: 'waiting', stage, missing: [VICTIM] })))
        await expectExcluded('FALSE_COMPLAINT', false)
      })
    }

    it('excludes who says falsely that another one voted otherwise', async () => {
      eachLiar((liar, slot) =>
        world.wire.tamper(liar.peerKey, async (asked, _request, answer) => {
          const sealed = await answer()
          if (asked !== CHANNELS.keygenStart) return sealed
          return resealed(liar, MESSAGE_KIND.keygenResult, sealed, body => {
            const { attemptId } = decodeKeygenReport(body)
            const vote = encodeTranscriptVote(attemptId, attemptId)
            return encodeKeygenReport(attemptId, { kind: 'differs', slot: slot - 1, vote })
          })
        }),
      )
      await expectExcluded('FALSE_COMPLAINT', false)
    })

    for (const [how, silence] of [
      ['says nothing at all', () => new Promise<never>(() => {})],
      ['only ever says “not yet”', no],
      ['answers the caller nothing', undefined],
    ] as const) {
      it(`goes on without a member that ${how}`, async () => {
        eachLiar(liar =>
          world.wire.tamper(liar.peerKey, (asked, _request, answer) =>
            silence === undefined ? (asked === CHANNELS.keygenStart ? no() : answer()) : silence(),
          ),
        )
        await expectExcluded('SILENT', false)
      })
    }

    it('goes on without a member that does not sign the installation', async () => {
      world.wire.tamper(party(VICTIM).peerKey, (asked, _request, answer) =>
        asked === CHANNELS.keygenInstall ? no() : answer(),
      )
      expect((await world.untilInstalled()).participants).to.deep.equal(everybody.slice(1))
      expect(world.counted).to.deep.equal([{ slot: VICTIM, fault: 'SILENT' }])
    })

    it('goes on without a member whose share of the installation is false', async () => {
      world.wire.tamper(party(VICTIM).peerKey, async (asked, _request, answer) => {
        const share = await answer()
        return asked === CHANNELS.keygenInstall ? flipped(share, 1) : share
      })
      expect((await world.untilInstalled()).participants).to.deep.equal(everybody.slice(1))
      expect(world.counted).to.deep.equal([{ slot: VICTIM, fault: 'BAD_SIGNATURE' }])
    })
  })
}
