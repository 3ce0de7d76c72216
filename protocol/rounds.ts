/**
 * Rounds are slots of wall-clock time, named by their start in deciseconds, so that a changed `roundMs`
 * never makes them go backwards.
 */

declare const brand: unique symbol
/** Start of a round's slot: deciseconds since 1970, 40 bits. */
export type Round = number & { readonly [brand]: 'Round' }

/** The round that contains `unixMs`. `roundMs` is a multiple of 100. */
export function roundAt(unixMs: number, roundMs: number): Round {
  return (Math.floor(unixMs / roundMs) * (roundMs / 100)) as Round
}

export function asRound(deciseconds: number): Round {
  return deciseconds as Round
}

export function roundStartMs(round: Round): number {
  return round * 100
}

export function nextRound(round: Round, roundMs: number): Round {
  return (round + roundMs / 100) as Round
}

export function previousRound(round: Round, roundMs: number): Round {
  return (round - roundMs / 100) as Round
}

/** Whether a round can exist under this `roundMs`: rounds between slots are refused. */
export function isRoundStart(round: number, roundMs: number): boolean {
  return round >= 0 && round < 2 ** 40 && round % (roundMs / 100) === 0
}

/** The aggregator whose turn a round is (an index into the registry's list), and who follows it. */
export function aggregatorTurn(
  round: Round,
  roundMs: number,
  aggregators: number,
): { primary: number; backup: number } {
  const slot = Math.floor(round / (roundMs / 100))
  return { primary: slot % aggregators, backup: (slot + 1) % aggregators }
}
