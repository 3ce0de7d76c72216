import type { PageConfig } from '../../../dashboard/src/model/page-config.ts'
import { FEED_ID, TestNetwork } from './test-network.ts'

const REGISTRY = `0x${'a3'.repeat(20)}` as const

/** A valid page configuration of a network of four; a test changes the one field that matters. */
export function aConfig(changes: Partial<PageConfig> = {}): PageConfig {
  const { addresses } = new TestNetwork(4, { chainId: 31337, registry: REGISTRY })
  return {
    chainId: 31337,
    rpcUrl: 'http://127.0.0.1:4601',
    contracts: {
      io: `0x${'a1'.repeat(20)}`,
      iosd: `0x${'a2'.repeat(20)}`,
      oracleRegistry: REGISTRY,
      priceFeed: `0x${'a4'.repeat(20)}`,
      burner: `0x${'a5'.repeat(20)}`,
    },
    economy: null,
    epochs: null,
    feed: 'IO/USD',
    feedId: FEED_ID,
    roundMs: 1000,
    venues: 'simulated',
    aggregators: ['http://127.0.0.1:4660', 'http://127.0.0.1:4661'],
    relayer: null,
    gateway: null,
    oracles: addresses.map((address, slot) => ({ slot, address, name: `oracle-${slot}` })),
    ...changes,
  }
}
