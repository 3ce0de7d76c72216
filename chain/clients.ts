import { createPublicClient, fallback, http, type PublicClient } from 'viem'

const RPC_TIMEOUT_MS = 4_000

/** Reads from several endpoints: the first that answers in time. */
export function createReader(rpcUrls: readonly string[]): PublicClient {
  const transports = rpcUrls.map(url => http(url, { timeout: RPC_TIMEOUT_MS, retryCount: 1 }))
  return createPublicClient({ transport: fallback(transports, { retryCount: 0 }) })
}
