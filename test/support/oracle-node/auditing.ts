/** A relayer and one auditing node on a wire, over the chain that a case of `world.ts` describes. */
import type { SettlementReader } from '../../../chain/settlement/types.ts'
import { type Auditing, createAuditing } from '../../../oracle-node/auditing/auditing.ts'
import type { DoubtReason } from '../../../oracle-node/auditing/stage-watch.ts'
import { decodeQuery } from '../../../protocol/beacon/messages.ts'
import type { Hash } from '../../../protocol/bytes.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import type { BlockView, ChainView } from '../../../protocol/epoch/audit-types.ts'
import type { EpochBundle } from '../../../protocol/epoch/bundle.ts'
import { encodeBundle, hashOfStream } from '../../../protocol/epoch/bundle-writer.ts'
import {
  type AuditVerdict,
  decodeEpochShare,
  decodeVerdict,
  type EpochSignRequest,
  encodeEpochSign,
  encodeWindowSeal,
  type WindowSeal,
} from '../../../protocol/epoch/messages.ts'
import { type EpochReport, encodeEpochReport } from '../../../protocol/epoch/report.ts'
import type { WindowTerms } from '../../../protocol/epoch/windows.ts'
import { NO_BALANCE } from '../../../protocol/epoch/withdrawals.ts'
import { transcriptHashOf } from '../../../protocol/keygen/transcript.ts'
import { type Membership, memberBySlot, type PeerKey } from '../../../protocol/membership.ts'
import { MESSAGE_KIND, sealMessage } from '../../../protocol/message.ts'
import { bytesBlob, serveBlobs } from '../../../runtime/p2p/blobs.ts'
import type { PeerNetwork, Verdict } from '../../../runtime/p2p/peer-network.ts'
import { addressOf, hash, signAs, network as world } from '../epoch/cast.ts'
import { type Case, LENGTH_SEC, START_SEC, TERMS } from '../epoch/world.ts'
import { crypto } from '../network/cast.ts'
import { type LogLine, recordLogger } from '../network/record-logger.ts'
import { Wire, type WirePeer } from '../network/wire.ts'
import { dealBeacon, proofBytes, secretOf } from '../protocol/beacon-key.ts'
import { type MadeKey, makeKey, publicOf, secretShareOf } from '../protocol/group-key.ts'
import { DOMAIN, FEED_ID, KEY_EPOCH } from '../protocol/network.ts'
import { FakeClock } from '../runtime/fake-clock.ts'

export const SIZE = 64
export const SLOT_SEC = 20
export const WINDOWS: WindowTerms = {
  clock: { startSec: START_SEC, lengthSec: LENGTH_SEC },
  slotSec: SLOT_SEC,
  every: 1,
  graceSec: 5,
}

export const RELAYER: PeerKey = hash('peer of relayer')
export const STRANGER: PeerKey = hash('peer of nobody')
export const NODE: PeerKey = hash('peer of the node')

function peerOf(slot: number): PeerKey {
  return memberBySlot(world.membership, slot)?.peerKey ?? hash('nobody')
}

/** The registry of `world.ts`, with the relayer whose name its promises carry. */
export function membershipOfWorld(px = 1n): Membership {
  const { membership } = world
  const groupKey = membership.groupKey
  if (groupKey === undefined) throw new Error('the world has a group key')
  return {
    ...membership,
    groupKey: { ...groupKey, px },
    relayers: [{ index: 0, identity: addressOf('relayer'), peerKey: RELAYER }],
  }
}

/** The chain of a case; what a test needs otherwise it changes. */
export class FakeChain {
  view: ChainView
  /** Time of the newest block, which is final. */
  nowSec: number
  finalNumber = 1_000
  readonly settledEpochs = new Map<number, EpochReport>()
  /** Stand-ins. */
  readonly emptiedEpochs = new Map<number, EpochReport>()
  staged: EpochReport | undefined
  readonly #listeners: (() => void)[] = []

  constructor({ chain }: Case) {
    this.view = chain
    this.nowSec = chain.nowSec
  }

