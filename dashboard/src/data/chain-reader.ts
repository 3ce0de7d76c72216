import type { Address } from '../../../protocol/bytes.ts'
import { epochOf } from '../../../protocol/epoch/time.ts'
import { unpackReport } from '../../../protocol/report.ts'
import type { Wei } from '../../../protocol/units.ts'
import { decodeBurn } from '../model/burns.ts'
import { fieldsOf, WireError } from '../model/fields.ts'
import type { Log } from '../model/logs.ts'
import type { PageConfig } from '../model/page-config.ts'
import type { ChainEvents, ChainLook } from '../model/state.ts'
import { economyPlan } from './economy-reader.ts'
import { batch, blockTag, type Call, eventTopic, logsOf, type Post, quantityOf, selectorOf } from './rpc.ts'

/** What is read of the contracts, by Solidity signature. */
export const READ = {
  totalSupply: 'totalSupply()',
  totalBurned: 'totalBurned()',
  latestWord: 'latestWord()',
  burned: 'Burned(address,uint256,uint256,uint256,uint256,uint40)',
  groupKeyRotated: 'GroupKeyRotated(uint32,uint32,uint256,uint256,bytes32,uint32,uint40)',
} as const

const TOTAL_SUPPLY = selectorOf(READ.totalSupply)
const TOTAL_BURNED = selectorOf(READ.totalBurned)
const LATEST_WORD = selectorOf(READ.latestWord)
const BURNED_TOPIC = eventTopic(READ.burned)
const KEY_ROTATED_TOPIC = eventTopic(READ.groupKeyRotated)

/** How far back the first look goes: about an hour and a half of one-second blocks. */
const FIRST_LOOK_BLOCKS = 5_000
/** Blocks read again at every look, so that a short reorganisation corrects itself. */
const OVERLAP_BLOCKS = 8
const NO_MODELS = { owners: new Map<Address, number>(), nextBlock: 0 }
/** What one look found: the chain as it is, and what has happened on it. */
export interface ChainAnswer extends ChainEvents {
  look: ChainLook
}

/**
 * Reads supply, burns, the feed's price, the group keys and the economy over raw JSON-RPC, one batch a look and all
 * of it at one block: some numbers more than a wallet library is worth in a page.
 */
export class ChainReader {
  readonly #config: PageConfig
  readonly #post: Post
  #seenBlock: number | null = null
  #groupKeys: ReadonlyMap<number, bigint> = new Map()
  #models: { owners: ReadonlyMap<Address, number>; nextBlock: number } = NO_MODELS

  constructor(config: PageConfig, post: Post) {
    this.#config = config
    this.#post = post
  }

  /**
   * @param nowMs Unix milliseconds
   * @param accounts whose claims are wanted
   * @throws when the endpoint does not answer, or with something else than what was asked for
   */
  async look(nowMs: number, accounts: readonly Address[] = []): Promise<ChainAnswer> {
    const [newest] = await this.#batch([{ method: 'eth_getBlockByNumber', params: ['latest', false] }])
    const { block, blockSec } = headOf(newest)
    // A lower block means another chain behind the same port: nothing known about the first one counts.
    const seen = this.#seenBlock !== null && this.#seenBlock <= block ? this.#seenBlock : null
    const fromBlock = Math.max(0, seen === null ? block - FIRST_LOOK_BLOCKS : seen - OVERLAP_BLOCKS)
    const models = seen === null ? NO_MODELS : this.#models

    const basics = this.#basics(block, fromBlock, seen === null ? 0 : fromBlock)
    const { economy: contracts, epochs } = this.#config
    const plan =
      contracts === null
        ? undefined
        : economyPlan({
            contracts: this.#config.contracts,
            economy: contracts,
            block,
            fromBlock,
            modelsFrom: models.nextBlock,
            epoch: epochs === null || blockSec < epochs.startSec ? undefined : epochOf(epochs, blockSec),
            accounts,
            modelOwners: models.owners,
          })
    const results = await this.#batch([...basics, ...(plan?.calls ?? [])])
    const [ioSupply, iosdSupply, burned, word, burnLogs, keyLogs] = results
    const latest = unpackReport(quantityOf(word, 'latestWord'))
    const rotations = logsOf(keyLogs).map(groupKeyOf)
    const said = plan?.read(results.slice(basics.length))
    const answer: ChainAnswer = {
      fromBlock: seen === null ? 0 : fromBlock,
      burns: logsOf(burnLogs).map(decodeBurn),
      settlements: said?.settlements ?? [],
      claims: said?.claims ?? [],
      look: {
        block,
        blockSec,
        seenAtMs: nowMs,
        ioSupply: quantityOf(ioSupply, 'IO.totalSupply') as Wei,
        iosdSupply: quantityOf(iosdSupply, 'IOSD.totalSupply') as Wei,
        burned: quantityOf(burned, 'Burner.totalBurned') as Wei,
        latest: latest.round === 0 ? null : { price: latest.price, round: latest.round },
        groupKeys: new Map([...(seen === null ? [] : this.#groupKeys), ...rotations]),
        economy: said?.economy ?? null,
      },
    }
    this.#groupKeys = answer.look.groupKeys
    this.#models = { owners: said?.economy.modelOwners ?? new Map(), nextBlock: block + 1 }
    this.#seenBlock = block
    return answer
  }

  #basics(block: number, burnsFrom: number, keysFrom: number): Call[] {
    const { io, iosd, burner, priceFeed, oracleRegistry } = this.#config.contracts
    const at = blockTag(block)
    const call = (to: string, data: string) => ({ method: 'eth_call', params: [{ to, data }, at] })
    const logs = (address: string, topic: string, from: number) => ({
      method: 'eth_getLogs',
      params: [{ address, topics: [topic], fromBlock: blockTag(from), toBlock: at }],
    })
    return [
      call(io, TOTAL_SUPPLY),
      call(iosd, TOTAL_SUPPLY),
      call(burner, TOTAL_BURNED),
      call(priceFeed, LATEST_WORD),
      logs(burner, BURNED_TOPIC, burnsFrom),
      logs(oracleRegistry, KEY_ROTATED_TOPIC, keysFrom),
    ]
  }

  #batch(calls: readonly Call[]): Promise<unknown[]> {
    return batch(this.#post, this.#config.rpcUrl, calls)
  }
}

function headOf(value: unknown): { block: number; blockSec: number } {
  const fields = fieldsOf(value, 'block')
  const block = Number(quantityOf(fields.text('number'), 'block.number'))
  const blockSec = Number(quantityOf(fields.text('timestamp'), 'block.timestamp'))
  if (!Number.isSafeInteger(block) || !Number.isSafeInteger(blockSec)) throw new WireError('block', 'of now')
  return { block, blockSec }
}

/** `GroupKeyRotated`: key epoch and member set are indexed, the key is the first word of the data. */
function groupKeyOf(log: Log): readonly [number, bigint] {
  const epoch = log.topics[1]
  if (epoch === undefined) throw new WireError('log.topics', 'those of a key rotation')
  return [Number(epoch), BigInt(log.data.slice(0, 66))]
}
