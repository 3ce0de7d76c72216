/** `sourcesRoot`: binds a quote to the venue values it was made from. */
import { encodeAbiParameters, type Hex, parseAbiParameters } from 'viem'
import { leafHash, merkleRoot } from '../merkle.ts'
import type { LegOutcome, SourceOutcome, VenueValue } from './types.ts'

/** −2^255: what was not said. No price that passed the screen comes near it. */
const ABSENT = -(2n ** 255n)

const LEAF = parseAbiParameters(
  'string venue, string pair, int256 bid, int256 ask, int256 last, int256 exchangeTimeMs, uint256 receivedAtMs',
)

/** Double-hashed leaf of one value; the layout is in the README. */
export function sourceLeaf(value: VenueValue): Hex {
  return leafHash(
    encodeAbiParameters(LEAF, [
      value.venue,
      value.pair,
      value.bid ?? ABSENT,
      value.ask ?? ABSENT,
      value.last ?? ABSENT,
      value.exchangeTimeMs === null ? ABSENT : BigInt(value.exchangeTimeMs),
      BigInt(value.receivedAtMs),
    ]),
  )
}

/** The values that took part in the medians: the kept ones, and those out of band, which hold a place in the order. */
export function committedValues(outcome: SourceOutcome): VenueValue[] {
  return outcome.legs.flatMap(valuesOfLeg)
}

function valuesOfLeg({ kept, dropped }: LegOutcome): VenueValue[] {
  const outside = dropped.filter(({ reason }) => reason === 'OUT_OF_BAND')
  return [...kept, ...outside].map(({ input }) => input)
}

/** Merkle root over {@link committedValues}; the same in any order. */
export function sourcesRoot(outcome: SourceOutcome): Hex {
  return merkleRoot(committedValues(outcome).map(sourceLeaf))
}
