import type { Address, Hash } from '../../../protocol/bytes.ts'
import { fieldsOf, WireError } from './fields.ts'

export interface Oracle {
  slot: number
  address: Address
  name: string
}

/** What the page server says about the network it belongs to. */
export interface PageConfig {
  chainId: number
  rpcUrl: string
  contracts: { io: Address; iosd: Address; oracleRegistry: Address; priceFeed: Address; burner: Address }
  feed: string
  feedId: Hash
  roundMs: number
  venues: 'live' | 'simulated'
  /** Base URLs, without a slash at the end. */
  aggregators: string[]
  /** By slot. */
  oracles: Oracle[]
}

const MAX_LISTED = 128

/** @throws {WireError} */
export function parsePageConfig(value: unknown): PageConfig {
  const fields = fieldsOf(value, 'page')
  const contracts = fields.object('contracts')
  const venues = fields.text('venues')
  if (venues !== 'live' && venues !== 'simulated') throw new WireError('page.venues', '"live" or "simulated"')
  return {
    chainId: fields.count('chainId'),
    rpcUrl: fields.text('rpcUrl'),
    contracts: {
      io: contracts.hex('io', 20),
      iosd: contracts.hex('iosd', 20),
      oracleRegistry: contracts.hex('oracleRegistry', 20),
      priceFeed: contracts.hex('priceFeed', 20),
      burner: contracts.hex('burner', 20),
    },
    feed: fields.text('feed'),
    feedId: fields.hex('feedId', 32),
    roundMs: fields.count('roundMs'),
    venues,
    aggregators: fields.texts('aggregators', MAX_LISTED).map(url => url.replace(/\/+$/, '')),
    oracles: fields
      .objects('oracles', MAX_LISTED)
      .map(oracle => ({
        slot: oracle.count('slot'),
        address: oracle.hex('address', 20),
        name: oracle.text('name'),
      }))
      .sort((a, b) => a.slot - b.slot),
  }
}
