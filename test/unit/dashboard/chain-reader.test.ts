import { expect } from 'chai'
import { toEventSignature, toFunctionSignature } from 'viem'
import { burnerAbi } from '../../../chain/abi/burner.ts'
import { ioAbi } from '../../../chain/abi/io.ts'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { priceFeedAbi } from '../../../chain/abi/price-feed.ts'
import { ChainReader, READ } from '../../../dashboard/src/data/chain-reader.ts'
import { mergeBurns } from '../../../dashboard/src/model/burns.ts'
import { WireError } from '../../../dashboard/src/model/fields.ts'
import { packReport } from '../../../protocol/report.ts'
import { asRound } from '../../../protocol/rounds.ts'
import type { Price } from '../../../protocol/units.ts'
import { aConfig } from '../../support/dashboard/a-config.ts'
import { dataWord } from '../../support/dashboard/test-network.ts'

const config = aConfig()
const ONE = 10n ** 18n
const PRICE = 2_411_000_000_000_000_007n as Price
const ROUND = 17_953_620_640
const NOW_MS = 1_795_362_064_000

interface Call {
  id: number
  method: string
  params: [{ to?: string; address?: string; fromBlock?: string }]
}

function burnLog(block: number, io: bigint, iosd: bigint) {
  const data = `0x${[io, iosd, PRICE, BigInt(ROUND)].map(dataWord).join('')}`
  const topics = ['0xaa', `0x${dataWord(0xc4n)}`, `0x${dataWord(3n)}`]
  return { blockNumber: `0x${block.toString(16)}`, logIndex: '0x0', topics, data }
}

/** Answers a batch, in reverse order as an endpoint may. */
function fakeChain(chain: { block: number; burns?: unknown[]; word?: bigint }) {
  const asked: Call[] = []
  const result = ({ method, params: [query] }: Call): unknown => {
    if (method === 'eth_getBlockByNumber')
      return { number: `0x${chain.block.toString(16)}`, timestamp: '0x6b03' }
    if (method === 'eth_getLogs') {
      if (query.address === config.contracts.burner) return chain.burns ?? []
      return [
        {
          blockNumber: '0x5',
          logIndex: '0x0',
          topics: ['0xbb', '0x01'],
          data: `0x${dataWord(77n)}${dataWord(0n)}`,
        },
      ]
    }
    const { io, iosd, priceFeed } = config.contracts
    const values = { [io]: 12n * ONE, [iosd]: 5n * ONE, [priceFeed]: chain.word ?? 0n }
    return `0x${dataWord(values[query.to ?? ''] ?? 2n * ONE)}`
  }
  const post = async (_url: string, body: unknown) => {
    const calls = body as Call[]
    asked.push(...calls)
    return calls.map(call => ({ jsonrpc: '2.0', id: call.id, result: result(call) })).reverse()
  }
  return { asked, post, chain }
}

describe('reading the chain', () => {
  it('asks for what the contracts really have', () => {
    const functions = [...ioAbi, ...burnerAbi, ...priceFeedAbi].filter(item => item.type === 'function')
    const events = [...burnerAbi, ...oracleRegistryAbi].filter(item => item.type === 'event')
    const known = [
      ...functions.map(item => toFunctionSignature(item)),
      ...events.map(item => toEventSignature(item)),
    ]
    expect(known).to.include.members(Object.values(READ))
  })

  it('reads supplies, burned total, the newest price, burns and group keys in one look', async () => {
    const io = 3n * ONE
    const word = packReport({ price: PRICE, confidence: 4, observedAt: ROUND / 10, round: asRound(ROUND) })
    const exact = (io * PRICE) / ONE
    const { post } = fakeChain({
      block: 90,
      word,
      burns: [burnLog(80, io, exact), burnLog(81, io, exact + 1n)],
    })
    const { look, burns } = await new ChainReader(config, post).look(NOW_MS)
    expect(look).to.deep.equal({
      block: 90,
      blockSec: 0x6b03,
      seenAtMs: NOW_MS,
      ioSupply: 12n * ONE,
      iosdSupply: 5n * ONE,
      burned: 2n * ONE,
      latest: { price: PRICE, round: ROUND },
      groupKeys: new Map([[1, 77n]]),
      economy: null,
    })
    expect(burns.map(burn => burn.exact)).to.deep.equal([true, false])
    expect(burns[0]).to.deep.include({ io, iosd: exact, price: PRICE, round: ROUND, block: 80 })
  })

  it('says that there is no price before the first update', async () => {
    const { post } = fakeChain({ block: 3 })
    expect((await new ChainReader(config, post).look(NOW_MS)).look.latest).to.equal(null)
  })

  it('reads on from the last block, a few blocks over again', async () => {
    const { post, asked, chain } = fakeChain({ block: 90 })
    const reader = new ChainReader(config, post)
    await reader.look(NOW_MS)
    chain.block = 95
    asked.length = 0
    expect((await reader.look(NOW_MS)).fromBlock).to.equal(82)
    expect(
      asked.filter(call => call.method === 'eth_getLogs').map(call => call.params[0].fromBlock),
    ).to.deep.equal(['0x52', '0x52'])
  })

  it('begins anew when the chain has become shorter', async () => {
    const { post, chain } = fakeChain({ block: 9_000 })
    const reader = new ChainReader(config, post)
    await reader.look(NOW_MS)
    chain.block = 12
    expect((await reader.look(NOW_MS)).fromBlock).to.equal(0)
  })

  it('refuses an answer that is an error or of another shape', async () => {
    const answers: unknown[] = [
      { error: 'no batches here' },
      [{ id: 0, error: { code: -32000 } }],
      [{ id: 0, result: 'ten' }],
      [],
    ]
    for (const answer of answers) {
      const failure = await new ChainReader(config, async () => answer).look(NOW_MS).then(
        () => null,
        (error: unknown) => error,
      )
      expect(failure).to.be.instanceOf(WireError)
    }
  })
})

describe('the list of burns', () => {
  const burn = (block: number, account = '0x') => ({
    id: `${block}/0`,
    block,
    account,
    io: 0n as never,
    iosd: 0n as never,
    price: PRICE,
    round: ROUND,
    exact: true,
  })

  it('replaces what a reorganised chain no longer says', () => {
    const merged = mergeBurns([burn(9), burn(8), burn(3)], 8, [burn(8, 'other')])
    expect(merged.map(each => [each.block, each.account])).to.deep.equal([
      [8, 'other'],
      [3, '0x'],
    ])
  })

  it('is bounded and newest first', () => {
    const merged = mergeBurns(
      [],
      0,
      Array.from({ length: 150 }, (_, block) => burn(block)),
    )
    expect(merged).to.have.length(100)
    expect(merged[0]?.block).to.equal(149)
  })
})