  /** The next epoch is the one of this case. */
  become({ chain }: Case): void {
    this.view = chain
    this.nowSec = chain.nowSec
    for (const listener of this.#listeners) listener()
  }

  get reader(): SettlementReader {
    const block = (number: number): BlockView => ({
      number,
      hash: hash(`block ${number}`),
      timestampSec: this.nowSec,
      finalised: number <= this.finalNumber,
    })
    const reader: Partial<SettlementReader> = {
      clock: WINDOWS.clock,
      terms: TERMS,
      longestHoldEpochs: 24,
      refresh: async () => {},
      head: () => ({ latest: block(this.finalNumber), final: block(this.finalNumber) }),
      settlement: () => ({
        nextEpoch: this.view.nextEpoch,
        nextAttempt: this.view.nextAttempt,
        owedFrom: this.view.owedFrom,
        reserve: this.view.reserve,
        previous: this.view.previous,
        staged: this.staged,
      }),
      blockAt: async number => (number === this.view.snapshot?.number ? this.view.snapshot : block(number)),
      epochFacts: async epoch => ({
        epoch,
        snapshot: this.view.snapshot ?? block(0),
        burned: this.view.burned,
        parameters: this.view.parameters,
        balances: this.view.deposits.map(({ payer, io, iosd }) => ({
          payer,
          io: { ...NO_BALANCE, deposited: io },
          iosd: { ...NO_BALANCE, deposited: iosd },
        })),
        deposits: this.view.deposits,
      }),
      isWorker: address => this.view.isWorker(address),
      workerOfDevice: device => this.devices.get(device),
      modelAt: (id, version) => this.view.modelOf(id, version),
      groupKeyOf: keyEpoch =>
        keyEpoch === KEY_EPOCH
          ? {
              px: 1n,
              transcriptHash: transcriptHashOf(beaconKey.transcript),
              participants: [0, 1, 2, 3],
              memberSet: 1,
              members: world.membership.members,
            }
          : undefined,
      keyEpochAt: () => KEY_EPOCH,
      findSettled: async epoch => {
        const amounts = { reserveBefore: 0n, reserveAfter: 0n, scheduled: 0n, net: 0n, released: 0n }
        const close = { ...amounts, txHash: hash('tx'), blockNumber: 1, timestampSec: this.nowSec }
        const emptied = this.emptiedEpochs.get(epoch)
        const report = emptied ?? this.settledEpochs.get(epoch)
        return report === undefined
          ? undefined
          : { ...close, report, added: 0n, emptied: emptied !== undefined }
      },
      onSettled: listener => {
        this.#listeners.push(() => listener({} as never))
      },
      account: async payer => {
        const line = this.view.deposits.find(item => item.payer === payer)
        const asset = (deposited = 0n) => ({ deposited, withdrawn: 0n, requested: 0n })
        return { io: asset(line?.io), iosd: asset(line?.iosd) }
      },
    }
    return reader as SettlementReader
  }

  readonly devices = new Map<Hash, `0x${string}`>()
}

/** Gossip that goes nowhere: what was published, and how a message would be judged. */
class Topics {
  readonly published: Uint8Array[] = []
  /** Partials of beacons, apart from all else that was published. */
  readonly partials: Uint8Array[] = []
  readonly #topics = new Map<
    string,
    { validate: Validate; receive: (data: Uint8Array, from: PeerKey) => void }
  >()

  readonly network: Pick<PeerNetwork, 'subscribe' | 'publish'> = {
    subscribe: (topic, _maxBytes, validate, receive) => {
      this.#topics.set(topic.split('/').at(-2) ?? '', { validate, receive })
    },
    publish: async (topic, data) => {
      const list = topic.split('/').at(-2) === 'beacons' ? this.partials : this.published
      list.push(data)
    },
  }

