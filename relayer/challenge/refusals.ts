/** Why a commitment or its openings are not taken. */

export const COMMITMENT_REFUSALS = [
  'MALFORMED',
  'NOT_OPEN',
  'UNKNOWN_DEVICE',
  'ALREADY_COMMITTED',
  'WRONG_CONTEXT',
  'NO_PRODUCTS',
  'TOO_MANY_PRODUCTS',
  'BAD_SIGNATURE',
] as const
/** NOT_OPEN: by the chain's time the window has not begun, or is over, or no beacon says that its slot is a window. */
export type CommitmentDeskRefusal = (typeof COMMITMENT_REFUSALS)[number]

export const LOOKUP_REFUSALS = ['NOT_CLOSED', 'NO_COMMITMENT', 'WINDOW_MISSED'] as const
/** WINDOW_MISSED: the relayer could not close it in time, so it counts for nobody. */
export type LookupRefusal = (typeof LOOKUP_REFUSALS)[number]

export const OPENING_DESK_REFUSALS = [
  ...LOOKUP_REFUSALS,
  'NOT_DRAWN',
  'SEALED',
  'FAILED_BEFORE',
  'BAD_SIGNATURE',
  'BUSY',
  'TOO_MANY_OPENINGS',
  'WRONG_SHAPE',
  'BAD_PATH',
  'WRONG_ENTRY',
  'ENTRY_OUT_OF_RANGE',
  'WRONG_ROW',
] as const
/**
 * NOT_DRAWN: too few members have drawn yet. SEALED: the window's epoch takes nothing more. BUSY: openings of
 * the device wait already, or too many of others do; then they are kept, and judged at the latest after the seal.
 */
export type OpeningDeskRefusal = (typeof OPENING_DESK_REFUSALS)[number]
