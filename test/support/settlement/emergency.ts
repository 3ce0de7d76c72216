/** Members who act together, by what their operators would sign and send. */
import type { TransactionReceipt } from 'viem'
import { createReader } from '../../../chain/clients.ts'
import { readRegistry } from '../../../chain/membership-reader.ts'
import { type Action, stateAction } from '../../../cli/emergency/action.ts'
import { callOf } from '../../../cli/emergency/calls.ts'
import { readEmergencyFacts } from '../../../cli/emergency/facts.ts'
import { fundedAccount } from '../chain/anvil.ts'
import type { Party } from '../network/cast.ts'
import type { TestChain } from './test-chain.ts'

/** Signs and sends, with as few members as it takes. */
export async function act(
  action: Action,
  chain: TestChain,
  members: readonly Party[],
): Promise<TransactionReceipt> {
  const { deployment, domain, rpcUrl } = chain
  const options = { registry: domain.registry, chainId: domain.chainId, finality: 'latest' } as const
  const { newest: inForce } = await readRegistry(createReader([rpcUrl]), options)
  const facts = await readEmergencyFacts({ deployment, rpcUrl, nowSec: await chain.nowSec() })
  const stated = stateAction(action, facts, { domain, inForce })
  if ('refused' in stated) throw new Error(`${stated.refused}: ${stated.sentence}`)
  const { signed, digest, needed } = stated.statement
  const signatures = members
    .slice(0, needed)
    .toSorted((a, b) => (a.identity < b.identity ? -1 : 1))
    .map(member => member.sign(digest))
  return chain.send(fundedAccount(0), callOf(signed, deployment.contracts, signatures))
}
