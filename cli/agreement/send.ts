/** Brings on chain what members have signed; who pays for it need not be one of them. */
import { type TransactionReceipt, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { createReader } from '../../chain/clients.ts'
import { type ContractCall, createTransactor } from '../../chain/transactor.ts'
import { systemClock } from '../../runtime/clock.ts'
import { readKeystore } from '../../runtime/keystore.ts'
import type { Secret } from '../../runtime/secret.ts'
import type { RegistryFacts } from './registry.ts'

export interface Sender {
  readonly keystore: string
  readonly password: Secret
}

/** Above what Ethereum has cost in its worst hours. */
const MAX_FEE_PER_GAS = 500n * 10n ** 9n
const MINED_WITHIN_MS = 120_000

/**
 * Simulates, sends, and waits for the block.
 *
 * @throws {TransactError} and nothing has been paid when its code is `WOULD_REVERT` {KeystoreError}
 */
export async function sendCall(
  call: ContractCall,
  { domain, rpcUrl }: Pick<RegistryFacts, 'domain' | 'rpcUrl'>,
  sender: Sender,
): Promise<TransactionReceipt> {
  const secret = await readKeystore(sender.keystore, sender.password)
  const account = privateKeyToAccount(toHex(secret))
  secret.fill(0)
  const transactor = createTransactor(
    {
      account,
      chainId: domain.chainId,
      rpcUrls: [rpcUrl],
      maxFeePerGasCeiling: MAX_FEE_PER_GAS,
      minedWithinMs: MINED_WITHIN_MS,
    },
    { reader: createReader([rpcUrl]), clock: systemClock },
  )
  return transactor.send(call, new AbortController().signal)
}
