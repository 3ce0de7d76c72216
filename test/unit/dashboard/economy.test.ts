import { expect } from 'chai'
import { toEventSignature, toFunctionSignature } from 'viem'
import { emissionAbi } from '../../../chain/abi/emission.ts'
import { escrowAbi } from '../../../chain/abi/escrow.ts'
import { ioAbi } from '../../../chain/abi/io.ts'
import { modelRegistryAbi } from '../../../chain/abi/model-registry.ts'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { rewardsDistributorAbi } from '../../../chain/abi/rewards-distributor.ts'
import { settlementAbi } from '../../../chain/abi/settlement.ts'
import { ChainReader } from '../../../dashboard/src/data/chain-reader.ts'
import { READ_ECONOMY } from '../../../dashboard/src/data/economy-reader.ts'
import { chainEpochsOf } from '../../../dashboard/src/model/chain-epochs.ts'
import {
  type Economy,
  identitiesOf,
  iosdMinted,
  MAX_SUPPLY,
  type Supplies,
} from '../../../dashboard/src/model/economy.ts'
import { WireError } from '../../../dashboard/src/model/fields.ts'
import type { Address } from '../../../protocol/bytes.ts'
import { ONE, type Wei } from '../../../protocol/units.ts'
import { aConfig } from '../../support/dashboard/a-config.ts'
import {
  ECONOMY_CONTRACTS,
  FakeEconomy,
  type FakeLog,
  GATEWAY,
  GENESIS,
  MODEL_OWNER,
  WORKERS,
} from '../../support/dashboard/economy.ts'
import { dataWord } from '../../support/dashboard/test-network.ts'

const EPOCHS = { startSec: 1_000, lengthSec: 40 }
const NOW_MS = 1_100_000
const config = aConfig({ economy: ECONOMY_CONTRACTS, epochs: EPOCHS })
const wei = (amount: bigint) => amount as Wei

interface Call {
  id: number
  method: string
  params: [
    { to: string; data: string; address: string | string[]; topics: [readonly string[]]; fromBlock: string },
  ]
}

/** A chain of one economy. `answer` may overrule what a contract says. */
function fakeChain(
  economy: FakeEconomy,
  answer: (to: string, data: string) => string | undefined = () => undefined,
) {
  const chain = { block: 50, logs: [] as (FakeLog & { block: number })[], asked: [] as Call[] }
  const result = ({ method, params: [query] }: Call): unknown => {
    if (method === 'eth_getBlockByNumber')
      return { number: `0x${chain.block.toString(16)}`, timestamp: '0x40c' }
    if (method === 'eth_getLogs') {
      return chain.logs
        .filter(log => [query.address].flat().includes(log.address) && log.block >= Number(query.fromBlock))
        .filter(({ topics: [event] }) => event !== undefined && query.topics[0].includes(event))
        .map((log, index) => ({ ...log, blockNumber: `0x${log.block.toString(16)}`, logIndex: `0x${index}` }))
    }
    const said = answer(query.to, query.data) ?? economy.call(query.to, query.data)
    if (said !== undefined) return said
    if (query.to === config.contracts.io) return `0x${dataWord(GENESIS + economy.scheduled + economy.net)}`
    return `0x${dataWord(0n)}`
  }
  const post = async (_url: string, body: unknown) => {
    const calls = body as Call[]
    chain.asked.push(...calls)
    return calls.map(call => ({ jsonrpc: '2.0', id: call.id, result: result(call) }))
  }
  return { chain, reader: new ChainReader(config, post) }
}

function settled() {
  const economy = new FakeEconomy()
  const { logs } = economy.settle({
    scheduled: 7n * ONE,
    net: ONE / 20n,
    hired: 2n * ONE,
    availability: 3n * ONE,
    debitIo: ONE,
    debitIosd: 4n * ONE,
  })
  return { economy, logs }
}

