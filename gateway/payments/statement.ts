/** Whether a worker's statement is about the answer that came with it, and stays below its receipt. Pure. */
import { DecodeError, type Hex } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { channelKey, type Receipt } from '../../protocol/usage/receipt.ts'
import {
  decodeSignedStatement,
  isStatementSigned,
  type SignedStatement,
} from '../../protocol/usage/statement.ts'

/** The first two may be anybody's word, the others the worker has signed. */
export type StatementFault = 'WRONG_CHANNEL' | 'BAD_SIGNATURE' | 'ABOVE_RECEIPT' | 'WRONG_WORK'

/** undefined when the bytes are none. */
export function readStatement(bytes: Uint8Array): SignedStatement | undefined {
  try {
    return decodeSignedStatement(bytes)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

export function refuseStatement(
  signed: SignedStatement,
  receipt: Receipt,
  workHash: Hex,
  domain: Domain,
  crypto: Pick<IdentityCrypto, 'recover'>,
): StatementFault | undefined {
  const { statement } = signed
  if (channelKey(statement) !== channelKey(receipt)) return 'WRONG_CHANNEL'
  if (!isStatementSigned(domain, signed, crypto)) return 'BAD_SIGNATURE'
  const isAbove =
    statement.cumulativeCharge > receipt.cumulativeCeiling ||
    statement.cumulativeUnits > receipt.cumulativeUnits
  if (isAbove) return 'ABOVE_RECEIPT'
  return statement.workHash === workHash ? undefined : 'WRONG_WORK'
}
