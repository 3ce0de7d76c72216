import { ByteReader } from '../../protocol/bytes.ts'

/** Envelope (domain tag, kind, key epoch) and feed stand before the round. */
const BEFORE_ROUND = 4 + 1 + 4 + 32

/** The round of a sealed proposal, read without decoding the rest of it: measuring must cost nothing. */
export function roundOfProposal(sealed: Uint8Array): number {
  const reader = new ByteReader(sealed.subarray(BEFORE_ROUND, BEFORE_ROUND + 5))
  return reader.small(5)
}
