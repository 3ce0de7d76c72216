/**
 * Names of the gossip topics and direct protocols. The domain tag is part of a topic, so that networks that
 * share machines never hear one another.
 */
import { hexOf } from './bytes.ts'
import { type Domain, domainTag } from './domain.ts'

export const TOPICS = ['quotes', 'certified', 'windows', 'inclusions', 'beacons'] as const
export type Topic = (typeof TOPICS)[number]

export function topicOf(domain: Domain, topic: Topic): string {
  return `/ionet/${hexOf(domainTag(domain)).slice(2)}/${topic}/1`
}

/** Direct, authenticated requests. Who may ask what is each handler's business. */
export const CHANNELS = {
  /** Aggregator → signer: unspent nonce pairs of its lane. */
  nonces: '/ionet/nonces/1',
  /** Aggregator → signer: a sealed proposal; the reply is a sealed share, lock, list of missing quotes or refusal. */
  sign: '/ionet/sign/1',
  /** Anyone → member: its stored quote of a round, for who has missed it. */
  quote: '/ionet/quote/1',
  /** Member → member: what its clock says. */
  time: '/ionet/time/1',
  /** Aggregator → member: take part in a key generation; the reply says how far the member has come. */
  keygenStart: '/ionet/keygen/start/1',
  /** Member → member. */
  keygenCommitment: '/ionet/keygen/commitment/1',
  keygenVote: '/ionet/keygen/vote/1',
  keygenShare: '/ionet/keygen/share/1',
  /** Aggregator → member: the sealed commitments that it got. */
  keygenHeard: '/ionet/keygen/heard/1',
  /** Aggregator → member: publish the share for the member whose sealed complaint this is. */
  keygenReveal: '/ionet/keygen/reveal/1',
  /** Aggregator → member: what another member did not give it itself. */
  keygenHandOver: '/ionet/keygen/hand-over/1',
  /** Aggregator → member in force: consent to a key of which it holds no share. */
  keygenConsent: '/ionet/keygen/consent/1',
  /** Aggregator → member: sign the new key's installation with the new key. */
  keygenInstall: '/ionet/keygen/install/1',
  /** Anyone → member: the transcript with this hash, from which every public share of a key follows. */
  transcript: '/ionet/transcript/1',
  /** Anyone → relayer or member: a piece of what is named by its SHA-256, such as a bundle. */
  blob: '/ionet/blob/1',
  /** Relayer → member: fetch the bundle of this epoch report; the reply comes when the copy is on disk. */
  epochOffer: '/ionet/epoch/offer/1',
  /** Relayer → member: check the epoch; the reply is a signature or the first line that differs. */
  epochAudit: '/ionet/epoch/audit/1',
  /** Relayer → member: the share of the group's signature, for the report it has locked. */
  epochSign: '/ionet/epoch/sign/1',
  /** Member → member: the root of a challenge window, if it came in time. */
  windowRoot: '/ionet/epoch/window/1',
  /** Anyone → anyone who collects: the partials of a beacon that are there, or as many as prove its value. */
  beacon: '/ionet/beacon/1',
  /** Relayer → member: the certificate with the highest price of an epoch that the member knows. */
  epochPrice: '/ionet/epoch/price/1',
  /** Relayer → member: a page of the batches and receipts that the member was shown for an epoch. */
  epochShown: '/ionet/epoch/shown/1',
} as const
