import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { escrowAbi } from '../../../chain/abi/escrow.ts'
import { ioAbi } from '../../../chain/abi/io.ts'
import { priceFeedAbi } from '../../../chain/abi/price-feed.ts'
import type { AccountConfig } from '../../../config/process-config.ts'
import { createPayer } from '../../../devnet/payer/service.ts'
import { createGateway } from '../../../gateway/service.ts'
import type { Hash } from '../../../protocol/bytes.ts'
import { addressOfSecret } from '../../../protocol/identity.ts'
import { packReport, reportDigest } from '../../../protocol/report.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import type { WorkRecord } from '../../../protocol/usage/record.ts'
import { ASSET, WORK_KIND, type WorkKind } from '../../../protocol/usage/wire.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import type { Service } from '../../../runtime/service.ts'
import type { PayerState } from '../../../sdk/payer-state.ts'
import { createWorker } from '../../../worker/service.ts'
import { AMPLE_GAS } from '../../support/chain/anvil.ts'
import { quorumSignatures, testMember } from '../../support/chain/signing.ts'
import { eventually } from '../../support/devnet/eventually.ts'
import { type HoldDesk, startHoldDesk } from '../../support/gateway/hold-desk.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { seeded } from '../../support/protocol/seeded.ts'
import { RELAYER_SECRET } from '../../support/worker/customer.ts'
import { type FakeRelayer, startFakeRelayer } from '../../support/worker/fake-relayer.ts'
import { startWorkerWorld, type WorkerWorld } from '../../support/worker/worker-world.ts'

const signal = new AbortController().signal

