/** The price on chain, as an aggregator reads and writes it. */
import type { PublicClient } from 'viem'
import { type Address, type Hex, hexOf } from '../protocol/bytes.ts'
import type { CertifiedReport } from '../protocol/certificate.ts'
import { type Report, unpackReport } from '../protocol/report.ts'
import { priceFeedAbi } from './abi/price-feed.ts'
import type { ContractCall } from './transactor.ts'

/** The contract's form of a 64-byte compact signature. */
export function contractSignature(signature: Uint8Array): { r: Hex; yParityAndS: Hex } {
  return { r: hexOf(signature.subarray(0, 32)), yParityAndS: hexOf(signature.subarray(32)) }
}

/**
 * The report that the feed stores, or undefined before the first one.
 *
 * @param blockTag `pending`: with the transactions that wait for a block, as far as the endpoint knows them
 */
export async function readLatestReport(
  reader: PublicClient,
  priceFeed: Address,
  blockTag: 'latest' | 'pending' = 'latest',
): Promise<Report | undefined> {
  const word = await reader.readContract({
    address: priceFeed,
    abi: priceFeedAbi,
    functionName: 'latestWord',
    blockTag,
  })
  return word === 0n ? undefined : unpackReport(word)
}

/** Seconds: an older observation is refused. Fixed at deployment. */
export async function readMaxAgeSec(reader: PublicClient, priceFeed: Address): Promise<number> {
  const of = { address: priceFeed, abi: priceFeedAbi } as const
  const [, , { maxAgeSec }] = await reader.readContract({ ...of, functionName: 'params' })
  return maxAgeSec
}

/** The call that puts a certified report on chain. */
export function updateCall(priceFeed: Address, { word, certificate }: CertifiedReport): ContractCall {
  const feed = { address: priceFeed, abi: priceFeedAbi } as const
  return certificate.kind === 'group'
    ? { ...feed, functionName: 'update', args: [word, certificate.signature.r, certificate.signature.s] }
    : {
        ...feed,
        functionName: 'updateWithQuorum',
        args: [word, certificate.signatures.map(contractSignature)],
      }
}
