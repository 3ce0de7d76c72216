/** Evidence of equivocation, as the registry takes it. */
import { parseEventLogs, type TransactionReceipt } from 'viem'
import type { Address } from '../protocol/bytes.ts'
import type { Equivocation } from '../protocol/round/quote-book.ts'
import { oracleRegistryAbi } from './abi/oracle-registry.ts'
import { contractSignature } from './price-feed.ts'
import { type ContractCall, TransactError } from './transactor.ts'

/** What the registry made of a proof: beyond f suspensions in a key epoch it only records. */
export type Judgement = 'SUSPENDED' | 'RECORDED'

/** The call that shows the registry two quotes of one member for one round. Anybody may send it. */
export function suspendCall(registry: Address, { first, second }: Equivocation): ContractCall {
  return {
    address: registry,
    abi: oracleRegistryAbi,
    functionName: 'suspendEquivocator',
    args: [
      first.quote,
      contractSignature(first.signature),
      second.quote,
      contractSignature(second.signature),
    ],
  }
}

/** Reads what the registry did from the receipt of a successful {@link suspendCall}. */
export function judgementOf({ logs }: Pick<TransactionReceipt, 'logs'>): Judgement {
  const suspended = parseEventLogs({ abi: oracleRegistryAbi, eventName: 'MemberSuspended', logs })
  return suspended.length > 0 ? 'SUSPENDED' : 'RECORDED'
}

/** Whether a {@link suspendCall} failed only because the member it is about is suspended already. */
export function isAlreadySuspended(error: unknown): boolean {
  return error instanceof TransactError && error.errorName === 'NotActiveMember'
}