describe('reading the economy', () => {
  it('asks for what the contracts really have', () => {
    const abis = [
      ...emissionAbi,
      ...settlementAbi,
      ...rewardsDistributorAbi,
      ...escrowAbi,
      ...ioAbi,
      ...oracleRegistryAbi,
      ...modelRegistryAbi,
    ]
    const known = [
      ...abis.filter(item => item.type === 'function').map(item => toFunctionSignature(item)),
      ...abis.filter(item => item.type === 'event').map(item => toEventSignature(item)),
    ]
    expect(known).to.include.members(Object.values(READ_ECONOMY))
  })

  it('reads what was minted, posted, claimed and spent, all at one block', async () => {
    const { economy, logs } = settled()
    const { chain, reader } = fakeChain(economy)
    chain.logs.push(...logs.map(log => ({ ...log, block: 40 })))
    chain.logs.push({ ...economy.modelRegistered(), block: 12 })
    chain.logs.push({ ...economy.claim(MODEL_OWNER), block: 41 })
    economy.running = { scheduled: 9n, burned: 8n, cap: 5n }
    const owned = economy.earned(MODEL_OWNER)

    const { look, settlements, claims } = await reader.look(NOW_MS, [MODEL_OWNER, GATEWAY])
    expect(look.economy).to.deep.include({
      genesis: GENESIS,
      scheduled: 7n * ONE,
      net: ONE / 20n,
      posted: 6n * ONE,
      reserve: 2n * ONE + ONE / 20n,
      spentIo: ONE,
      spentIosd: 4n * ONE,
      claimed: owned,
      nextEpoch: 1,
      running: { epoch: 0, scheduled: 9n, burned: 8n, cap: 5n, net: 5n },
      gateways: [GATEWAY],
      modelOwners: new Map([[MODEL_OWNER, 1]]),
      claimedBy: new Map([
        [MODEL_OWNER, owned],
        [GATEWAY, 0n],
      ]),
    })
    expect(chainEpochsOf(settlements)[0]).to.deep.include({ epoch: 0, posted: true, hiredPaid: 2n * ONE })
    expect(claims.map(({ account, amount, block }) => ({ account, amount, block }))).to.deep.equal([
      { account: MODEL_OWNER, amount: owned, block: 41 },
    ])
    const tags = chain.asked
      .filter(call => call.method === 'eth_call')
      .map(call => Reflect.get(call.params, 1))
    expect(new Set(tags)).to.deep.equal(new Set(['0x32']))
  })

  it('reads claims as IO and as IOSD, by the amount of IO that was earned', async () => {
    const { economy } = settled()
    const { chain, reader } = fakeChain(economy)
    chain.logs.push({ ...economy.claim(MODEL_OWNER), block: 41 })
    chain.logs.push({ ...economy.claimAsIosd(GATEWAY, 7n * ONE), block: 42 })
    const { look, claims } = await reader.look(NOW_MS)
    expect(claims.map(({ account, amount, block }) => ({ account, amount, block }))).to.deep.equal([
      { account: MODEL_OWNER, amount: economy.earned(MODEL_OWNER), block: 41 },
      { account: GATEWAY, amount: economy.earned(GATEWAY), block: 42 },
    ])
    expect(claims.reduce((sum, { amount }) => sum + amount, 0n)).to.equal(look.economy?.claimed)
  })

  it('refuses a claim of the one kind with the data of the other', async () => {
    const { economy } = settled()
    const [io, iosd] = [economy.claim(MODEL_OWNER), economy.claimAsIosd(GATEWAY, 7n * ONE)]
    for (const mixed of [
      { ...io, data: iosd.data },
      { ...iosd, data: io.data },
    ]) {
      const { chain, reader } = fakeChain(economy)
      chain.logs.push({ ...mixed, block: 41 })
      const failure = await reader.look(NOW_MS).catch((error: unknown) => error)
      expect(failure).to.be.instanceOf(WireError)
    }
  })

  it('keeps the owners of models it has found, and looks for new ones from there on', async () => {
    const { economy } = settled()
    const { chain, reader } = fakeChain(economy)
    chain.logs.push({ ...economy.modelRegistered(), block: 12 })
    await reader.look(NOW_MS)
    chain.block = 60
    chain.asked.length = 0
    const { look } = await reader.look(NOW_MS)
    expect(look.economy?.modelOwners).to.deep.equal(new Map([[MODEL_OWNER, 1]]))
    const models = chain.asked.find(call => call.params[0].address === ECONOMY_CONTRACTS.modelRegistry)
    expect(models?.params[0].fromBlock).to.equal('0x33')
  })

  it('asks for no running epoch before the first one', async () => {
    const { economy } = settled()
    const early = aConfig({ economy: ECONOMY_CONTRACTS, epochs: { startSec: 2_000, lengthSec: 40 } })
    const post = async (_url: string, body: unknown) =>
      (body as Call[]).map(({ id, method, params: [query] }) => ({
        id,
        result:
          method === 'eth_getBlockByNumber'
            ? { number: '0x1', timestamp: '0x40c' }
            : method === 'eth_getLogs'
              ? []
              : (economy.call(query.to, query.data) ?? `0x${dataWord(0n)}`),
      }))
    expect((await new ChainReader(early, post).look(NOW_MS)).look.economy?.running).to.equal(null)
  })

  it('refuses lists and structs that are not what they must be', async () => {
    const { economy } = settled()
    const answers: Record<string, string>[] = [
      { [config.contracts.oracleRegistry]: `0x${[32n, 5n, 1n, 2n].map(dataWord).join('')}` },
      { [config.contracts.oracleRegistry]: '0x' },
      { [ECONOMY_CONTRACTS.emission]: '0x12' },
      { [ECONOMY_CONTRACTS.escrow]: 'words' },
    ]
    for (const said of answers) {
      const { reader } = fakeChain(economy, to => said[to])
      const failure = await reader.look(NOW_MS).then(
        () => null,
        (error: unknown) => error,
      )
      expect(failure, JSON.stringify(said)).to.be.instanceOf(WireError)
    }
  })
})

