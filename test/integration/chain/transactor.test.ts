import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { expect } from 'chai'
import {
  createTestClient,
  encodeFunctionData,
  http,
  parseTransaction,
  publicActions,
  type TransactionReceipt,
} from 'viem'
import { ioAbi } from '../../../chain/abi/io.ts'
import { createReader } from '../../../chain/clients.ts'
import { deploy } from '../../../chain/deploy.ts'
import type { Deployment } from '../../../chain/deployment.ts'
import {
  type ContractCall,
  createTransactor,
  TransactError,
  type Transactor,
  type TransactorOptions,
} from '../../../chain/transactor.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { testMember } from '../../support/chain/signing.ts'

const GWEI = 1_000_000_000n

describe('sending transactions', function () {
  this.timeout(60_000)
  const account = fundedAccount(3)
  const receiver = fundedAccount(4).address
  let anvil: Anvil
  let deployment: Deployment
  let client: ReturnType<typeof connect>

  const connect = (rpcUrl: string) =>
    createTestClient({ mode: 'anvil', transport: http(rpcUrl), pollingInterval: 20 }).extend(publicActions)

  before(async () => {
    anvil = await startAnvil()
    client = connect(anvil.rpcUrl)
    deployment = await deploy({
      rpcUrl: anvil.rpcUrl,
      deployer: fundedAccount(0),
      members: Array.from({ length: 4 }, (_, slot) => testMember(`member ${slot}`)).map(
        ({ identity, peerKey }) => ({ identity, peerKey }),
      ),
      aggregators: [],
      genesis: [{ account: account.address, amount: 1_000n }],
      epochLengthSec: 60,
    })
  })
  after(() => anvil.stop())
  afterEach(async () => {
    await client.setAutomine(true)
    await client.mine({ blocks: 1 })
  })

  /** Knows nothing of what another one has sent, as after a restart. */
  const create = (options: Partial<TransactorOptions> = {}): Transactor =>
    createTransactor(
      {
        account,
        chainId: deployment.chainId,
        rpcUrls: [anvil.rpcUrl],
        maxFeePerGasCeiling: 10n ** 12n,
        minedWithinMs: 5_000,
        ...options,
      },
      { reader: createReader([anvil.rpcUrl]), clock: systemClock },
    )
  const running = new AbortController().signal
  const transfer = (amount: bigint): ContractCall => ({
    address: deployment.contracts.io,
    abi: ioAbi,
    functionName: 'transfer',
    args: [receiver, amount],
  })
  const received = (): Promise<bigint> =>
    client.readContract({
      address: deployment.contracts.io,
      abi: ioAbi,
      functionName: 'balanceOf',
      args: [receiver],
    })
  const nonce = (): Promise<number> => client.getTransactionCount({ address: account.address })
  const failure = (sent: Promise<TransactionReceipt>): Promise<unknown> =>
    sent.then(
      () => 'sent',
      (error: unknown) => error,
    )
  const pending = async () => {
    const { pending: all } = await client.getTxpoolContent()
    return Object.entries(all).flatMap(([from, byNonce]) =>
      from.toLowerCase() === account.address.toLowerCase() ? Object.values(byNonce) : [],
    )
  }

  it('resolves with the receipt of what is in a block', async () => {
    const before = await received()
    const receipt = await create().send(transfer(5n), running)
    expect(receipt.status).to.equal('success')
    expect(await received()).to.equal(before + 5n)
  })

  it("sends nothing that would revert, and names the contract's error", async () => {
    const before = await nonce()
    const error = await failure(create().send(transfer(10n ** 30n), running))
    expect(error).to.include({ code: 'WOULD_REVERT', errorName: 'ERC20InsufficientBalance' })
    expect(await nonce()).to.equal(before)
  })

  it('sends two things in order, one block after the other', async () => {
    const transactor = create()
    const before = await nonce()
    const receipts = await Promise.all([
      transactor.send(transfer(1n), running),
      transactor.send(transfer(2n), running),
    ])
    const [first, second] = receipts.map(receipt => receipt.blockNumber)
    expect(Number(second)).to.equal(Number(first) + 1)
    expect(await nonce()).to.equal(before + 2)
  })

  it('goes on after one that failed', async () => {
    const transactor = create()
    const failed = failure(transactor.send(transfer(10n ** 30n), running))
    const receipt = await transactor.send(transfer(1n), running)
    expect(await failed).to.include({ code: 'WOULD_REVERT' })
    expect(receipt.status).to.equal('success')
  })

  it('replaces a transaction that is stuck, for a higher fee', async () => {
    await client.setAutomine(false)
    const transactor = create({ minedWithinMs: 1_500 })
    const [nonceBefore, balanceBefore] = [await nonce(), await received()]
    expect(await failure(transactor.send(transfer(1n), running))).to.include({ code: 'NOT_MINED' })
    const [stuck] = await pending()
    const sent = transactor.send(transfer(7n), running)
    let [replacement] = await pending()
    while (replacement?.hash === stuck?.hash) [replacement] = await pending()
    await client.mine({ blocks: 1 })
    expect((await sent).status).to.equal('success')
    expect(replacement?.nonce).to.equal(stuck?.nonce)
    expect(Number(replacement?.maxFeePerGas)).to.be.at.least(Number(stuck?.maxFeePerGas) * 1.1)
    expect(await nonce()).to.equal(nonceBefore + 1)
    expect(await received()).to.equal(balanceBefore + 7n)
  })

  it('stops waiting at once when it is told to, and the transaction is mined all the same', async () => {
    await client.setAutomine(false)
    const stopping = new AbortController()
    const before = await received()
    const sent = create().send(transfer(3n), stopping.signal)
    while ((await pending()).length === 0);
    stopping.abort(new Error('stopping'))
    await failure(sent)
    await client.mine({ blocks: 1 })
    expect(await received()).to.equal(before + 3n)
  })

  it('replaces what got stuck before a restart, though it remembers nothing of it', async () => {
    await client.setAutomine(false)
    expect(await failure(create({ minedWithinMs: 500 }).send(transfer(1n), running))).to.include({
      code: 'NOT_MINED',
    })
    const restarted = create({ minedWithinMs: 5_000 })
    const before = await received()
    // The first try learns that something is in the way, the second outbids it.
    expect(await failure(restarted.send(transfer(9n), running))).to.include({ code: 'RPC_FAILED' })
    const sent = restarted.send(transfer(9n), running)
    while ((await pending())[0]?.input !== encodeFunctionData(transfer(9n)));
    await client.mine({ blocks: 1 })
    expect((await sent).status).to.equal('success')
    expect(await received()).to.equal(before + 9n)
  })

  it('says so at once when another transaction took its nonce', async () => {
    await client.setAutomine(false)
    const late = failure(create({ minedWithinMs: 60_000 }).send(transfer(1n), running))
    while ((await pending()).length === 0);
    const [stuck] = await pending()
    await client.dropTransaction({ hash: stuck?.hash ?? '0x' })
    const other = create({ minedWithinMs: 5_000 }).send(transfer(2n), running)
    while ((await pending())[0]?.hash === stuck?.hash || (await pending()).length === 0);
    await client.mine({ blocks: 1 })
    await other
    expect(await late).to.include({ code: 'REPLACED' })
  })

  it('goes on from the nonce on chain after a restart', async () => {
    await create().send(transfer(1n), running)
    const before = await nonce()
    await create().send(transfer(1n), running)
    expect(await nonce()).to.equal(before + 1)
  })

  it('pays no more than its ceiling', async () => {
    const before = await nonce()
    const error = await failure(create({ maxFeePerGasCeiling: 1n }).send(transfer(1n), running))
    expect(error).to.include({ code: 'FEE_ABOVE_CEILING' })
    expect(await nonce()).to.equal(before)
  })

  it('says that nobody takes it when no endpoint answers', async () => {
    const error = await failure(create({ rpcUrls: ['http://127.0.0.1:9'] }).send(transfer(1n), running))
    expect(error).to.include({ code: 'RPC_FAILED' })
  })

  describe('at an endpoint that says what it likes', () => {
    let server: HttpServer
    let url: string
    let answer: (method: string, params: readonly unknown[]) => unknown
    const offered: bigint[] = []

    const HASH = `0x${'ee'.repeat(32)}`
    const receiptOf = (transactionHash: unknown, fields: object = {}) => ({
      ...{ transactionHash, status: '0x1', blockNumber: '0x2', blockHash: HASH, transactionIndex: '0x0' },
      ...{ from: account.address, to: deployment.contracts.io, contractAddress: null, type: '0x2', logs: [] },
      ...{ gasUsed: '0x1', cumulativeGasUsed: '0x1', effectiveGasPrice: '0x1' },
      ...{ logsBloom: `0x${'00'.repeat(256)}`, ...fields },
    })
    const refuse = (message: string): never => {
      throw new Error(message)
    }
    /** Priority of 1 gwei, base fee of 1 gwei, nonce 5 and nothing in the pool. */
    const usual = (method: string): unknown => {
      if (method === 'eth_getTransactionCount') return '0x5'
      if (method === 'eth_estimateGas') return '0x9000'
      if (method === 'eth_maxPriorityFeePerGas') return '0x3b9aca00'
      if (method === 'eth_getBlockByNumber')
        return { number: '0x1', baseFeePerGas: '0x3b9aca00', timestamp: '0x1', transactions: [] }
      return method === 'eth_chainId' ? '0x7a69' : null
    }

    before(async () => {
      server = createHttpServer(async (request, response) => {
        let body = ''
        for await (const piece of request) body += piece
        const { id, method, params = [] } = JSON.parse(body)
        if (method === 'eth_sendRawTransaction') {
          const signed = parseTransaction(params[0])
          offered.push(signed.maxPriorityFeePerGas ?? 0n)
        }
        response.setHeader('content-type', 'application/json')
        try {
          response.end(JSON.stringify({ jsonrpc: '2.0', id, result: answer(method, params) }))
        } catch (error) {
          const { message } = error as Error
          response.end(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32_000, message } }))
        }
      })
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      const address = server.address()
      url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    })
    after(() => server.close())
    beforeEach(() => offered.splice(0))

    const at = (options: Partial<TransactorOptions> = {}): Transactor =>
      createTransactor(
        {
          ...{ account, chainId: deployment.chainId, rpcUrls: [url] },
          ...{ maxFeePerGasCeiling: 500n * GWEI, minedWithinMs: 600, ...options },
        },
        { reader: createReader([url]), clock: systemClock },
      )
    const codeOf = async (transactor: Transactor): Promise<unknown> => {
      const error = await failure(transactor.send(transfer(1n), running))
      return error instanceof TransactError ? error.code : error
    }
    const sent = (params: readonly unknown[]): boolean => offered.length > 0 && params.length > 0

    it('does not pay more for what was refused for another reason than its fee', async () => {
      answer = method =>
        method === 'eth_sendRawTransaction'
          ? refuse('insufficient funds for gas * price + value')
          : usual(method)
      const transactor = at()
      for (let tries = 0; tries < 5; tries++) expect(await codeOf(transactor)).to.equal('RPC_FAILED')
      expect(new Set(offered)).to.deep.equal(new Set([GWEI]))
    })

    it('outbids what it is said to be too cheap for, up to its ceiling, and begins anew then', async () => {
      answer = method =>
        method === 'eth_sendRawTransaction' ? refuse('replacement transaction underpriced') : usual(method)
      const transactor = at({ maxPriorityFeePerGasCeiling: (GWEI * 13n) / 10n })
      const codes: unknown[] = []
      for (let tries = 0; tries < 5; tries++) codes.push(await codeOf(transactor))
      expect(codes).to.deep.equal([
        'RPC_FAILED',
        'RPC_FAILED',
        'RPC_FAILED',
        'FEE_ABOVE_CEILING',
        'RPC_FAILED',
      ])
      const bumps = [1_000n, 1_125n, 1_266n, 1_000n]
      expect(offered.map(fee => (fee * 1_000n + GWEI - 1n) / GWEI)).to.deep.equal(bumps)
    })

    it('forgets what it sent when no pool has it any more', async () => {
      answer = method => (method === 'eth_sendRawTransaction' ? HASH : usual(method))
      const transactor = at()
      expect([await codeOf(transactor), await codeOf(transactor)]).to.deep.equal(['NOT_MINED', 'NOT_MINED'])
      expect(offered).to.deep.equal([GWEI, GWEI])
    })

    it('takes no advice of a priority above its ceiling', async () => {
      answer = method => {
        if (method === 'eth_maxPriorityFeePerGas') return `0x${(400n * GWEI).toString(16)}`
        return method === 'eth_sendRawTransaction' ? HASH : usual(method)
      }
      await codeOf(at())
      expect(offered).to.deep.equal([50n * GWEI])
    })

    it('believes no hash but that of what it signed', async () => {
      answer = (method, [hash]) => {
        if (method === 'eth_sendRawTransaction') return HASH
        if (method === 'eth_getTransactionReceipt') return hash === HASH ? receiptOf(HASH) : null
        return usual(method)
      }
      expect(await codeOf(at())).to.equal('NOT_MINED')
    })

    it('believes no receipt of another transaction, and none while its nonce is not used', async () => {
      let told: (hash: unknown) => object = receiptOf
      let count = '0x5'
      answer = (method, params) => {
        if (method === 'eth_getTransactionReceipt') return told(params[0])
        if (method === 'eth_getTransactionCount') return sent(params) ? count : '0x5'
        return method === 'eth_sendRawTransaction' ? HASH : usual(method)
      }
      expect(await codeOf(at()), 'nonce').to.equal('NOT_MINED')
      offered.splice(0)
      count = '0x6'
      for (const fields of [{ from: receiver }, { to: receiver }, { to: null }, { transactionHash: HASH }]) {
        told = hash => receiptOf(hash, fields)
        expect(await codeOf(at()), JSON.stringify(fields)).to.equal('REPLACED')
        offered.splice(0)
      }
      told = receiptOf
      expect((await at().send(transfer(1n), running)).status).to.equal('success')
    })

    it('waits for what an endpoint already has', async () => {
      let count = '0x5'
      answer = (method, [hash]) => {
        if (method === 'eth_getTransactionReceipt') return receiptOf(hash)
        if (method === 'eth_getTransactionCount') return count
        if (method !== 'eth_sendRawTransaction') return usual(method)
        count = '0x6'
        return refuse('already known')
      }
      expect((await at().send(transfer(1n), running)).status).to.equal('success')
    })
  })

  describe('through several endpoints', () => {
    let deaf: Server
    let deafUrl: string
    const sockets = new Set<Socket>()

    before(async () => {
      deaf = createServer(socket => {
        sockets.add(socket)
      })
      await new Promise<void>(resolve => deaf.listen(0, '127.0.0.1', resolve))
      const address = deaf.address()
      deafUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    })
    after(() => {
      for (const socket of sockets) socket.destroy()
      deaf.close()
    })

    it('needs one that takes it, and does not wait for one that says nothing', async () => {
      const started = performance.now()
      const receipt = await create({ rpcUrls: [deafUrl, anvil.rpcUrl] }).send(transfer(1n), running)
      expect(receipt.status).to.equal('success')
      expect(performance.now() - started).to.be.below(5_000)
    })
  })
})