describe('a payer with workers, a gateway and a chain', function () {
  this.timeout(90_000)
  let world: WorkerWorld
  let desk: HoldDesk
  let account: AccountConfig
  let gatewayUrl: string
  let hireUrl: string
  const running: Service[] = []
  const relayers: FakeRelayer[] = []
  const payer = addressOfSecret(seeded('identity of customer'))

  const deps = () => {
    const logger = recordLogger()
    const metrics = createMetrics({ processMetrics: false })
    const fail = (error: Error): void => {
      throw error
    }
    return { clock: systemClock, logger, metrics, fail }
  }
  /** Each with a relayer of its own: the fake one counts the records of one worker. */
  const startWorker = async (name: string): Promise<string> => {
    const of = deps()
    const relayer = await startFakeRelayer(world.domain)
    relayers.push(relayer)
    const config = { 'price.iosdPerSec': '0.01', relayerUrl: relayer.server.url, oracleUrls: [] }
    const worker = await createWorker(await world.config(name, config), of)
    running.push(worker)
    await worker.start(signal)
    const said = (sentence: string) => of.logger.lines.find(line => line.sentence === sentence)
    const listening = await eventually('the port', 10_000, () => said('listening'))
    const url = `http://127.0.0.1:${listening.fields['port']}`
    await eventually('the model', 20_000, () => said('the model can be used'))
    await eventually('the registration', 20_000, async () => (await fetch(`${url}/health`)).ok)
    return url
  }
  const giveIo = async (amount: bigint): Promise<void> => {
    const { request } = await world.client.simulateContract({
      address: world.deployment.contracts.io,
      abi: ioAbi,
      functionName: 'transfer',
      args: [payer, amount],
      gas: AMPLE_GAS,
    })
    await world.client.waitForTransactionReceipt({ hash: await world.client.writeContract(request) })
  }
  const certifyPrice = async (price: bigint): Promise<void> => {
    const observedAt = await world.nowSec()
    const word = packReport({
      price: price as Price,
      confidence: 5,
      observedAt,
      round: asRound(observedAt * 10),
    })
    const digest = reportDigest(world.domain, world.deployment.feedId as Hash, word)
    const members = [0, 1, 2].map(slot => testMember(`member ${slot}`))
    const { request } = await world.client.simulateContract({
      address: world.deployment.contracts.priceFeed,
      abi: priceFeedAbi,
      functionName: 'updateWithQuorum',
      args: [word, quorumSignatures(members, digest)],
    })
    await world.client.waitForTransactionReceipt({ hash: await world.client.writeContract(request) })
  }
  const deposited = async (asset: number): Promise<bigint> => {
    const { deposited: wei } = await world.client.readContract({
      address: world.deployment.contracts.escrow,
      abi: escrowAbi,
      functionName: 'accountOf',
      args: [payer, asset],
    })
    return wei
  }

  before(async () => {
    world = await startWorkerWorld({ challengeEvery: 10_000 })
    desk = await startHoldDesk(world.domain, RELAYER_SECRET)
    hireUrl = await startWorker('w1')
    const other = await startWorker('w2')
    const gatewayConfig = await world.config('gateway')
    const gateway = await createGateway(
      { ...gatewayConfig, http: { host: '127.0.0.1', port: 0 }, workers: [hireUrl, other] },
      deps(),
    )
    running.push(gateway)
    await gateway.start(signal)
    gatewayUrl = gateway.url
    account = { ...(await world.config('customer')), relayerUrl: desk.server.url }
    await giveIo(100n * ONE)
  })
  after(async () => {
    for (const service of running.reverse()) await service.stop()
    for (const { server } of [desk, ...relayers]) await server.stop()
    await world.stop()
  })

  it('burns, deposits, hires one worker and pays another for answers, to the wei', async () => {
    const of = deps()
    const money = { depositIo: 40n * ONE, burnIo: 20n * ONE, burnEverySec: 0, surge: 1 }
    const config = { ...account, ...money, gatewayUrl, hireUrl, pauseMs: 200 }
    const service = await createPayer(config, of)
    running.push(service)
    await service.start(signal)
    const lines = (sentence: string) => of.logger.lines.filter(line => line.sentence === sentence)
    await eventually(
      'the wait for a price',
      10_000,
      () => lines('waits for a price to burn IO at').length > 0,
    )
    expect(await deposited(ASSET.io)).to.equal(0n)

    await certifyPrice(2n * ONE)
    await eventually('a hire', 20_000, () => lines('hired a worker').length > 0)
    await eventually('twelve answers', 30_000, () => lines('paid for an answer').length >= 12)
    expect([await deposited(ASSET.io), await deposited(ASSET.iosd)]).to.deep.equal([40n * ONE, 40n * ONE])
    expect(lines('burned IO for IOSD').map(({ fields }) => fields)).to.deep.equal([
      { io: '20', iosd: '40', price: '2' },
    ])
    await eventually('a fed hire', 20_000, () =>
      recordsOf(WORK_KIND.hire).some(record => record.cumulativeUnits > 3n),
    )
    await service.stop()
    expect(lines('ended a hire').length).to.equal(1)
    expect(of.logger.lines.filter(({ level }) => level === 'error' || level === 'warn')).to.deep.equal([])

    const book = JSON.parse(readFileSync(join(config.dataDir, 'payer.json'), 'utf8')) as PayerState
    const charged = (kind: WorkKind): bigint =>
      book.channels
        .filter(channel => channel.kind === kind)
        .reduce((sum, { charged }) => sum + BigInt(charged), 0n)
    await eventually('the last batches', 10_000, () => lastCharge(WORK_KIND.hire) === charged(WORK_KIND.hire))
    await eventually(
      'all answers',
      10_000,
      () => lastCharge(WORK_KIND.inference) === charged(WORK_KIND.inference),
    )
    expect(charged(WORK_KIND.hire)).to.equal(BigInt(book.totals.hireWei))
    expect(charged(WORK_KIND.inference)).to.equal(BigInt(book.totals.inferenceWei))
    expect(desk.holds.map(({ kind }) => kind).sort()).to.deep.equal([WORK_KIND.hire, WORK_KIND.inference])
  })

  it('burns and deposits nothing twice, and goes on where it was, after a restart', async () => {
    const of = deps()
    const money = { depositIo: 40n * ONE, burnIo: 20n * ONE, burnEverySec: 0, surge: 1 }
    const config = { ...account, ...money, gatewayUrl, hireUrl, pauseMs: 200 }
    const service = await createPayer(config, of)
    running.push(service)
    await service.start(signal)
    const lines = (sentence: string) => of.logger.lines.filter(line => line.sentence === sentence)
    await eventually('a hire', 20_000, () => lines('hired a worker').length > 0)
    await eventually('an answer', 20_000, () => lines('paid for an answer').length > 0)
    await service.stop()
    expect(lines('burned IO for IOSD').length + lines('deposited').length).to.equal(0)
    expect(await deposited(ASSET.io)).to.equal(40n * ONE)
  })

  /** What workers have stated, each in its order. */
  const recordsOf = (kind: WorkKind, of: readonly FakeRelayer[] = relayers): WorkRecord[] =>
    of
      .flatMap(relayer => [...relayer.records().values()])
      .filter((record): record is WorkRecord => record.kind === kind)

  /** Wei that the newest records state: of each worker, one channel a kind. */
  const lastCharge = (kind: WorkKind): bigint =>
    relayers
      .map(relayer => recordsOf(kind, [relayer]).at(-1)?.cumulativeCharge ?? 0n)
      .reduce((sum, wei) => sum + wei, 0n)
})
