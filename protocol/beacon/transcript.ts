/**
 * What a transcript says when its hash is on chain. Whoever shows it needs no trust: these are the only ways from bytes
 * of somebody else to a key.
 */
import type { Hash } from '../bytes.ts'
import {
  beaconPublicFromTranscript,
  decodeTranscript,
  type Transcript,
  transcriptHashOf,
} from '../keygen/transcript.ts'
import type { BeaconPublic } from './public.ts'

/**
 * @param hash that the registry names; undefined when it names none
 * @returns undefined when these are other bytes
 * @throws {DecodeError} only when a quorum installed what is no transcript
 */
export function namedTranscript(hash: Hash | undefined, bytes: Uint8Array): Transcript | undefined {
  return transcriptHashOf(bytes) === hash ? decodeTranscript(bytes).transcript : undefined
}

/** The public half of the beacon key that comes with a key; like {@link namedTranscript}. */
export function namedBeacon(hash: Hash | undefined, bytes: Uint8Array): BeaconPublic | undefined {
  const transcript = namedTranscript(hash, bytes)
  return transcript === undefined ? undefined : beaconPublicFromTranscript(transcript)
}
