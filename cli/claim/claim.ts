/** One claim: the proof from a relayer, checked against the chain before anything is sent. */
import type { LocalAccount } from 'viem'
import { rewardsDistributorAbi } from '../../chain/abi/rewards-distributor.ts'
import type { NewestReport } from '../../chain/burn-terms.ts'
import { createReader } from '../../chain/clients.ts'
import type { Deployment } from '../../chain/deployment.ts'
import { WrongChainError } from '../../chain/membership-reader.ts'
import {
  type ClaimResult,
  claimRewards,
  claimRewardsAsIosd,
  type IosdClaimResult,
  type ProvenLine,
} from '../../chain/settlement/claim.ts'
import { createTransactor } from '../../chain/transactor.ts'
import type { Address, Hash } from '../../protocol/bytes.ts'
import { systemClock } from '../../runtime/clock.ts'
import { createRelayerClient } from '../../sdk/relayer-client.ts'

/** What became of a claim. Amounts in wei of IO. */
export interface ClaimOutcome {
  readonly account: Address
  /** Where the account's rewards go: itself, unless it has said otherwise. */
  readonly payout: Address
  readonly claimedWei: bigint
  /** Wei of IOSD that the account got in place of IO. Null unless it was claimed as IOSD. */
  readonly iosdWei: bigint | null
  /** All that it has ever earned. */
  readonly cumulativeWei: bigint
  /** Null when there was nothing to claim. */
  readonly txHash: Hash | null
}

/** The proof is not of the chain's root: the relayer is behind, or wrong. Trying again later can help. */
export class StaleProofError extends Error {
  readonly code = 'STALE_PROOF'
  constructor(relayerUrl: string, root: Hash) {
    super(
      `the relayer at ${relayerUrl} does not prove rewards under the root on chain, ${root}: try again in a moment, or ask another relayer`,
    )
    this.name = 'StaleProofError'
  }
}

/** Above what Ethereum has cost in its worst hours; a claim can wait for a better one. */
const MAX_FEE_PER_GAS = 500n * 10n ** 9n
const MINED_WITHIN_MS = 60_000
const RELAYER_TIMEOUT_MS = 10_000
/** An epoch that becomes active between the proof and the look at the chain makes the proof stale, once. */
const TRIES = 4
const PAUSE_MS = 500

/** How a claim becomes IOSD, for the account itself. */
export interface AsIosd {
  /** Wei of IOSD. */
  readonly minIosdOut?: bigint
  readonly newestReport?: NewestReport
}

/**
 * @param options.account whose rewards; `sender` pays the gas
 * @param options.asIosd burns them for IOSD: then the account is the sender
 * @throws {StaleProofError} {TransactError} {BurnError} {ProblemError} {WrongChainError}
 */
export async function claimOnce(options: {
  readonly rpcUrls: readonly string[]
  readonly deployment: Deployment
  readonly relayerUrl: string
  readonly sender: LocalAccount
  readonly account: Address
  readonly asIosd?: AsIosd
}): Promise<ClaimOutcome> {
  const { rpcUrls, deployment, relayerUrl, account, asIosd } = options
  const { rewardsDistributor: distributor, priceFeed } = deployment.contracts
  const reader = createReader(rpcUrls)
  const chainId = await reader.getChainId()
  if (chainId !== deployment.chainId) throw new WrongChainError(chainId, deployment.chainId)
  const relayer = createRelayerClient({ url: relayerUrl, timeoutMs: RELAYER_TIMEOUT_MS })
  const transactor = createTransactor(
    {
      account: options.sender,
      chainId,
      rpcUrls,
      maxFeePerGasCeiling: MAX_FEE_PER_GAS,
      minedWithinMs: MINED_WITHIN_MS,
    },
    { reader, clock: systemClock },
  )
  const claim = (line: ProvenLine): Promise<ClaimResult | IosdClaimResult> => {
    const { signal } = new AbortController()
    const common = { transactor, reader, distributor, line }
    return asIosd === undefined
      ? claimRewards({ ...common, account }, signal)
      : claimRewardsAsIosd({ ...common, ...asIosd, priceFeed: priceFeed as Address }, signal)
  }
  const payout = (
    await reader.readContract({
      address: distributor,
      abi: rewardsDistributorAbi,
      functionName: 'payoutOf',
      args: [account],
    })
  ).toLowerCase() as Address

  const nothing = { account, payout, claimedWei: 0n, iosdWei: null, txHash: null }
  for (let attempt = 1; ; attempt++) {
    const line = await relayer.account(account)
    if (line === undefined) return { ...nothing, cumulativeWei: 0n }
    const result = await claim(line)
    switch (result.kind) {
      case 'claimed':
        return {
          account,
          payout,
          claimedWei: result.amount,
          iosdWei: 'iosd' in result ? result.iosd : null,
          cumulativeWei: line.cumulative,
          txHash: result.txHash,
        }
      case 'nothing':
        return { ...nothing, cumulativeWei: line.cumulative }
      case 'stale-proof':
        if (attempt === TRIES) throw new StaleProofError(relayerUrl, result.root)
        await systemClock.sleep(PAUSE_MS)
        break
      default:
        return result satisfies never
    }
  }
}
