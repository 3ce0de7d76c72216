/** What a worker answers instead of doing what it was asked. */
import { TERMS_REFUSALS } from './channels/terms.ts'

export const REQUEST_REFUSALS = [
  ...TERMS_REFUSALS,
  'MALFORMED',
  'PROMPT_TOO_LONG',
  'BAD_MAX_TOKENS',
  'HIRED',
  'BUSY',
  'BACKLOG',
  'NOT_READY',
  'NO_LEASE',
  'LEASE_TAKEN',
  'NOT_THE_PAYER',
  'RECEIPT_REFUSED',
  'RELAYER_DOWN',
  'GONE',
] as const
export type RequestRefusal = (typeof REQUEST_REFUSALS)[number]

/** HTTP's word for each; clients decide by the code. */
export const REFUSAL_STATUS: Readonly<Record<RequestRefusal, number>> = {
  OTHER_CHANNEL: 402,
  UNKNOWN_GATEWAY: 402,
  RECEIPT_TOO_LOW: 402,
  RECEIPT_EXPIRES: 402,
  WRONG_HOLD: 402,
  WRONG_ASSET: 402,
  HOLD_EXPIRES: 402,
  HOLD_USED_UP: 402,
  BAD_RECEIPT_SIGNATURE: 402,
  BAD_HOLD_SIGNATURE: 402,
  NO_RELAYER: 402,
  MALFORMED: 400,
  PROMPT_TOO_LONG: 400,
  BAD_MAX_TOKENS: 400,
  HIRED: 409,
  BUSY: 503,
  BACKLOG: 503,
  NOT_READY: 503,
  NO_LEASE: 404,
  LEASE_TAKEN: 409,
  NOT_THE_PAYER: 403,
  RECEIPT_REFUSED: 402,
  RELAYER_DOWN: 503,
  GONE: 499,
}

const SENTENCES: Readonly<Record<RequestRefusal, string>> = {
  OTHER_CHANNEL: 'the receipt is for another worker, gateway, kind or model: sign what `offer` says',
  UNKNOWN_GATEWAY: 'the registry lists no such gateway: ask through one that it lists, or through none',
  RECEIPT_TOO_LOW: 'the receipt does not cover this work: sign at least what `offer` says',
  RECEIPT_EXPIRES: 'the receipt ends before this work is stated: sign the epoch that `offer` says',
  WRONG_HOLD: 'the hold is for another payer, payee or kind of work',
  WRONG_ASSET: 'inferences are paid in IO, hires in IOSD: have a hold of that asset accepted',
  HOLD_EXPIRES: 'the hold ends before this work is stated: have a new one accepted',
  HOLD_USED_UP: 'what is left of the hold does not cover this work: have a new one accepted',
  BAD_RECEIPT_SIGNATURE: 'the receipt is not signed by its payer',
  BAD_HOLD_SIGNATURE: 'the hold is not signed by its payer',
  NO_RELAYER: 'the hold was accepted by nobody whom the registry lists as a relayer',
  MALFORMED: 'the request is not what this address takes',
  PROMPT_TOO_LONG: 'the prompt leaves no room for an answer: shorten it',
  BAD_MAX_TOKENS: 'maxTokens is a whole number of at least one',
  HIRED: 'the worker is hired: ask another, or later',
  BUSY: 'the worker has more to do than it takes on: ask another, or later',
  BACKLOG: 'the worker cannot state more usage before its relayer takes what waits: ask another',
  NOT_READY: 'the worker does not work yet: its device, its model or the chain is missing; ask later',
  NO_LEASE: 'there is no such lease: it has ended, or never was',
  LEASE_TAKEN: 'this lease is another payer’s',
  NOT_THE_PAYER:
    'only its payer can end a lease: sign the end with the payer’s key, for the hold it goes on under, valid for at most a minute',
  RECEIPT_REFUSED: 'the relayer does not take this receipt: `relayerCode` says why',
  RELAYER_DOWN: 'the relayer cannot take the receipt now, and nothing is done before it has: ask later',
  GONE: 'nobody waits for the answer any more',
}

/** Decide by `code`; the text is for people. */
export class RefusedError extends Error {
  readonly code: RequestRefusal
  readonly status: number
  /** What stands beside the code in the answer, such as the offer behind a 402. */
  readonly members: Readonly<Record<string, unknown>>
  constructor(code: RequestRefusal, members: Readonly<Record<string, unknown>> = {}) {
    super(SENTENCES[code])
    this.name = 'RefusedError'
    this.code = code
    this.status = REFUSAL_STATUS[code]
    this.members = members
  }
}
