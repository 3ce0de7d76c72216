/** What is sent to the contracts in an emergency. */
import { burnerAbi } from '../../chain/abi/burner.ts'
import type { Deployment } from '../../chain/deployment.ts'
import { contractSignature } from '../../chain/price-feed.ts'
import { settleEmptyCall, vetoCall } from '../../chain/settlement/calls.ts'
import type { ContractCall } from '../../chain/transactor.ts'
import type { Signed } from './action.ts'

/** @param signatures 64 bytes each, as many as are needed, ascending by the signer's address */
export function callOf(
  signed: Signed,
  { settlement, burner }: Deployment['contracts'],
  signatures: readonly Uint8Array[],
): ContractCall {
  switch (signed.action) {
    case 'veto':
      return vetoCall(settlement, signed.epoch, signatures)
    case 'empty':
      return settleEmptyCall(settlement, signed.epoch, signatures)
    case 'pause-burns':
      return {
        address: burner,
        abi: burnerAbi,
        functionName: 'pause',
        args: [signatures.map(contractSignature)],
      }
    default:
      return signed satisfies never
  }
}
