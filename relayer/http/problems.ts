/** What each refusal of the intake means over HTTP, and what to do about it. */
import type { CommitmentDeskRefusal, LookupRefusal, OpeningDeskRefusal } from '../challenge/refusals.ts'
import type { BatchDeskRefusal } from '../intake/batch-desk.ts'
import type { HoldRefusal } from '../intake/hold-decision.ts'
import type { ReceiptRefusal } from '../intake/receipt-desk.ts'
import type { ProblemKind, ProblemKinds } from '../problem.ts'

const NO_EPOCH: ProblemKind = {
  status: 503,
  title: 'No epoch is open by the time of the chain.',
  advice: 'Try again in a moment; if it stays so, the relayer does not see new blocks.',
  retryAfterSec: 2,
}

/** Before any rule was looked at. */
export const OVERLOAD = {
  BUSY: {
    status: 503,
    title: 'More requests are waiting than are kept.',
    advice: 'Send the same again in a second.',
    retryAfterSec: 1,
  },
  STOPPED: {
    status: 503,
    title: 'The relayer is stopping.',
    advice: 'Send the same again when it is back.',
    retryAfterSec: 5,
  },
} as const satisfies Record<string, ProblemKind>

export const BATCH_PROBLEMS: ProblemKinds<BatchDeskRefusal> = {
  MALFORMED: {
    status: 400,
    title: 'These bytes are no batch.',
    advice: 'Send worker, first sequence, count, 1 to 1024 records and signature, and nothing else.',
  },
  UNKNOWN_WORKER: {
    status: 403,
    title: 'The worker has no registered device.',
    advice: 'Register a device, and wait until that is final on the chain.',
  },
  ALREADY_TAKEN: {
    status: 409,
    title: 'Other records have been taken under these numbers.',
    advice: 'Ask /v1/workers/ADDRESS for the next number, and send only records that never had one.',
  },
  OVERLAPS: {
    status: 409,
    title: 'Some of these numbers have been taken, some have not.',
    advice: 'Repeat batches as they were first sent; ask /v1/workers/ADDRESS for what is missing.',
  },
  TOO_FAR_AHEAD: {
    status: 409,
    title: 'The numbers are too far above those taken so far.',
    advice: 'Send what comes before first; ask /v1/workers/ADDRESS for the next number.',
  },
  TOO_MANY_GAPS: {
    status: 409,
    title: 'Too many earlier batches are missing.',
    advice: 'Send those first; ask /v1/workers/ADDRESS for the gaps.',
  },
  BAD_SIGNATURE: {
    status: 403,
    title: "The signature is not the worker's.",
    advice: 'Sign the batch of this network with the identity that stands in it.',
  },
  NO_EPOCH,
  EPOCH_FULL: {
    status: 503,
    title: 'The epoch has taken as many records as a bundle can hold.',
    advice: 'Send the batch again in the next epoch.',
  },
  TOO_MANY_RECORDS: {
    status: 429,
    title: 'This worker has sent as many records as an epoch takes of one.',
    advice: 'Send the same in the next epoch, and charge in larger steps.',
    retryAfterSec: 60,
  },
}

export const HOLD_PROBLEMS: ProblemKinds<HoldRefusal> = {
  CHAIN_SILENT: {
    status: 503,
    title:
      'The deposit cannot be read: no endpoint of the chain answers, or final blocks are too far behind.',
    advice: 'Send the same again in a few seconds.',
    retryAfterSec: 3,
  },
  MALFORMED: {
    status: 400,
    title: 'These bytes are no hold.',
    advice: "Send the hold's 112 bytes and the payer's signature of 64, and nothing else.",
  },
  NO_EPOCH,
  EXPIRED: {
    status: 422,
    title: 'The hold has expired.',
    advice: 'Sign one that expires in this epoch or later.',
  },
  TOO_LONG: {
    status: 422,
    title: 'The hold lasts longer than holds may.',
    advice: "Sign one that expires at most the escrow's longestHoldEpochs from now.",
  },
  WRONG_ASSET: {
    status: 422,
    title: 'Inferences are not paid in IOSD.',
    advice: 'Hold IO for inferences, and IO or IOSD for hires.',
  },
  NO_AMOUNT: { status: 422, title: 'The hold is of nothing.', advice: 'Hold at least a wei.' },
  BAD_SIGNATURE: {
    status: 403,
    title: "The signature is not the payer's.",
    advice: 'Sign the hold of this network with the account that made the deposit.',
  },
  ACCEPTED_BEFORE: {
    status: 409,
    title: 'Another relayer has accepted this hold.',
    advice: 'Use its acceptance, or sign another hold with another nonce.',
  },
  TOO_MANY_HOLDS: {
    status: 429,
    title: 'The payer has as many open holds as one may.',
    advice: 'Use those, or wait until some have expired.',
    retryAfterSec: 60,
  },
  NOT_COVERED: {
    status: 402,
    title: 'The deposit does not cover the hold.',
    advice:
      'Deposit more, hold less, or wait until other holds have expired; withdrawals that were requested do not count.',
  },
  NO_PRICE: {
    status: 503,
    title: 'The fee cannot be told, because no price has been certified yet.',
    advice: 'Try again when there is a price.',
    retryAfterSec: 2,
  },
  FEE_NOT_COVERED: {
    status: 402,
    title: 'There is not enough free IOSD for the network fee.',
    advice: 'Deposit IOSD: the fee on the whole hold must be there at twice the current price of IO.',
  },
}