  hear(topic: string, data: Uint8Array): Verdict {
    const found = this.#topics.get(topic)
    if (found === undefined) throw new RangeError(`nobody listens to ${topic}`)
    const verdict = found.validate(data, RELAYER)
    if (verdict === 'accept') found.receive(data, RELAYER)
    return verdict
  }
}

type Validate = (data: Uint8Array, from: PeerKey) => Verdict

export interface AuditingNode {
  readonly auditing: Auditing
  readonly chain: FakeChain
  readonly clock: FakeClock
  readonly wire: Wire
  readonly topics: Topics
  readonly outcomes: string[]
  readonly doubts: readonly (DoubtReason | undefined)[]
  readonly logs: readonly LogLine[]
  readonly key: MadeKey
  /** Slots of the others that make partials: all, until a test changes it. */
  readonly membersUp: Set<number>
  /** What the relayer serves by hash. */
  readonly blobs: Map<Hash, Uint8Array>
  membership: Membership
  offer(report: EpochReport, from?: WirePeer): Promise<Uint8Array>
  audit(report: EpochReport, from?: WirePeer): Promise<AuditVerdict>
  /** By the chain, and by the node's clock, which never go back. */
  goTo(sec: number): void
  share(request: EpochSignRequest): Promise<Uint8Array | undefined>
  readonly relayer: WirePeer
  readonly stranger: WirePeer
  stop(): Promise<void>
}

export const key = makeKey([0, 1, 2, 3], 3, 'auditing')
export const beaconKey = dealBeacon([0, 1, 2, 3], 3, 'auditing')
/** The others: they make their part of whatever they are asked for. */
const OTHERS = [1, 2, 3]

/** Member 0, in a folder of its own. */
export async function startAuditing(
  given: Case,
  dataDir: string,
  options: { readonly nowSec?: number } = {},
): Promise<AuditingNode> {
  const wire = new Wire()
  const topics = new Topics()
  const chain = new FakeChain(given)
  chain.nowSec = options.nowSec ?? chain.nowSec
  const clock = new FakeClock(chain.nowSec * 1_000)
  const logger = recordLogger()
  const outcomes: string[] = []
  const doubts: (DoubtReason | undefined)[] = []
  const blobs = new Map<Hash, Uint8Array>()
  const relayer = wire.peer(RELAYER)
  const stranger = wire.peer(STRANGER)
  serveBlobs(relayer, CHANNELS.blob, name => {
    const bytes = blobs.get(name)
    return bytes === undefined ? undefined : bytesBlob(bytes)
  })
  const membersUp = new Set(OTHERS)
  for (const slot of OTHERS)
    wire
      .peer(peerOf(slot))
      .handle(
        CHANNELS.beacon,
        { maxRequestBytes: 64, maxInFlightPerPeer: 1, timeoutMs: 1_000 },
        async body => {
          if (!membersUp.has(slot)) throw new Error('this member is down')
          return proofBytes(beaconKey, KEY_EPOCH, decodeQuery(body), [slot])
        },
      )
  const auditing = createAuditing(
    {
      domain: DOMAIN,
      feedId: FEED_ID,
      slot: 0,
      identity: world.identityOf(0),
      dataDir,
      windows: WINDOWS,
      challengeSize: SIZE,
    },
    {
      ...{ clock, logger, crypto },
      chain: chain.reader,
      network: { ...wire.peer(NODE), ...topics.network },
      membership: () => node.membership,
      readMembership: async () => node.membership,
      sign: world.signerOf(0),
      key: keyEpoch =>
        keyEpoch === KEY_EPOCH
          ? {
              ...{ secret: secretShareOf(key, 0), public: publicOf(key, 0) },
              beacon: { secret: secretOf(beaconKey, 0), public: beaconKey.public },
              transcript: beaconKey.transcript,
            }
          : undefined,
      count: outcome => outcomes.push(outcome),
      countWithheld: () => outcomes.push('withheld'),
      doubted: why => doubts.push(why),
    },
  )
  const ask = (from: WirePeer, channel: string, body: Uint8Array) =>
    from.request(NODE, channel, body, { timeoutMs: 10_000, maxReplyBytes: 2 ** 20 })
  const node: AuditingNode = {
    ...{ auditing, chain, clock, wire, topics, outcomes, doubts, key, blobs, relayer, stranger, membersUp },
    logs: logger.lines,
    membership: membershipOfWorld(),
    offer: (report, from = relayer) => ask(from, CHANNELS.epochOffer, encodeEpochReport(report)),
    audit: async (report, from = relayer) =>
      decodeVerdict(await ask(from, CHANNELS.epochAudit, encodeEpochReport(report))),
    goTo: sec => {
      chain.nowSec = sec
      clock.busy(sec * 1_000 - clock.now())
    },
    share: async request =>
      decodeEpochShare(await ask(relayer, CHANNELS.epochSign, encodeEpochSign(request))),
    stop: () => auditing.stop(),
  }
  await auditing.start(new AbortController().signal)
  return node
}

/** As a relayer gossips it. */
export function sealWindow(seal: WindowSeal, signer = 'relayer', repeat = 0): Uint8Array {
  return sealMessage(DOMAIN, MESSAGE_KIND.windowSeal, KEY_EPOCH, encodeWindowSeal(seal, repeat), digest =>
    signAs(signer, digest),
  )
}

/** Until what a message began has been done. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise(resolve => setImmediate(resolve))
}

/** Puts a bundle where the relayer serves it, and gives the report that names it. */
export function serve(node: AuditingNode, bundle: EpochBundle, report: EpochReport): EpochReport {
  const bytes = Buffer.concat([...encodeBundle(bundle)])
  const bundleHash = hashOfStream([bytes])
  node.blobs.set(bundleHash, bytes)
  return { ...report, bundleHash }
}
