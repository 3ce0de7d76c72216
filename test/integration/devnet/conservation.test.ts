import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Address, type Hex, pad, toHex } from 'viem'
import { createReader } from '../../../chain/clients.ts'
import { claimCall } from '../../../chain/settlement/calls.ts'
import { readConservation } from '../../../devnet/conservation.ts'
import { proveReward } from '../../../protocol/epoch/ledger.ts'
import { ONE } from '../../../protocol/units.ts'
import { AMPLE_GAS } from '../../support/chain/anvil.ts'
import { BURNED } from '../../support/cli/settled-cast.ts'
import { GENESIS, type SettledChain, startSettledChain } from '../../support/cli/settled-chain.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'

/** Where OpenZeppelin's ERC20 keeps its total supply, and Settlement its reserve: above 160 bits of something else. */
const SUPPLY_SLOT = 2n
const RESERVE_SLOT = 0n
const RESERVE_WEI = 1n << 160n

describe('conservation on a chain with settled epochs', function () {
  this.timeout(120_000)
  let dir: string
  let chain: SettledChain
  let paid = 0n

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-conservation-'))
    chain = await startSettledChain(dir)
    const { client, deployment, outcomes } = chain
    const worker = chain.worker.address.toLowerCase() as Address
    const line = proveReward(outcomes.at(-1)?.rewards ?? [], worker)
    if (line === undefined) throw new Error('the worker has earned nothing')
    const call = claimCall(deployment.contracts.rewardsDistributor, line, line.proof)
    const hash = await client.writeContract({ ...call, chain: null, gas: AMPLE_GAS } as never)
    await client.waitForTransactionReceipt({ hash })
    paid = line.cumulative
  })
  after(async () => {
    await chain.stop()
    rmSync(dir, { recursive: true })
  })

  const byScript = async () => {
    const args = ['--rpc', chain.rpcUrl, '--deployment', chain.deploymentFile, '--json']
    const script = spawnNode('scripts/check-conservation.ts', args)
    const exitCode = await script.ended
    const document = JSON.parse(script.stdout() || `"${script.stderr()}"`)
    return { exitCode, document }
  }
  const byDevnet = async () =>
    readConservation(createReader([chain.rpcUrl]), chain.deployment, await chain.client.getBlockNumber())
  const violatedOf = (document: { invariants: { name: string; result: string }[] }) =>
    document.invariants.filter(({ result }) => result !== 'ok').map(({ name }) => name)

  it('is told alike by two programs that share no code', async () => {
    const { exitCode, document } = await byScript()
    expect(document.invariants.flatMap((item: { violations: string[] }) => item.violations)).to.deep.equal([])
    expect(exitCode).to.equal(0)
    const summary = await byDevnet()
    expect(summary).to.deep.equal({
      epochsSettled: 2,
      scheduledMintedWei: document.scheduledMintedWei,
      netEmissionMintedWei: document.netEmissionMintedWei,
      iosdSpentWei: document.iosdSpentWei,
      rewardsPostedWei: document.rewardsPostedWei,
      rewardsClaimedWei: String(paid),
      reserveWei: document.reserveWei,
      conservation: 'ok',
    })
    expect(document.conservation).to.equal('ok')
    expect(document.epochsSettled).to.equal(2)
    expect(document.rewardsClaimedWei).to.equal(String(paid))
  })

  it('has the figures of what happened, to the wei', async () => {
    const { document } = await byScript()
    const [first, second] = chain.outcomes
    if (first === undefined || second === undefined) throw new Error('two epochs are settled')
    const pools = [first.allocation.pool, second.allocation.pool]
    const scheduled = pools.reduce((total, pool) => total + pool.scheduled, 0n)
    const net = pools.reduce((total, pool) => total + pool.net, 0n)
    expect(net > 0n).to.equal(true)
    expect(document).to.deep.include({
      genesisWei: String(GENESIS),
      scheduledMintedWei: String(scheduled),
      netEmissionMintedWei: String(net),
      burnedWei: String(BURNED),
      totalSupplyWei: String(GENESIS + scheduled + net - BURNED),
      iosdMintedWei: String(100n * ONE),
      iosdSpentWei: String(first.usage.debitIosd + second.usage.debitIosd),
      reserveWei: String(second.allocation.reserveAfter),
    })
    expect(document.escrow.io).to.deep.equal({
      depositedWei: String(30n * ONE),
      withdrawnWei: '0',
      debitedWei: String(3n * ONE),
      heldWei: String(27n * ONE),
    })
  })

  it('is the same for an earlier block, whatever came after', async () => {
    const block = await chain.client.getBlockNumber()
    const args = ['--rpc', chain.rpcUrl, '--deployment', chain.deploymentFile, '--json']
    const script = spawnNode('scripts/check-conservation.ts', [...args, '--block', String(block - 1n)])
    expect(await script.ended).to.equal(0)
    expect(JSON.parse(script.stdout())).to.deep.include({ rewardsClaimedWei: '0', conservation: 'ok' })
    const before = await readConservation(createReader([chain.rpcUrl]), chain.deployment, block - 1n)
    expect(before).to.deep.include({ rewardsClaimedWei: '0', conservation: 'ok' })
  })

  const broken: readonly [
    string,
    () => { address: Address; index: bigint; change: bigint },
    string[],
    string[],
  ][] = [
    [
      'a wei of IO that nobody minted',
      () => ({ address: chain.deployment.contracts.io, index: SUPPLY_SLOT, change: 1n }),
      ['IO_SUPPLY'],
      ['IO_SUPPLY'],
    ],
    [
      'a wei of IOSD that nobody burned for',
      () => ({ address: chain.deployment.contracts.iosd, index: SUPPLY_SLOT, change: 1n }),
      ['IOSD_SUPPLY'],
      ['IOSD_SUPPLY'],
    ],
    [
      'a wei that is missing in the reserve',
      () => ({ address: chain.deployment.contracts.settlement, index: RESERVE_SLOT, change: -RESERVE_WEI }),
      ['EPOCH_IDENTITY'],
      ['RESERVE'],
    ],
  ]
  for (const [what, slotOf, scriptSays, devnetSays] of broken) {
    it(`is broken by ${what}, and both say so`, async () => {
      const { client } = chain
      const { address, index, change } = slotOf()
      const slot = pad(toHex(index))
      const value = (await client.getStorageAt({ address, slot })) as Hex
      const write = async (amount: bigint): Promise<void> => {
        await client.setStorageAt({ address, index: slot, value: pad(toHex(amount)) })
        await client.mine({ blocks: 1 })
      }
      await write(BigInt(value) + change)
      try {
        const { exitCode, document } = await byScript()
        expect(exitCode).to.equal(1)
        expect(document.conservation).to.equal('violated')
        expect(violatedOf(document)).to.deep.equal(scriptSays)
        expect((await byDevnet()).conservation).to.deep.equal(devnetSays)
      } finally {
        await write(BigInt(value))
      }
    })
  }

  it('is not judged without a deployment file', async () => {
    const script = spawnNode('scripts/check-conservation.ts', [
      '--rpc',
      'http://127.0.0.1:9',
      '--deployment',
      'nothing.json',
    ])
    expect(await script.ended).to.equal(2)
    expect(script.stderr()).to.match(/^check-conservation: nothing\.json: it cannot be read as JSON/)
  })
})
