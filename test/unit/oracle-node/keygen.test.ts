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
  type KeygenResult,
} from '../../../protocol/keygen.ts'
import type { Membership } from '../../../protocol/membership.ts'
import { MESSAGE_KIND, openMessage, sealMessage } from '../../../protocol/message.ts'
import { type Clock, systemClock } from '../../../runtime/clock.ts'
import type { RequestOptions } from '../../../runtime/p2p/peer-network.ts'
import { at, castOf, crypto, DOMAIN, type Party, registryView } from '../../support/network/cast.ts'
import { dealKey } from '../../support/network/dealt-keys.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { waitFor } from '../../support/network/wait.ts'
import { type Tamper, Wire } from '../../support/network/wire.ts'

const running = new AbortController().signal

const cast = castOf(4, 2)
const membership = registryView(cast)
/** Far above what an attempt takes; tests in which it runs out make it shorter. */
const TIMEOUT_MS = 6_000
/** Turns of both aggregators, for this timeout and for every divisor of it. */
const ALL_TURNS_MS = 2 * 3 * TIMEOUT_MS

describe('a key generation', () => {
  let wire: Wire
  let ceremonies: KeygenCeremony[]
  let saved: Map<number, GeneratedKey>
  let installed: Installation[]
  let logger: ReturnType<typeof recordLogger>
  let coordinator: KeygenCoordinator
  let timeoutMs: number
  /** What the chain says, ahead of what is final. */
  let latest: Membership
  let connected: readonly Party[]
  let clock: Clock
  /** Moves the wall and the monotonic time on, without waiting. */
  let skippedMs: number
  let asked: { readonly by: number; readonly to: string; readonly channel: string; signal?: AbortSignal }[]

  beforeEach(async () => {
    wire = new Wire()
    timeoutMs = TIMEOUT_MS
    saved = new Map()
    installed = []
    latest = membership
    connected = cast.members
    skippedMs = 0
    asked = []
    logger = recordLogger()
    // Every test begins with the turn of aggregator 0.
    const offsetMs = systemClock.now() % ALL_TURNS_MS
    clock = {
      ...systemClock,
      now: () => systemClock.now() - offsetMs + skippedMs,
      monotonic: () => systemClock.monotonic() + skippedMs,
    }
    ceremonies = cast.members.map((party, slot) => {
      const peer = wire.peer(party.peerKey)
      return new KeygenCeremony(
        {
          domain: DOMAIN,
          slot,
          get timeoutMs() {
            return timeoutMs
          },
        },
        {
          clock,
          logger,
          crypto,
          network: {
            handle: peer.handle,
            request: (to, channel, request, options: RequestOptions) => {
              const { signal } = options
              asked.push({ by: slot, to, channel, ...(signal === undefined ? {} : { signal }) })
              return peer.request(to, channel, request, options)
            },
          },
          membership: () => membership,
          sign: party.sign,
          save: async (_keyEpoch, key) => {
            saved.set(slot, key)
          },
        },
      )
    })
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
        clock,
        logger,
        crypto,
        network: {
          ...wire.peer(aggregator.peerKey),
          connected: () => connected.map(({ peerKey }) => peerKey),
        },
        sign: aggregator.sign,
        readLatest: async () => latest,
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
  /** Attempts as the service's loop makes them, until one leads to a key. */
  const untilInstalled = async (): Promise<Installation> => {
    const giveUpAt = performance.now() + 9_000
    while (installed.length === 0 && performance.now() < giveUpAt) {
      await outcome()
      await systemClock.sleep(5)
    }
    return at(installed, 0)
  }
  const started = (): readonly unknown[] =>
    logger.lines.filter(line => line.sentence === 'key generation started')
  const calls = (): readonly unknown[] =>
    logger.lines.filter(line => line.sentence === 'calling a key generation')
  /** Changes what a member says when it has finished. */
  const tamperResult =
    (slot: number, change: (result: KeygenResult) => KeygenResult): Tamper =>
    async (protocol, _request, answer) => {
      const sealed = await answer()
      if (protocol !== CHANNELS.keygenStart) return sealed
      const { body } = openMessage(DOMAIN, MESSAGE_KIND.keygenResult, sealed, crypto)
      const result = change(decodeKeygenResult(body))
      return sealMessage(DOMAIN, MESSAGE_KIND.keygenResult, 1, encodeKeygenResult(result), member(slot).sign)
    }
  const call = (from: Party, slot: number, sealed: Uint8Array): Promise<unknown> =>
    wire
      .peer(from.peerKey)
      .request(member(slot).peerKey, CHANNELS.keygenStart, sealed, {
        timeoutMs: 1_000,
        maxReplyBytes: 10_000,
      })
      .catch((error: unknown) => error)
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
    wire.tamper(
      member(0).peerKey,
      tamperResult(0, result => ({ ...result, transcript: other })),
    )
    await coordinator.attend(membership, running)
    expect(installed).to.have.length(1)
  })

  it('is not begun by strangers, nor by a call that somebody else sends again', async () => {
    const sealed = callFrom(at(cast.aggregators, 0), clock.now())
    expect(await call(member(1), 0, callFrom(member(1), clock.now()))).to.include({ code: 'REFUSED' })
    expect(await call(member(1), 0, sealed)).to.include({ code: 'REFUSED' })
    expect(started()).to.deep.equal([])
  })

  it('cannot be shut out for good by a call that is numbered far ahead', async () => {
    const aggregator = at(cast.aggregators, 0)
    expect(await call(aggregator, 0, callFrom(aggregator, 2 ** 47))).to.include({ code: 'REFUSED' })
    await coordinator.attend(membership, running)
    expect(installed).to.have.length(1)
  })

  it('is not shut out by another aggregator that numbers its calls ahead', async () => {
    timeoutMs = 300
    const other = at(cast.aggregators, 1)
    const sealed = callFrom(other, clock.now() + 50_000)
    const begun = Promise.all([0, 1, 2, 3].map(slot => call(other, slot, sealed)))
    await begun
    await waitFor('the attempt to be over', () => asked.length > 0)
    timeoutMs = TIMEOUT_MS
    skippedMs = timeoutMs
    expect((await untilInstalled()).participants).to.deep.equal([0, 1, 2, 3])
  })

  it('goes on without a member that says nothing at all', async () => {
    timeoutMs = 500
    wire.tamper(member(3).peerKey, () => new Promise(() => {}))
    expect((await untilInstalled()).participants).to.deep.equal([0, 1, 2])
    expect(calls()).to.have.length(2)
  })

  it('goes on without a member that only ever says "not yet"', async () => {
    timeoutMs = 500
    wire.tamper(member(2).peerKey, () => Promise.reject(new Error('not yet')))
    expect((await untilInstalled()).participants).to.deep.equal([0, 1, 3])
  })

  it('goes on without a member that consents and then does not sign the installation', async () => {
    wire.tamper(member(0).peerKey, (protocol, _request, answer) =>
      protocol === CHANNELS.keygenInstall ? Promise.reject(new Error('no')) : answer(),
    )
    expect((await untilInstalled()).participants).to.deep.equal([1, 2, 3])
    expect(calls()).to.have.length(2)
  })

  it('goes on without a member whose share of the installation is false', async () => {
    wire.tamper(member(1).peerKey, async (protocol, _request, answer) => {
      const share = Uint8Array.from(await answer())
      if (protocol === CHANNELS.keygenInstall) share[31] = (share[31] ?? 0) ^ 1
      return share
    })
    expect((await untilInstalled()).participants).to.deep.equal([0, 2, 3])
    expect(calls()).to.have.length(2)
  })

  it('is installed at once although one member shows nonces that are no points', async () => {
    const junk = new Uint8Array(33).fill(5)
    for (const nonce of [
      { hiding: junk, binding: new Uint8Array(33) },
      { hiding: new Uint8Array(33), binding: junk },
    ]) {
      installed = []
      wire.tamper(
        member(1).peerKey,
        tamperResult(1, result => ({ ...result, nonce: { ...result.nonce, ...nonce } })),
      )
      await coordinator.attend(membership, running)
      expect(at(installed, 0).consents).to.have.length(3)
    }
  })

  it('is installed at once although one member consents to something else', async () => {
    wire.tamper(
      member(1).peerKey,
      tamperResult(1, result => ({ ...result, consent: member(1).sign(new Uint8Array(32)) })),
    )
    await coordinator.attend(membership, running)
    expect(at(installed, 0).consents).to.have.length(3)
  })

  it('is not broken off between its end and its installation, but in the other aggregator’s turn', async () => {
    const other = at(cast.aggregators, 1)
    const answers: unknown[] = []
    wire.tamper(member(0).peerKey, async (protocol, _request, answer) => {
      if (protocol === CHANNELS.keygenInstall) {
        answers.push(await call(other, 0, callFrom(other, clock.now())))
      }
      return answer()
    })
    await coordinator.attend(membership, running)
    expect(answers).to.have.length(1)
    expect(installed).to.have.length(1)

    timeoutMs = 300
    const startedBefore = started().length
    // The wall clock alone: the attempt is not over, but it is the other's turn.
    clock.now = () => ALL_TURNS_MS * 1_000 + 3 * timeoutMs
    await call(other, 0, callFrom(other, clock.now()))
    expect(logger.lines.filter(line => line.sentence === 'key generation started').length).to.be.greaterThan(
      startedBefore,
    )
  })

  it('stops asking everybody as soon as it has failed', async () => {
    wire.tamper(member(2).peerKey, (protocol, _request, answer) =>
      protocol === CHANNELS.keygenShare ? Promise.resolve(new Uint8Array(3)) : answer(),
    )
    wire.tamper(member(3).peerKey, (protocol, _request, answer) =>
      protocol === CHANNELS.keygenShare ? new Promise(() => {}) : answer(),
    )
    const attempt = outcome()
    const question = (): { signal?: AbortSignal } | undefined =>
      asked.find(
        ({ by, to, channel }) => by === 0 && to === member(3).peerKey && channel === CHANNELS.keygenShare,
      )
    await waitFor('the open question to be taken back', () => question()?.signal?.aborted, 3_000)
    await Promise.all(ceremonies.map(ceremony => ceremony.stop()))
    await attempt
  })

  it('is given up at once when the node stops', async () => {
    // Longer than this test may take.
    timeoutMs = 60_000
    wire.tamper(member(3).peerKey, () => Promise.reject(new Error('silence')))
    const attempt = outcome()
    await waitFor('the attempt to begin', () => started().length === 3)
    await Promise.all(ceremonies.map(ceremony => ceremony.stop()))
    expect(await attempt).to.be.an('error')
    const call0 = callFrom(at(cast.aggregators, 0), clock.now() + 1)
    expect(await call(at(cast.aggregators, 0), 0, call0)).to.include({ code: 'REFUSED' })
    expect(started()).to.have.length(3)
  })

  it('is given up at once when the aggregator stops', async () => {
    timeoutMs = 60_000
    const stopping = new AbortController()
    wire.tamper(member(3).peerKey, () => new Promise(() => {}))
    const attempt = coordinator.attend(membership, stopping.signal).catch((error: unknown) => error)
    await waitFor('the attempt to begin', () => asked.length > 0)
    stopping.abort()
    expect(await attempt).to.be.an('error')
    await Promise.all(ceremonies.map(ceremony => ceremony.stop()))
  })

  it('is called by an aggregator out of its turn only once in the time of an attempt', async () => {
    wire.tamper(member(3).peerKey, () => Promise.reject(new Error('not yet')))
    for (const ceremony of ceremonies) await ceremony.stop()
    skippedMs = 3 * TIMEOUT_MS
    await outcome()
    skippedMs += TIMEOUT_MS / 2
    await outcome()
    expect(calls()).to.have.length(1)
    skippedMs += TIMEOUT_MS / 2
    await outcome()
    expect(calls()).to.have.length(2)
  })

  it('is not called while fewer than a quorum are connected', async () => {
    connected = cast.members.slice(0, 2)
    await coordinator.attend(membership, running)
    expect(calls()).to.deep.equal([])
  })

  it('waits for members that are not connected as long as an attempt may take', async () => {
    connected = cast.members.slice(0, 3)
    await coordinator.attend(membership, running)
    skippedMs = TIMEOUT_MS - 1_000
    await coordinator.attend(membership, running)
    expect(calls()).to.deep.equal([])
    skippedMs = TIMEOUT_MS
    await coordinator.attend(membership, running)
    expect(at(installed, 0).participants).to.deep.equal([0, 1, 2])
  })

  it('is not called when the newest block has a key, or other members, that are not final yet', async () => {
    for (const ahead of [{ keyEpoch: 1 }, { registryVersion: 2 }]) {
      latest = registryView(cast, ahead)
      await coordinator.attend(membership, running)
    }
    expect(calls()).to.deep.equal([])
  })

  it('is not installed when the newest block has another key meanwhile', async () => {
    wire.tamper(member(0).peerKey, (protocol, _request, answer) => {
      if (protocol === CHANNELS.keygenInstall) latest = registryView(cast, { keyEpoch: 1 })
      return answer()
    })
    await coordinator.attend(membership, running)
    expect(saved.size).to.equal(4)
    expect(installed).to.deep.equal([])
  })
})
