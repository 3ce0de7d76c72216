/** What is sent to the contracts of settlement, for a transactor. */
import type { Abi } from 'viem'
import type { Address, Hex } from '../../protocol/bytes.ts'
import type { Certificate } from '../../protocol/certificate.ts'
import type { RewardLine } from '../../protocol/epoch/ledger.ts'
import type { EpochReport } from '../../protocol/epoch/report.ts'
import type { Asset } from '../../protocol/usage/wire.ts'
import { burnerAbi } from '../abi/burner.ts'
import { emissionAbi } from '../abi/emission.ts'
import { escrowAbi } from '../abi/escrow.ts'
import { priceFeedAbi } from '../abi/price-feed.ts'
import { rewardsDistributorAbi } from '../abi/rewards-distributor.ts'
import { settlementAbi } from '../abi/settlement.ts'
import type { ReportArgument } from '../burn-terms.ts'
import { contractSignature } from '../price-feed.ts'
import type { ContractCall } from '../transactor.ts'

/** A report as the contract's struct is encoded: 64-bit fields are bigint. */
export function contractReport(report: EpochReport) {
  return { ...report, epoch: BigInt(report.epoch), snapshotBlock: BigInt(report.snapshotBlock) }
}

const ACTIVATE_ABI = withErrorsOf(settlementAbi, [...escrowAbi, ...rewardsDistributorAbi, ...emissionAbi])

/** Stages a certified epoch, and makes it active at once where there is no time to dispute. */
export function settleCall(settlement: Address, report: EpochReport, certificate: Certificate): ContractCall {
  const contract = { address: settlement, abi: ACTIVATE_ABI } as const
  const staged = contractReport(report)
  return certificate.kind === 'group'
    ? {
        ...contract,
        functionName: 'settle',
        args: [staged, certificate.signature.r, certificate.signature.s],
      }
    : {
        ...contract,
        functionName: 'settleWithQuorum',
        args: [staged, certificate.signatures.map(contractSignature)],
      }
}

/** Makes the staged epoch active once it can no longer be disputed. */
export function activateCall(settlement: Address, report: EpochReport): ContractCall {
  return {
    address: settlement,
    abi: ACTIVATE_ABI,
    functionName: 'activate',
    args: [contractReport(report)],
  }
}

/**
 * Makes the staged report of an epoch void.
 *
 * @param signatures over `vetoDigest`, of at least f + 1 active members, ascending by address
 */
export function vetoCall(
  settlement: Address,
  epoch: number,
  signatures: readonly Uint8Array[],
): ContractCall {
  return signedByMembers(settlement, 'veto', epoch, signatures)
}

/**
 * Settles the next epoch without a report.
 *
 * @param signatures over `emptyEpochDigest`, of a quorum of active members, ascending by address
 */
export function settleEmptyCall(
  settlement: Address,
  epoch: number,
  signatures: readonly Uint8Array[],
): ContractCall {
  return signedByMembers(settlement, 'settleEmpty', epoch, signatures)
}

function signedByMembers(
  settlement: Address,
  functionName: 'veto' | 'settleEmpty',
  epoch: number,
  signatures: readonly Uint8Array[],
): ContractCall {
  return {
    address: settlement,
    abi: settlementAbi,
    functionName,
    args: [BigInt(epoch), signatures.map(contractSignature)],
  }
}

/** Pays an account all that it has earned and not been paid. Anybody may send it. */
export function claimCall(
  distributor: Address,
  { account, cumulative }: RewardLine,
  proof: readonly Hex[],
): ContractCall {
  return {
    address: distributor,
    abi: rewardsDistributorAbi,
    functionName: 'claim',
    args: [account, cumulative, proof],
  }
}

const CLAIM_AS_IOSD_ABI = withErrorsOf(rewardsDistributorAbi, [...burnerAbi, ...priceFeedAbi])

/**
 * Burns all that the sender has earned and not been paid, for IOSD of its own.
 *
 * @param terms.minIosdOut wei of IOSD
 */
export function claimAsIosdCall(
  distributor: Address,
  cumulative: bigint,
  proof: readonly Hex[],
  terms: { readonly minIosdOut: bigint; readonly deadline: bigint; readonly report: ReportArgument },
): ContractCall {
  return {
    address: distributor,
    abi: CLAIM_AS_IOSD_ABI,
    functionName: 'claimAsIosd',
    args: [cumulative, proof, terms.minIosdOut, terms.deadline, terms.report],
  }
}

/** Deposits the sender's own tokens, of which the escrow needs an allowance. @param amount wei */
export function depositCall(escrow: Address, asset: Asset, amount: bigint): ContractCall {
  return { address: escrow, abi: escrowAbi, functionName: 'deposit', args: [asset, amount] }
}

/** A call fails with the errors of those whom the contract calls, too. */
function withErrorsOf(own: Abi, called: Abi): Abi {
  return [...own, ...called.filter(({ type }) => type === 'error')]
}
