import { type Address, bigintToBytes, hexOf } from '../../../protocol/bytes.ts'
import { EPOCH_REPORT_STRUCT } from '../../../protocol/epoch/report.ts'
import type { Wei } from '../../../protocol/units.ts'
import {
  decodeSettlementEvent,
  type SettlementEvent,
  type SettlementEventKind,
} from '../model/chain-epochs.ts'
import { type ClaimedReward, type ClaimKind, decodeClaim } from '../model/claims.ts'
import type { Economy } from '../model/economy.ts'
import { WireError } from '../model/fields.ts'
import { type Log, topicOf } from '../model/logs.ts'
import type { EconomyContracts, PageConfig } from '../model/page-config.ts'
import { argument, blockTag, type Call, eventTopic, logsOf, quantityOf, selectorOf, wordsOf } from './rpc.ts'

const REPORT_TYPES = EPOCH_REPORT_STRUCT.fields.map(field => field.type).join(',')

/** What is read of the contracts of the economy, by Solidity signature. */
export const READ_ECONOMY = {
  genesis: 'genesis()',
  totals: 'totals()',
  emissionOf: 'emissionOf(uint64)',
  reserve: 'reserve()',
  nextEpoch: 'nextEpoch()',
  funded: 'funded()',
  claimed: 'claimed()',
  root: 'root()',
  claimedBy: 'claimedBy(address)',
  debits: 'debits()',
  held: 'held(uint8)',
  balanceOf: 'balanceOf(address)',
  gateways: 'gateways()',
  epochStaged: `EpochStaged(uint64,uint32,uint256,(${REPORT_TYPES}))`,
  rewardsPosted: 'RewardsPosted(uint64,bytes32,bytes32,uint256,uint256,uint256,bytes32)',
  epochMinted: 'EpochMinted(uint64,uint256,uint256)',
  netMinted: 'NetEmissionMinted(uint64,uint256,uint256,uint256,uint256)',
  claimedEvent: 'Claimed(address,address,uint256,uint256)',
  claimedAsIosdEvent: 'ClaimedAsIosd(address,uint256,uint256,uint256)',
  modelRegistered: 'ModelRegistered(bytes32,address,bytes32)',
} as const

const KINDS: ReadonlyMap<string, SettlementEventKind> = new Map([
  [eventTopic(READ_ECONOMY.epochStaged), 'staged'],
  [eventTopic(READ_ECONOMY.rewardsPosted), 'posted'],
  [eventTopic(READ_ECONOMY.epochMinted), 'minted'],
  [eventTopic(READ_ECONOMY.netMinted), 'net'],
])
const CLAIM_KINDS: ReadonlyMap<string, ClaimKind> = new Map([
  [eventTopic(READ_ECONOMY.claimedEvent), 'io'],
  [eventTopic(READ_ECONOMY.claimedAsIosdEvent), 'iosd'],
])
const MODEL_REGISTERED = eventTopic(READ_ECONOMY.modelRegistered)

/** Asset numbers of the escrow. */
const IO_ASSET = 1n
const IOSD_ASSET = 2n
/** Accounts whose claims are read in one look: the list shows no more. */
const MAX_ACCOUNTS = 64
/** Owners that are remembered: the page asks for far fewer. */
const MAX_OWNERS = 256

export interface EconomyQuery {
  contracts: PageConfig['contracts']
  economy: EconomyContracts
  block: number
  fromBlock: number
  /** From where models are looked for: the chain's start at first. */
  modelsFrom: number
  /** The running epoch. */
  epoch: number | undefined
  accounts: readonly Address[]
  /** Owners that earlier looks found. */
  modelOwners: ReadonlyMap<Address, number>
}

export interface EconomyAnswer {
  economy: Economy
  settlements: SettlementEvent[]
  claims: ClaimedReward[]
}

