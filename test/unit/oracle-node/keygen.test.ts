import { expect } from 'chai'
import { type Installation, KeygenCoordinator } from '../../../aggregator/keygen/coordinator.ts'
import { KeygenCeremony } from '../../../oracle-node/keygen/ceremony.ts'
import type { GeneratedKey } from '../../../oracle-node/keygen/dealer.ts'
import { verifyQuorumSignatures } from '../../../protocol/certificate.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import { verifyGroupSignature } from '../../../protocol/frost.ts'
import {
  decodeKeygenResult,
  decodeKeyShare,
  encodeKeygenResult,
  encodeKeygenStart,
  encodeKeyShare,
  installationDigest,
} from '../../../protocol/keygen.ts'
import { MESSAGE_KIND, openMessage, sealMessage } from '../../../protocol/message.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { at, castOf, crypto, DOMAIN, type Party, registryView } from '../../support/network/cast.ts'
import { dealKey } from '../../support/network/dealt-keys.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { Wire } from '../../support/network/wire.ts'

const running = new AbortController().signal

const cast = castOf(4, 1)
const membership = registryView(cast)
/** Far above what an attempt takes; tests in which it runs out make it shorter. */
const TIMEOUT_MS = 6_000

describe('a key generation', () => {
  let wire: Wire
  let ceremonies: KeygenCeremony[]
  let saved: Map<number, GeneratedKey>
  let installed: Installation[]
  let logger: ReturnType<typeof recordLogger>
  let coordinator: KeygenCoordinator
  let timeoutMs: number

  beforeEach(async () => {
    wire = new Wire()
    timeoutMs = TIMEOUT_MS
    saved = new Map()
    installed = []
    logger = recordLogger()
    ceremonies = cast.members.map(
      (party, slot) =>
        new KeygenCeremony(
          {
            domain: DOMAIN,
            slot,
            get timeoutMs() {
              return timeoutMs
            },
          },
          {
            clock: systemClock,
            logger,
            crypto,
            network: wire.peer(party.peerKey),
            membership: () => membership,
            sign: party.sign,
            save: async (_keyEpoch, key) => {
              saved.set(slot, key)
            },
          },
        ),
    )
    for (const ceremony of ceremonies) {
      ceremony.register()
      await ceremony.start()
    }
    const aggregator = at(cast.aggregators, 0)
    coordinator = new KeygenCoordinator(
      {
        domain: DOMAIN,
        index: 0,
        get timeoutMs() {
          return timeoutMs
        },
      },
      {
        clock: systemClock,
        logger,
        crypto,
        network: {
          ...wire.peer(aggregator.peerKey),
          connected: () => cast.members.map(({ peerKey }) => peerKey),
        },
        sign: aggregator.sign,
        refresh: async () => membership,
        install: async installation => {
          installed.push(installation)
        },
      },
    )
  })
  afterEach(() => Promise.all(ceremonies.map(ceremony => ceremony.stop())))

  const member = (slot: number): Party => at(cast.members, slot)
  const outcome = (): Promise<unknown> =>
    coordinator.attend(membership, running).catch((error: unknown) => error)
  /** What the members that failed say was the matter. */
  const failures = (): unknown[] =>
    logger.lines
      .filter(line => line.sentence === 'key generation failed')
      .map(({ fields }) => fields['error'])
      .map(error =>
        error instanceof Error && 'code' in error && 'slot' in error ? [error.code, error.slot] : error,
      )
  const callFrom = (aggregator: Party, attempt: number): Uint8Array =>
    sealMessage(
      DOMAIN,
      MESSAGE_KIND.keygenStart,
      1,
      encodeKeygenStart({ attempt, participants: [0, 1, 2, 3], registryVersion: 1 }),
      aggregator.sign,
    )

  it('gives everybody a share before anybody consents to the installation', async () => {
    await coordinator.attend(membership, running)
    const [installation] = installed
    if (installation === undefined) throw new Error('nothing was installed')
    expect([...saved.keys()].sort()).to.deep.equal([0, 1, 2, 3])
    expect(new Set([...saved.values()].map(({ px }) => px))).to.deep.equal(new Set([installation.px]))
    const digest = installationDigest(DOMAIN, installation)
    expect(verifyGroupSignature(installation.px, digest, installation.signature)).to.equal(true)
    expect(verifyQuorumSignatures(membership, digest, installation.consents, crypto)).to.equal(true)
  })

  it('names the dealer of a bad share, and installs nothing', async () => {
    wire.tamper(member(2).peerKey, async (protocol, _request, answer) => {
      const sealed = await answer()
      if (protocol !== CHANNELS.keygenShare) return sealed
      const { attemptId, share } = decodeKeyShare(
        openMessage(DOMAIN, MESSAGE_KIND.keygenShare, sealed, crypto).body,
      )
      const bad = Uint8Array.from(share)
      bad[31] = (bad[31] ?? 0) ^ 1
      return sealMessage(DOMAIN, MESSAGE_KIND.keygenShare, 1, encodeKeyShare(attemptId, bad), member(2).sign)
    })
    expect(await outcome()).to.be.an('error')
    expect(failures()).to.deep.include(['BAD_SHARE', 2])
    expect(installed).to.deep.equal([])
  })

  it('ends by its time limit when a member says nothing', async () => {
    timeoutMs = 300
    wire.tamper(member(3).peerKey, () => Promise.reject(new Error('silence')))
    expect(await outcome()).to.be.an('error')
    expect([...saved.keys()]).to.deep.equal([])
    expect(installed).to.deep.equal([])
  })

  it('takes no message that another member sealed', async () => {
    timeoutMs = 600
    wire.tamper(member(3).peerKey, async (_protocol, _request, answer) => {
      const sealed = await answer()
      return Uint8Array.from([...sealed.subarray(0, -64), ...member(2).sign(sealed.subarray(0, 32))])
    })
    expect(await outcome()).to.be.an('error')
    expect(installed).to.deep.equal([])
  })

  it('is installed although a member answers first with a transcript of its own', async () => {
    const other = at(dealKey([0, 1, 2, 3], 3).keys, 0).transcript
    wire.tamper(member(0).peerKey, async (protocol, _request, answer) => {
      const sealed = await answer()
      if (protocol !== CHANNELS.keygenStart) return sealed
      const { body } = openMessage(DOMAIN, MESSAGE_KIND.keygenResult, sealed, crypto)
      const result = { ...decodeKeygenResult(body), transcript: other }
      return sealMessage(DOMAIN, MESSAGE_KIND.keygenResult, 1, encodeKeygenResult(result), member(0).sign)
    })
    await coordinator.attend(membership, running)
    expect(installed).to.have.length(1)
  })

  it('is not begun by strangers, nor by a call that somebody else sends again', async () => {
    const aggregator = at(cast.aggregators, 0)
    const ask = (from: Party, call: Uint8Array): Promise<unknown> =>
      wire
        .peer(from.peerKey)
        .request(member(0).peerKey, CHANNELS.keygenStart, call, { timeoutMs: 1_000, maxReplyBytes: 10_000 })
        .catch((error: unknown) => error)
    const call = callFrom(aggregator, Date.now())
    expect(await ask(member(1), callFrom(member(1), Date.now()))).to.include({ code: 'REFUSED' })
    expect(await ask(member(1), call)).to.include({ code: 'REFUSED' })
    expect(logger.lines.filter(line => line.sentence === 'key generation started')).to.deep.equal([])
  })

  it('cannot be shut out for good by a call that is numbered far ahead', async () => {
    const aggregator = at(cast.aggregators, 0)
    const answer = await wire
      .peer(aggregator.peerKey)
      .request(member(0).peerKey, CHANNELS.keygenStart, callFrom(aggregator, 2 ** 47), {
        timeoutMs: 1_000,
        maxReplyBytes: 10_000,
      })
      .catch((error: unknown) => error)
    expect(answer).to.include({ code: 'REFUSED' })
    await coordinator.attend(membership, running)
    expect(installed).to.have.length(1)
  })

  it('is given up at once when the node stops', async () => {
    wire.tamper(member(3).peerKey, () => Promise.reject(new Error('silence')))
    const attempt = outcome()
    await Promise.all(ceremonies.map(ceremony => ceremony.stop()))
    expect(await attempt).to.be.an('error')
  })

  it('is not called while fewer than a quorum are connected', async () => {
    const lonely = new KeygenCoordinator(
      { domain: DOMAIN, index: 0, timeoutMs: TIMEOUT_MS },
      {
        clock: systemClock,
        logger,
        crypto,
        network: {
          ...wire.peer(at(cast.aggregators, 0).peerKey),
          connected: () => [member(0).peerKey, member(1).peerKey],
        },
        sign: at(cast.aggregators, 0).sign,
        refresh: async () => membership,
        install: async () => {},
      },
    )
    await lonely.attend(membership, running)
    expect(logger.lines.filter(line => line.sentence === 'calling a key generation')).to.deep.equal([])
  })
})
