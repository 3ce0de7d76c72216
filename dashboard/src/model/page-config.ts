import type { Address, Hash } from '../../../protocol/bytes.ts'
import type { EpochClock } from '../../../protocol/epoch/time.ts'
import { type Fields, fieldsOf, WireError } from './fields.ts'

export interface Oracle {
  slot: number
  address: Address
  name: string
}

/** The contracts that mint, settle and pay. */
export interface EconomyContracts {
  emission: Address
  settlement: Address
  rewardsDistributor: Address
  escrow: Address
  modelRegistry: Address
}

/** What the page server says about the network it belongs to. */
export interface PageConfig {
  chainId: number
  rpcUrl: string
  contracts: { io: Address; iosd: Address; oracleRegistry: Address; priceFeed: Address; burner: Address }
  /** `null` where the network has prices only. */
  economy: EconomyContracts | null
  /** t0 and length of the epochs; `null` when the network has none, or does not say. */
  epochs: EpochClock | null
  feed: string
  feedId: Hash
  roundMs: number
  venues: 'live' | 'simulated'
  /** Base URLs, without a slash at the end. */
  aggregators: string[]
  /** Base URL of the relayer that the page reads, likewise; `null` without one. */
  relayer: string | null
  /** Base URL of a gateway, likewise; `null` without one. */
  gateway: string | null
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
    economy: economyOf(contracts),
    epochs: fields.known('epochs', name => clockOf(fields.object(name))),
    feed: fields.text('feed'),
    feedId: fields.hex('feedId', 32),
    roundMs: fields.count('roundMs'),
    venues,
    aggregators: fields.texts('aggregators', MAX_LISTED).map(baseUrl),
    relayer: fields.known('relayer', name => baseUrl(fields.text(name))),
    gateway: fields.known('gateway', name => baseUrl(fields.text(name))),
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

/** All of them or none: half an economy cannot be checked. */
function economyOf(contracts: Fields): EconomyContracts | null {
  if (!contracts.has('settlement')) return null
  return {
    emission: contracts.hex('emission', 20),
    settlement: contracts.hex('settlement', 20),
    rewardsDistributor: contracts.hex('rewardsDistributor', 20),
    escrow: contracts.hex('escrow', 20),
    modelRegistry: contracts.hex('modelRegistry', 20),
  }
}

function clockOf(fields: Fields): EpochClock {
  const clock = { startSec: fields.count('startSec'), lengthSec: fields.count('lengthSec') }
  if (clock.lengthSec === 0) throw new WireError('page.epochs.lengthSec', 'at least a second')
  return clock
}

function baseUrl(url: string): string {
  return url.replace(/\/+$/, '')
}