/** What is asked for one look, and how the results, in the same order, are read. */
export function economyPlan(query: EconomyQuery): {
  calls: Call[]
  read(results: readonly unknown[]): EconomyAnswer
} {
  const { emission, settlement, rewardsDistributor, escrow, modelRegistry } = query.economy
  const { io, iosd, oracleRegistry } = query.contracts
  const accounts = query.accounts.slice(0, MAX_ACCOUNTS)
  const at = blockTag(query.block)
  const calls: Call[] = []
  const ask = (call: Call) => calls.push(call) - 1
  const call = (to: string, signature: string, ...given: (bigint | string)[]) =>
    ask({
      method: 'eth_call',
      params: [{ to, data: selectorOf(signature) + given.map(argument).join('') }, at],
    })
  const logs = (address: string | string[], topics: readonly string[], from: number) =>
    ask({
      method: 'eth_getLogs',
      params: [{ address, topics: [topics], fromBlock: blockTag(from), toBlock: at }],
    })

  const index = {
    genesis: call(emission, READ_ECONOMY.genesis),
    totals: call(emission, READ_ECONOMY.totals),
    reserve: call(settlement, READ_ECONOMY.reserve),
    nextEpoch: call(settlement, READ_ECONOMY.nextEpoch),
    funded: call(rewardsDistributor, READ_ECONOMY.funded),
    claimed: call(rewardsDistributor, READ_ECONOMY.claimed),
    root: call(rewardsDistributor, READ_ECONOMY.root),
    debits: call(escrow, READ_ECONOMY.debits),
    heldIo: call(escrow, READ_ECONOMY.held, IO_ASSET),
    heldIosd: call(escrow, READ_ECONOMY.held, IOSD_ASSET),
    atSettlement: call(io, READ_ECONOMY.balanceOf, settlement),
    atDistributor: call(io, READ_ECONOMY.balanceOf, rewardsDistributor),
    atEscrowIo: call(io, READ_ECONOMY.balanceOf, escrow),
    atEscrowIosd: call(iosd, READ_ECONOMY.balanceOf, escrow),
    gateways: call(oracleRegistry, READ_ECONOMY.gateways),
    running: query.epoch === undefined ? -1 : call(emission, READ_ECONOMY.emissionOf, BigInt(query.epoch)),
    settled: logs([settlement, emission], [...KINDS.keys()], query.fromBlock),
    claims: logs(rewardsDistributor, [...CLAIM_KINDS.keys()], query.fromBlock),
    models: logs(modelRegistry, [MODEL_REGISTERED], query.modelsFrom),
    claimedBy: accounts.map(account => call(rewardsDistributor, READ_ECONOMY.claimedBy, account)),
  }

  const read = (results: readonly unknown[]): EconomyAnswer => {
    const wei = (at: number, name: string) => quantityOf(results[at], name) as Wei
    const [scheduled, net] = wordsOf(results[index.totals], 2, 'Emission.totals')
    const [, spentIosd, spentIo] = wordsOf(results[index.debits], 5, 'Escrow.debits')
    return {
      settlements: logsOf(results[index.settled]).map(settlementEvent),
      claims: logsOf(results[index.claims]).map(claimedReward),
      economy: {
        genesis: wei(index.genesis, 'Emission.genesis'),
        scheduled: scheduled as Wei,
        net: net as Wei,
        reserve: wei(index.reserve, 'Settlement.reserve'),
        nextEpoch: Number(wei(index.nextEpoch, 'Settlement.nextEpoch')),
        posted: wei(index.funded, 'RewardsDistributor.funded'),
        claimed: wei(index.claimed, 'RewardsDistributor.claimed'),
        rewardRoot: hexOf(bigintToBytes(wei(index.root, 'RewardsDistributor.root'), 32)),
        spentIo: spentIo as Wei,
        spentIosd: spentIosd as Wei,
        heldIo: wei(index.heldIo, 'Escrow.held'),
        heldIosd: wei(index.heldIosd, 'Escrow.held'),
        balances: {
          settlement: wei(index.atSettlement, 'IO.balanceOf'),
          distributor: wei(index.atDistributor, 'IO.balanceOf'),
          escrowIo: wei(index.atEscrowIo, 'IO.balanceOf'),
          escrowIosd: wei(index.atEscrowIosd, 'IOSD.balanceOf'),
        },
        running: query.epoch === undefined ? null : runningOf(query.epoch, results[index.running]),
        gateways: membersOf(results[index.gateways], 'OracleRegistry.gateways'),
        modelOwners: addOwners(query.modelOwners, logsOf(results[index.models])),
        claimedBy: new Map(
          accounts.map((account, each) => [account, wei(index.claimedBy[each] ?? -1, 'claimedBy')]),
        ),
      },
    }
  }
  return { calls, read }
}

function settlementEvent(log: Log): SettlementEvent {
  return decodeSettlementEvent(kindOf(log, KINDS), log)
}

function claimedReward(log: Log): ClaimedReward {
  return decodeClaim(kindOf(log, CLAIM_KINDS), log)
}

function kindOf<K>(log: Log, kinds: ReadonlyMap<string, K>): K {
  const kind = kinds.get(log.topics[0] ?? '')
  if (kind === undefined) throw new WireError('log.topics[0]', 'an event that was asked for')
  return kind
}

function runningOf(epoch: number, data: unknown): Economy['running'] {
  const [scheduled, burned, cap, net] = wordsOf(data, 4, 'Emission.emissionOf')
  return { epoch, scheduled: scheduled as Wei, burned: burned as Wei, cap: cap as Wei, net: net as Wei }
}

/** Identities of `Member[]`: an offset, a length, then address and peer key of each. */
function membersOf(data: unknown, path: string): Address[] {
  const [, length = 0n, ...words] = wordsOf(data, 2, path)
  if (BigInt(words.length) !== 2n * length) throw new WireError(path, 'a list of members')
  return words.filter((_, index) => index % 2 === 0).map(word => addressOf(word))
}

/** Owner → models; a model is registered once. */
function addOwners(known: ReadonlyMap<Address, number>, logs: readonly Log[]): ReadonlyMap<Address, number> {
  const owners = new Map(known)
  for (const log of logs) {
    const owner = addressOf(topicOf(log, 2))
    if (owners.has(owner) || owners.size < MAX_OWNERS) owners.set(owner, (owners.get(owner) ?? 0) + 1)
  }
  return owners
}

function addressOf(word: bigint): Address {
  return `0x${word.toString(16).padStart(40, '0')}`
}