export const RECEIPT_PROBLEMS: ProblemKinds<ReceiptRefusal> = {
  MALFORMED: {
    status: 400,
    title: 'These bytes are no receipt.',
    advice: 'Send the receipt and its signature, and nothing else.',
  },
  NO_EPOCH,
  EXPIRED: {
    status: 422,
    title: 'The receipt counts no longer.',
    advice: 'Have the payer sign one that is valid in this epoch.',
  },
  NO_HOLD: {
    status: 409,
    title: 'No accepted hold of the payer could be charged through this channel.',
    advice: 'Have a hold for this payee and kind of work accepted first.',
  },
  BAD_SIGNATURE: {
    status: 403,
    title: "The signature is not the payer's.",
    advice: 'Sign the receipt of this network with the account that made the deposit.',
  },
  TOO_MANY_CHANNELS: {
    status: 429,
    title: 'Receipts of more channels of this payer are not kept.',
    advice: 'Use fewer channels at a time, or a gateway.',
    retryAfterSec: 60,
  },
  TOO_MANY_RECEIPTS: {
    status: 409,
    title: 'This payer signed many receipts for this channel of which none is above the others.',
    advice: 'Have one signed that is at least as high in both ceiling and units.',
  },
}

export const COMMITMENT_PROBLEMS: ProblemKinds<CommitmentDeskRefusal> = {
  MALFORMED: {
    status: 400,
    title: 'These bytes are no commitment.',
    advice: 'Send the commitment with its roots and signature, and nothing else.',
  },
  NOT_OPEN: {
    status: 409,
    title: 'This window is not open.',
    advice: 'Commit to a window while it lasts, by the time of the newest block.',
  },
  UNKNOWN_DEVICE: {
    status: 403,
    title: 'The device is not registered to this worker.',
    advice: 'Register it, and wait until that is final on the chain.',
  },
  ALREADY_COMMITTED: {
    status: 409,
    title: 'The device has committed to other products in this window.',
    advice: 'The first commitment stands; open that one.',
  },
  WRONG_CONTEXT: {
    status: 422,
    title: 'The commitment is for another size of products.',
    advice: "Use the network's challengeSize.",
  },
  NO_PRODUCTS: {
    status: 422,
    title: 'The commitment is to nothing.',
    advice: 'Commit to at least one product.',
  },
  TOO_MANY_PRODUCTS: {
    status: 422,
    title: 'The commitment is to more products than count.',
    advice: 'Stop at 4096 products.',
  },
  BAD_SIGNATURE: {
    status: 403,
    title: "The signature is not the worker's.",
    advice: 'Sign the commitment of this network with the identity that stands in it.',
  },
}

export const LOOKUP_PROBLEMS: ProblemKinds<LookupRefusal> = {
  NOT_CLOSED: {
    status: 404,
    title: 'The window is not closed yet.',
    advice: 'Ask again in a second.',
    retryAfterSec: 1,
  },
  NO_COMMITMENT: {
    status: 404,
    title: 'The device has not committed to anything in this window.',
    advice: 'Commit in the next window; nothing can be opened in this one.',
  },
  WINDOW_MISSED: {
    status: 410,
    title: 'The relayer did not close this window in time.',
    advice: 'Nothing of it counts, for anybody; go on with the next window.',
  },
}

export const OPENING_PROBLEMS: ProblemKinds<OpeningDeskRefusal> = {
  ...LOOKUP_PROBLEMS,
  NOT_DRAWN: {
    status: 409,
    title: 'What is opened has not been drawn yet.',
    advice: 'Open after the window and its grace.',
    retryAfterSec: 1,
  },
  SEALED: {
    status: 410,
    title: "The window's epoch is sealed.",
    advice: 'Nothing can be opened any more; open within the seconds after the draw.',
  },
  FAILED_BEFORE: {
    status: 409,
    title: 'The device has failed in this window.',
    advice: 'A wrong product has been shown under its own root; that stands.',
  },
  BAD_SIGNATURE: {
    status: 403,
    title: "The signature behind the openings is not the worker's.",
    advice: 'Sign ChallengeOpenings of this network with the identity that signed the commitment.',
  },
  BUSY: OVERLOAD.BUSY,
  TOO_MANY_OPENINGS: {
    status: 409,
    title: 'The device has shown other openings as often as they are judged.',
    advice: 'Derive the draw from the root and the block after the grace before anything is sent.',
  },
  WRONG_SHAPE: {
    status: 422,
    title: 'This is not what was drawn.',
    advice: 'Derive the draw from the root and the block after the grace, and open exactly that.',
  },
  BAD_PATH: {
    status: 422,
    title: 'A path does not lead to the committed root.',
    advice: 'Open the products that were committed to.',
  },
  WRONG_ENTRY: {
    status: 422,
    title: 'An entry that was committed to is not that of the product.',
    advice: "The device's work of this epoch does not count.",
  },
  ENTRY_OUT_OF_RANGE: {
    status: 422,
    title: 'An entry is larger than any of a product can be.',
    advice: 'Open the products that were committed to.',
  },
  WRONG_ROW: {
    status: 422,
    title: 'A row that was committed to is not that of the product.',
    advice: "The device's work of this epoch does not count.",
  },
}
