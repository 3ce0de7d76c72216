import { keccak_256 } from '@noble/hashes/sha3.js'
import { hexOf } from '../../../protocol/bytes.ts'
import { unpackReport } from '../../../protocol/report.ts'
import type { Wei } from '../../../protocol/units.ts'
import { type Burn, decodeBurn, type Log } from '../model/burns.ts'
import { type Fields, fieldsOf, WireError } from '../model/fields.ts'
import type { PageConfig } from '../model/page-config.ts'
import type { ChainLook } from '../model/state.ts'

const utf8 = new TextEncoder()
const topicOf = (signature: string) => hexOf(keccak_256(utf8.encode(signature)))
const selectorOf = (signature: string) => topicOf(signature).slice(0, 10)

/** What is read of the contracts, by Solidity signature. */
export const READ = {
  totalSupply: 'totalSupply()',
  totalBurned: 'totalBurned()',
  latestWord: 'latestWord()',
  burned: 'Burned(address,uint256,uint256,uint256,uint256,uint40)',
  groupKeyRotated: 'GroupKeyRotated(uint32,uint256,uint256,bytes32,uint32)',
} as const

const TOTAL_SUPPLY = selectorOf(READ.totalSupply)
const TOTAL_BURNED = selectorOf(READ.totalBurned)
const LATEST_WORD = selectorOf(READ.latestWord)
const BURNED_TOPIC = topicOf(READ.burned)
const KEY_ROTATED_TOPIC = topicOf(READ.groupKeyRotated)

/** How far back the first look goes: about an hour and a half of one-second blocks. */
const FIRST_LOOK_BLOCKS = 5_000
/** Blocks read again at every look, so that a short reorganisation corrects itself. */
const OVERLAP_BLOCKS = 8
/** More logs in one answer than the page could show. */
const MAX_LOGS = 20_000

export interface ChainAnswer {
  look: ChainLook
  fromBlock: number
  burns: Burn[]
}

/** Posts JSON and returns the JSON that comes back; rejects when nothing does. */
export type Post = (url: string, body: unknown) => Promise<unknown>

/**
 * Reads supply, burns, the feed's price and the group keys over raw JSON-RPC, one batch a look: three more
 * numbers than a wallet library is worth in a page.
 */
export class ChainReader {
  readonly #config: PageConfig
  readonly #post: Post
  #seenBlock: number | null = null
  #groupKeys: ReadonlyMap<number, bigint> = new Map()

  constructor(config: PageConfig, post: Post) {
    this.#config = config
    this.#post = post
  }

  /** @throws when the endpoint does not answer, or with something else than what was asked for */
  async look(): Promise<ChainAnswer> {
    const block = Number(
      quantityOf((await this.#batch([{ method: 'eth_blockNumber', params: [] }]))[0], 'block'),
    )
    // A lower block means another chain behind the same port: nothing known about the first one counts.
    const seen = this.#seenBlock !== null && this.#seenBlock <= block ? this.#seenBlock : null
    const fromBlock = Math.max(0, seen === null ? block - FIRST_LOOK_BLOCKS : seen - OVERLAP_BLOCKS)
    const { io, iosd, burner, priceFeed, oracleRegistry } = this.#config.contracts
    const at = `0x${block.toString(16)}`
    const call = (to: string, data: string) => ({ method: 'eth_call', params: [{ to, data }, at] })
    const logs = (address: string, topic: string, from: number) => ({
      method: 'eth_getLogs',
      params: [{ address, topics: [topic], fromBlock: `0x${from.toString(16)}`, toBlock: at }],
    })

    const [ioSupply, iosdSupply, burned, word, burnLogs, keyLogs] = await this.#batch([
      call(io, TOTAL_SUPPLY),
      call(iosd, TOTAL_SUPPLY),
      call(burner, TOTAL_BURNED),
      call(priceFeed, LATEST_WORD),
      logs(burner, BURNED_TOPIC, fromBlock),
      logs(oracleRegistry, KEY_ROTATED_TOPIC, seen === null ? 0 : fromBlock),
    ])
    const latest = unpackReport(quantityOf(word, 'latestWord'))
    const rotations = logsOf(keyLogs).map(groupKeyOf)
    const answer: ChainAnswer = {
      fromBlock: seen === null ? 0 : fromBlock,
      burns: logsOf(burnLogs).map(decodeBurn),
      look: {
        block,
        ioSupply: quantityOf(ioSupply, 'IO.totalSupply') as Wei,
        iosdSupply: quantityOf(iosdSupply, 'IOSD.totalSupply') as Wei,
        burned: quantityOf(burned, 'Burner.totalBurned') as Wei,
        latest: latest.round === 0 ? null : { price: latest.price, round: latest.round },
        groupKeys: new Map([...(seen === null ? [] : this.#groupKeys), ...rotations]),
      },
    }
    this.#groupKeys = answer.look.groupKeys
    this.#seenBlock = block
    return answer
  }

  async #batch(calls: { method: string; params: unknown[] }[]): Promise<unknown[]> {
    const answer = await this.#post(
      this.#config.rpcUrl,
      calls.map((call, id) => ({ jsonrpc: '2.0', id, ...call })),
    )
    if (!Array.isArray(answer)) throw new WireError('rpc', 'a list of answers')
    const results = new Map<number, unknown>()
    for (const entry of answer) {
      const fields: Fields = fieldsOf(entry, 'rpc')
      if (fields.has('error')) throw new WireError('rpc.result', 'there')
      results.set(fields.count('id'), Reflect.get(Object(entry), 'result'))
    }
    return calls.map((_, id) => results.get(id))
  }
}

function quantityOf(value: unknown, path: string): bigint {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{1,64}$/.test(value))
    throw new WireError(path, 'a quantity')
  return BigInt(value)
}

function logsOf(value: unknown): Log[] {
  if (!Array.isArray(value) || value.length > MAX_LOGS) throw new WireError('logs', 'a list')
  return value.map(entry => {
    const fields = fieldsOf(entry, 'log')
    return {
      blockNumber: fields.text('blockNumber'),
      logIndex: fields.text('logIndex'),
      topics: fields.texts('topics', 4),
      data: fields.text('data'),
    }
  })
}

/** `GroupKeyRotated`: the key epoch is indexed, the key is the first word of the data. */
function groupKeyOf(log: Log): readonly [number, bigint] {
  const epoch = log.topics[1]
  if (epoch === undefined) throw new WireError('log.topics', 'those of a key rotation')
  return [Number(epoch), BigInt(log.data.slice(0, 66))]
}