describe('the laws of conservation', () => {
  const honest = async (): Promise<{ economy: Economy; supplies: Supplies }> => {
    const { economy } = settled()
    economy.claim(WORKERS[0] as Address)
    const { look } = await fakeChain(economy).reader.look(NOW_MS)
    if (look.economy === null) throw new Error('no economy was read')
    return { economy: look.economy, supplies: look }
  }
  const broken = (economy: Economy, supplies: Supplies) =>
    identitiesOf(economy, supplies).flatMap(({ claim, holds, difference }) =>
      holds ? [] : [`${claim}: ${difference}`],
    )

  it('hold for what the contracts say', async () => {
    const { economy, supplies } = await honest()
    expect(broken(economy, supplies)).to.deep.equal([])
    expect(iosdMinted(economy, supplies)).to.equal(supplies.iosdSupply + 4n * ONE)
  })

  it('are broken by a single wei too many of IO', async () => {
    const { economy, supplies } = await honest()
    expect(broken(economy, { ...supplies, ioSupply: wei(supplies.ioSupply + 1n) })).to.deep.equal([
      'supply = genesis + scheduled + net − burned: 1',
    ])
  })

  it('are broken by a reward that nobody paid for', async () => {
    const { economy, supplies } = await honest()
    expect(broken({ ...economy, posted: wei(economy.posted + 1n) }, supplies)).to.deep.equal([
      'scheduled + net + IO spent = posted + reserve: -1',
      'the distributor has what is not claimed: -1',
    ])
  })

  it('are broken when a contract has less than it owes, and not when somebody sent it more', async () => {
    const { economy, supplies } = await honest()
    const { balances } = economy
    const changed = (change: bigint) => ({
      ...economy,
      balances: {
        settlement: wei(balances.settlement + change),
        distributor: wei(balances.distributor + change),
        escrowIo: wei(balances.escrowIo + change),
        escrowIosd: wei(balances.escrowIosd + change),
      },
    })
    expect(broken(changed(-1n), supplies)).to.have.length(4)
    expect(broken(changed(1n), supplies)).to.deep.equal([])
  })

  it('are broken by a schedule beyond the maximum', async () => {
    const { economy, supplies } = await honest()
    const genesis = wei(MAX_SUPPLY)
    const ioSupply = wei(genesis + economy.scheduled + economy.net)
    expect(broken({ ...economy, genesis }, { ...supplies, ioSupply })).to.deep.equal([
      `genesis + scheduled ≤ 22300000: -${7n * ONE}`,
    ])
  })
})
