import { expect } from 'chai'
import type { Address, Hash } from '../../../protocol/bytes.ts'
import { bytesOf, hexOf } from '../../../protocol/bytes.ts'
import { encodeAcceptedHold } from '../../../protocol/usage/hold.ts'
import { encodeSignedReceipt } from '../../../protocol/usage/receipt.ts'
import { decodeSignedStatement } from '../../../protocol/usage/statement.ts'
import { WORK_KIND } from '../../../protocol/usage/wire.ts'
import { eventually } from '../../support/devnet/eventually.ts'
import { type Spawned, spawnNode } from '../../support/runtime/spawned.ts'
import { Customer } from '../../support/worker/customer.ts'
import { GATEWAY, startWorkerWorld, type WorkerWorld } from '../../support/worker/worker-world.ts'

describe('a worker process that is killed while it works', function () {
  this.timeout(90_000)
  let world: WorkerWorld
  let process: Spawned
  let url: string
  const workHashes: Hash[] = []

  const start = async (): Promise<void> => {
    const file = await configFile()
    process = spawnNode('cli/ionet.ts', ['worker', '--config', file, '--stop-with-stdin'])
    const port = await eventually(
      'the port',
      15_000,
      () => /"port":([1-9]\d*),"msg":"listening"/.exec(process.stdout())?.[1],
    )
    url = `http://127.0.0.1:${port}`
    await eventually('a usable model', 15_000, async () => {
      const health = (await (await fetch(`${url}/health`)).json()) as Record<string, unknown>
      return health['registered'] === true && health['modelUsable'] === true
    })
  }
  let configured: string | undefined
  const configFile = async (): Promise<string> => {
    configured ??= await world.configFile('crashes')
    return configured
  }
  const kill = async (): Promise<void> => {
    process.process.kill('SIGKILL')
    expect(await process.ended).to.equal('SIGKILL')
  }

  const post = async (path: string, body: unknown) => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body), headers })
    return (await response.json()) as Record<string, string>
  }
  const infer = async (customer: Customer, prompt: string): Promise<void> => {
    const asked = { prompt, maxTokens: 20 }
    const offer = await post('/v1/inferences/offer', { payer: customer.address, gateway: GATEWAY, ...asked })
    const receipt = customer.receipt({
      worker: offer['worker'] as Address,
      gateway: GATEWAY,
      kind: WORK_KIND.inference,
      id: offer['id'] as Hash,
      version: Number(offer['version']),
      cumulativeUnits: BigInt(offer['cumulativeUnits'] ?? 0),
      cumulativeCeiling: BigInt(offer['cumulativeCeiling'] ?? 0),
      validUntilEpoch: Number(offer['validUntilEpoch']),
    })
    const answer = await post('/v1/inferences', {
      ...asked,
      receipt: hexOf(encodeSignedReceipt(receipt)),
      hold: hexOf(encodeAcceptedHold(customer.hold(GATEWAY))),
    })
    workHashes.push(decodeSignedStatement(bytesOf(answer['statement'] ?? '')).statement.workHash)
  }
  const recorded = (): Hash[] =>
    [...world.relayer.records().values()].flatMap(record => ('workHash' in record ? [record.workHash] : []))

  before(async () => {
    world = await startWorkerWorld()
    await start()
  })
  after(async () => {
    process.process.kill('SIGTERM')
    await process.ended
    await world.stop()
  })

  it('delivers every record of an answer it gave, once, under one number', async () => {
    const customer = new Customer('asks on', world.domain)
    world.relayer.down = true
    for (let i = 0; i < 5; i++) await infer(customer, `before the kill ${i}`)
    await kill()
    await start()
    for (let i = 0; i < 3; i++) await infer(customer, `after the kill ${i}`)
    expect(recorded()).to.deep.equal([])

    world.relayer.down = false
    // Killed again amid deliveries and answers.
    const burst = Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => infer(new Customer(`burst ${i}`, world.domain), `burst ${i}`)),
    )
    await eventually('a first batch', 15_000, () => world.relayer.batches.length > 0)
    await kill()
    await burst
    const answered = workHashes.length
    await start()

    await eventually('every record', 15_000, () =>
      workHashes.every(workHash => recorded().includes(workHash)),
    )
    expect(answered).to.be.at.least(8)
    const hashes = recorded()
    expect(new Set(hashes).size).to.equal(hashes.length)
    // Numbers without a gap: none was lost, and none was given twice.
    const numbers = [...world.relayer.records().keys()].sort((a, b) => a - b)
    expect(numbers).to.deep.equal(numbers.map((_, index) => index + 1))
  })
})
