/** Everything that a gateway answers instead of a completion: problem details (RFC 9457) with a code. */

/** The code's status, and what the asker can do about it. */
const REFUSALS = {
  BAD_REQUEST: [400, 'the request is not what this endpoint takes'],
  BAD_PAYER: [400, 'name the payer in the header io-payer: 0x and 40 hexadecimal digits'],
  PROMPT_TOO_LONG: [400, 'the prompt leaves no room for an answer: make it shorter'],
  BAD_MAX_TOKENS: [400, 'max_tokens is not a whole number from 1 to the length of the context'],
  MODEL_NOT_FOUND: [404, 'this gateway serves another model: GET /v1/models names it'],
  PAYMENT_REQUIRED: [
    402,
    'sign a receipt that says what the offer asks for, and send it again with the hold',
  ],
  RECEIPT_MALFORMED: [400, 'io-receipt is not a signed receipt in hexadecimal'],
  RECEIPT_WRONG_PAYER: [402, 'the receipt is of another payer than io-payer'],
  RECEIPT_WRONG_GATEWAY: [402, 'the receipt is for another gateway'],
  RECEIPT_WRONG_MODEL: [402, 'the receipt is for another model, or for a hire'],
  RECEIPT_WRONG_WORKER: [
    402,
    'the receipt is for another worker than the offer, or one that does not work here',
  ],
  RECEIPT_EXPIRED: [402, 'the receipt does not count any more: sign one for a later epoch'],
  RECEIPT_TOO_LOW: [402, 'the receipt says less than the offer asks for'],
  RECEIPT_BAD_SIGNATURE: [402, "the receipt does not bear the payer's signature"],
  HOLD_MALFORMED: [400, 'io-hold is not an accepted hold in hexadecimal'],
  HOLD_WRONG_PAYER: [402, 'the hold is of another payer'],
  HOLD_WRONG_PAYEE: [
    402,
    'the hold is for another payee: inferences through this gateway need one for its address',
  ],
  HOLD_WRONG_KIND: [402, 'the hold is not for inferences'],
  HOLD_WRONG_ASSET: [402, 'inferences are paid in IO'],
  HOLD_EXPIRED: [402, 'the hold ends too soon: have a new one accepted'],
  HOLD_BAD_SIGNATURE: [402, "the hold does not bear the payer's signature"],
  HOLD_NOT_ACCEPTED: [402, 'no registered relayer has accepted the hold'],
  HOLD_USED_UP: [402, 'the hold has too little left for this request: have a new one accepted'],
  NO_WORKER: [503, 'no worker is free right now: try again in a moment'],
  MODEL_NOT_USABLE: [
    503,
    'no worker may use the model in this epoch: where `usableFromEpoch` names one, ask again from that epoch on',
  ],
  BUSY: [503, 'too many requests at once: try again in a moment'],
  NOT_READY: [503, 'the gateway does not see the chain: try again in a moment'],
  WORKER_LOST: [502, 'the worker gave no answer; what it did not deliver, it may not charge for'],
  WORKER_FAULT: [502, 'the worker answered something that is not believed: ask again, and another is asked'],
} as const satisfies Record<string, readonly [number, string]>

export type GatewayRefusal = keyof typeof REFUSALS

/** A refusal on its way to the asker. `members` go into the problem beside the code. */
export class RefusedError extends Error {
  readonly code: GatewayRefusal
  readonly status: number
  readonly members: Readonly<Record<string, unknown>>
  constructor(code: GatewayRefusal, members: Readonly<Record<string, unknown>> = {}) {
    super(REFUSALS[code][1])
    this.name = 'RefusedError'
    this.code = code
    this.status = REFUSALS[code][0]
    this.members = members
  }

  /** The body of the answer. Nothing was delivered, so nothing is charged; where nobody knows, `charged` is null. */
  get problem(): Readonly<Record<string, unknown>> {
    return {
      type: 'about:blank',
      title: this.code,
      status: this.status,
      detail: this.message,
      code: this.code,
      chargedWei: this.code === 'WORKER_LOST' || this.code === 'WORKER_FAULT' ? null : '0',
      ...this.members,
    }
  }
}
