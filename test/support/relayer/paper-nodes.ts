/** Oracle nodes as a relayer meets them: they take bundles, judge, and sign with real shares; each may misbehave. */
import type { GeneratedKey } from '../../../oracle-node/keygen/dealer.ts'
import type { Hash } from '../../../protocol/bytes.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import { type CertifiedReport, encodeCertifiedReport } from '../../../protocol/certificate.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import type { Domain } from '../../../protocol/domain.ts'
import {
  type AuditVerdict,
  decodeEpochSign,
  decodePriceRequest,
  encodeVerdict,
} from '../../../protocol/epoch/messages.ts'
import { decodeEpochReport, type EpochReport, epochReportDigest } from '../../../protocol/epoch/report.ts'
import { commitmentsOf, frost } from '../../../protocol/frost.ts'
import { type Membership, membershipOf } from '../../../protocol/membership.ts'
import { type Cast, castOf, type Party, party, registryView } from '../network/cast.ts'
import { type DealtKey, dealKey } from '../network/dealt-keys.ts'
import { Wire, type WirePeer } from '../network/wire.ts'

const LIMITS = { maxRequestBytes: 1 << 16, maxInFlightPerPeer: 4, timeoutMs: 10_000 }

/** What a test changes about a node. */
export interface Manners {
  /** Instead of an honest verdict. */
  verdict?: (report: EpochReport, honest: AuditVerdict) => AuditVerdict | Promise<AuditVerdict>
  /** Instead of an honest share. */
  share?: (honest: Uint8Array) => Uint8Array | Promise<Uint8Array>
  /** Before it says that a copy is on its disk; throws when it has none. */
  take?: (report: EpochReport) => Promise<void>
  price?: (epoch: number) => CertifiedReport | undefined
  transcript?: () => Uint8Array
}

export interface PaperNode {
  readonly slot: number
  readonly party: Party
  readonly peer: WirePeer
  manners: Manners
  /** What it was asked, in order. */
  readonly asked: string[]
}

export interface PaperNetwork {
  readonly wire: Wire
  readonly cast: Cast
  readonly relayer: Party
  /** The relayer's end. */
  readonly peer: WirePeer
  readonly membership: Membership
  readonly nodes: readonly PaperNode[]
  /** By slot. */
  readonly keys: readonly GeneratedKey[]
}

let dealt: DealtKey | undefined

/** Four nodes of which three must agree; the key is dealt once for all tests. */
export function paperNetwork(domain: Domain, changes: { readonly groupKey?: boolean } = {}): PaperNetwork {
  dealt ??= dealKey([0, 1, 2, 3], 3)
  const key = dealt
  const cast = castOf(4)
  const relayer = party('relayer')
  const view =
    changes.groupKey === false ? registryView(cast) : registryView(cast, { groupKey: key.groupKey })
  const membership = membershipOf({
    ...view,
    relayers: [{ index: 0, identity: relayer.identity, peerKey: relayer.peerKey }],
  })
  const wire = new Wire()
  const nodes = cast.members.map((member, slot): PaperNode => {
    const share = key.keys[slot]
    if (share === undefined) throw new RangeError(`no share of slot ${slot}`)
    return openNode(
      { slot, party: member, peer: wire.peer(member.peerKey), manners: {}, asked: [] },
      domain,
      share,
    )
  })
  return { wire, cast, relayer, peer: wire.peer(relayer.peerKey), membership, nodes, keys: key.keys }
}

function openNode(node: PaperNode, domain: Domain, key: GeneratedKey): PaperNode {
  let nonce: ReturnType<typeof frost.commit> | undefined
  const { peer, asked } = node

  peer.handle(CHANNELS.transcript, LIMITS, async () => node.manners.transcript?.() ?? key.transcript)
  peer.handle(CHANNELS.epochPrice, LIMITS, async request => {
    const price = node.manners.price?.(decodePriceRequest(request))
    return price === undefined ? new Uint8Array() : encodeCertifiedReport(price)
  })
  peer.handle(CHANNELS.epochOffer, LIMITS, async request => {
    asked.push('offer')
    await node.manners.take?.(decodeEpochReport(request))
    return Uint8Array.of(1)
  })
  peer.handle(CHANNELS.epochAudit, LIMITS, async request => {
    asked.push('audit')
    const report = decodeEpochReport(request)
    nonce = frost.commit(key.secret)
    const honest: AuditVerdict = {
      kind: 'signed',
      signature: node.party.sign(epochReportDigest(domain, report)),
      nonce: nonce.commitments,
    }
    return encodeVerdict((await node.manners.verdict?.(report, honest)) ?? honest)
  })
  peer.handle(CHANNELS.epochSign, LIMITS, async request => {
    asked.push('sign')
    const { digest, signers } = decodeEpochSign(request)
    const own = nonce
    nonce = undefined
    if (own === undefined) return new Uint8Array()
    const honest = frost.signShare(key.secret, key.public, own.nonces, commitmentsOf(signers), bytes(digest))
    return (await node.manners.share?.(honest)) ?? honest
  })
  return node
}

function bytes(hash: Hash): Uint8Array {
  return Uint8Array.from(Buffer.from(hash.slice(2), 'hex'))
}

/** A verdict that refuses. */
export function refusal(text = 'rewards line 0: expected 1, found 2'): AuditVerdict {
  return { kind: 'refused', code: 'REWARD_ROOT', where: { part: 'rewards', index: 0 }, text }
}

/** A verdict of a node that has signed something else. */
export function locked(): AuditVerdict {
  return { kind: 'locked', digest: hexOf(new Uint8Array(32).fill(7)) }
}
