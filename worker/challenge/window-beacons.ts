/**
 * The beacons of windows, as a worker gets them: told by the relayer, believed for nothing but that there is none. What
 * work is made from is checked by its proof, with the transcript whose hash the registry holds.
 */
import { valueOfProof } from '../../protocol/beacon/combine.ts'
import type { BeaconInput } from '../../protocol/beacon/input.ts'
import { decodeProof } from '../../protocol/beacon/messages.ts'
import type { BeaconPublic } from '../../protocol/beacon/public.ts'
import { namedBeacon } from '../../protocol/beacon/transcript.ts'
import { DecodeError, type Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { isWindow, slotStartSec, type WindowTerms } from '../../protocol/epoch/windows.ts'
import type { Membership } from '../../protocol/membership.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { RelayerClient } from '../../sdk/relayer-client.ts'

export interface WindowBeaconsDeps {
  readonly relayer: Pick<RelayerClient, 'beacon' | 'beaconProof' | 'transcript'>
  /** The registry's view of what counts then. */
  readonly membershipAt: (unixMs: number) => Membership | undefined
  readonly logger: Logger
}

/** All throw what the client throws: nothing is known then, and asking again may help. */
export interface WindowBeacons {
  /**
   * Whether a slot is a window, and its beacon.
   *
   * @returns undefined while that cannot be told
   */
  window(slot: number, signal: AbortSignal): Promise<{ readonly beacon: Hash | undefined } | undefined>
  /** What is drawn of a window with this root; undefined while nothing is. */
  draw(slot: number, root: Hash, signal: AbortSignal): Promise<Hash | undefined>
}

/** The relayer answers as soon as it knows; well within the client's own patience. */
const WAIT_MS = 1_500
/** Around a rotation two keys count. */
const KEPT_KEYS = 2

export function createWindowBeacons(
  { domain, terms }: { readonly domain: Domain; readonly terms: WindowTerms },
  { relayer, membershipAt, logger }: WindowBeaconsDeps,
): WindowBeacons {
  const keys = new Map<Hash, BeaconPublic>()

  const keyOf = async (
    { keyEpoch, groupKey }: Membership,
    signal: AbortSignal,
  ): Promise<BeaconPublic | undefined> => {
    if (groupKey === undefined) return undefined
    const { transcriptHash } = groupKey
    const known = keys.get(transcriptHash)
    if (known !== undefined) return known
    const bytes = await relayer.transcript(keyEpoch, signal)
    if (bytes === undefined) return undefined
    const pub = namedBeacon(transcriptHash, bytes)
    if (pub === undefined) {
      logger.error("the relayer's transcript is not the one that the registry names", { keyEpoch })
      return undefined
    }
    keys.set(transcriptHash, pub)
    for (const old of [...keys.keys()].slice(0, -KEPT_KEYS)) keys.delete(old)
    return pub
  }

  const proven = async (input: BeaconInput, signal: AbortSignal): Promise<Hash | undefined> => {
    const membership = membershipAt(slotStartSec(terms, input.slot) * 1_000)
    const root = input.kind === 'draw' ? input.root : undefined
    const bytes = await relayer.beaconProof(input.slot, root, signal)
    const pub = membership === undefined ? undefined : await keyOf(membership, signal)
    if (bytes === undefined || pub === undefined) return undefined
    const value = valueShown(input, pub, membership?.keyEpoch ?? 0, bytes)
    if (value === undefined)
      logger.error("the relayer's proof of a beacon proves nothing", { kind: input.kind, slot: input.slot })
    return value
  }

  const valueShown = (
    input: BeaconInput,
    pub: BeaconPublic,
    keyEpoch: number,
    bytes: Uint8Array,
  ): Hash | undefined => {
    try {
      const proof = decodeProof(bytes)
      return proof.keyEpoch === keyEpoch ? valueOfProof(domain, input, pub, proof) : undefined
    } catch (error) {
      if (error instanceof DecodeError) return undefined
      throw error
    }
  }

  return {
    window: async (slot, signal) => {
      const said = await relayer.beacon(slot, WAIT_MS, signal)
      if (said === undefined) return undefined
      // A relayer that hides a window only hides work that it could refuse anyway.
      if (!isWindow(terms, slot, said)) return { beacon: undefined }
      const beacon = await proven({ kind: 'window', slot }, signal)
      if (beacon === undefined) return undefined
      return { beacon: isWindow(terms, slot, beacon) ? beacon : undefined }
    },
    draw: (slot, root, signal) => proven({ kind: 'draw', slot, root }, signal),
  }
}
