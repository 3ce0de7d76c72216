/** Work begins when the relayer has the receipt: what it does not know, no record is paid for. */
import type { SignedReceipt } from '../../protocol/usage/receipt.ts'
import { ProblemError } from '../../sdk/problem.ts'
import type { RelayerClient } from '../../sdk/relayer-client.ts'
import { RefusedError } from '../refused.ts'

/** Resolves when the relayer has the receipt. @throws {RefusedError} RECEIPT_REFUSED, RELAYER_DOWN */
export type TakeReceipt = (receipt: SignedReceipt) => Promise<void>

/** Says of the payer, not of the relayer, that it is too much. */
const PAYERS_LIMIT = 'TOO_MANY_CHANNELS'
/** Whatever else a relayer calls its refusals is not passed on. */
const CODE = /^[A-Z][A-Z_]{0,39}$/

export function takeReceiptTo(relayer: Pick<RelayerClient, 'postReceipt'>): TakeReceipt {
  return async receipt => {
    try {
      await relayer.postReceipt(receipt)
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      const { code, retryable } = error
      if (retryable && code !== PAYERS_LIMIT) throw new RefusedError('RELAYER_DOWN')
      throw new RefusedError('RECEIPT_REFUSED', CODE.test(code) ? { relayerCode: code } : {})
    }
  }
}
