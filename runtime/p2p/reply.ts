/** First byte of a reply. Only OK is followed by a body. */
export const REPLY = { OK: 0, REFUSED: 1, TOO_LARGE: 2, TIMEOUT: 3 } as const

export type ReplyStatus = (typeof REPLY)[keyof typeof REPLY]

export const REPLY_STATUS_BYTES = 1
