import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { PublicClient } from 'viem'
import { ioAbi } from '../../../chain/abi/io.ts'
import { rewardsDistributorAbi } from '../../../chain/abi/rewards-distributor.ts'
import { settlementAbi } from '../../../chain/abi/settlement.ts'
import { createReader } from '../../../chain/clients.ts'
import { saveDeployment } from '../../../chain/deployment.ts'
import { settleCall } from '../../../chain/settlement/calls.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import { computeEpoch, reportOf } from '../../../protocol/epoch/compute.ts'
import { emptyEpochDigest, vetoDigest } from '../../../protocol/epoch/decisions.ts'
import { type EpochReport, epochReportDigest } from '../../../protocol/epoch/report.ts'
import { ONE } from '../../../protocol/units.ts'
import { writeKeystore } from '../../../runtime/keystore.ts'
import { Secret } from '../../../runtime/secret.ts'
import { fundedAccount } from '../../support/chain/anvil.ts'
import { inputsFrom } from '../../support/cli/settled-cast.ts'
import { at, castOf, party } from '../../support/network/cast.ts'
import { temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'
import { TestChain } from '../../support/settlement/test-chain.ts'

const PASSWORD = 'a password of tests'
const DISPUTE_SEC = 120
const EPOCH = '0'
const NO_ROOT = `0x${'00'.repeat(32)}`

describe('ionet emergency, against a stolen group key', function () {
  // Every command is a process, and loads viem.
  this.timeout(60_000)
  const { members } = castOf(4)
  const directory = temporaryDirectory()
  const file = (name: string): string => join(directory.path, name)
  let chain: TestChain
  let client: PublicClient
  /** Pays a thief a token; no node has signed it. */
  let lie: EpochReport
  let supply: bigint

  before(async () => {
    const [aggregator, relayer, gateway] = ['aggregator', 'relayer', 'gateway'].map(party)
    if (aggregator === undefined || relayer === undefined || gateway === undefined) throw new Error('nobody')
    chain = await TestChain.start({ members, aggregator, relayer, gateway }, party('payer'), DISPUTE_SEC)
    client = createReader([chain.rpcUrl])
    saveDeployment(file('deployment.json'), chain.deployment)
    writeFileSync(file('password'), `${PASSWORD}\n`, { mode: 0o600 })
    const keystore = (name: string, secret: Uint8Array) =>
      writeKeystore(file(`${name}.json`), secret, new Secret(PASSWORD), { scryptN: 1_024 })
    await Promise.all(members.map(({ secret }, slot) => keystore(`member ${slot}`, secret)))
    await keystore('payer', fundedAccount(1).getHdKey().privateKey ?? new Uint8Array())
    await chain.endEpoch(0)
    lie = await lieAbout(0)
    supply = await supplyOf()
  })
  after(async () => {
    await chain?.stop()
    directory.remove()
  })

  const lieAbout = async (epoch: number): Promise<EpochReport> => {
    const reader = await chain.openReader()
    try {
      const inputs = await inputsFrom(reader, chain.domain, epoch)
      const frame = { keyEpoch: 1, attempt: 0, validUntil: (await chain.nowSec()) + 600 }
      const { previous } = reader.settlement()
      const outcome = computeEpoch(inputs, reader.terms)
      const report = reportOf(inputs, outcome, { ...frame, previous, bundleHash: hexOf(new Uint8Array(32)) })
      const rewardRoot = hexOf(new Uint8Array(32).fill(0x7f))
      return { ...report, rewardRoot, availabilityPaid: ONE, cumulativeRewards: ONE }
    } finally {
      await reader.stop()
    }
  }
  const stage = async (attempt: number): Promise<void> => {
    const report = { ...lie, attempt }
    const signature = chain.group.sign(epochReportDigest(chain.domain, report))
    const { settlement } = chain.deployment.contracts
    await chain.send(fundedAccount(0), settleCall(settlement, report, { kind: 'group', signature }))
  }
  const supplyOf = () =>
    client.readContract({ address: chain.deployment.contracts.io, abi: ioAbi, functionName: 'totalSupply' })
  const onChain = async () => {
    const settlement = { address: chain.deployment.contracts.settlement, abi: settlementAbi } as const
    const { rewardsDistributor } = chain.deployment.contracts
    const [isStaged, , attempt, reportHash] = await client.readContract({
      ...settlement,
      functionName: 'staged',
    })
    return {
      staged: isStaged ? { attempt, reportHash } : undefined,
      nextEpoch: await client.readContract({ ...settlement, functionName: 'nextEpoch' }),
      nextAttempt: await client.readContract({ ...settlement, functionName: 'nextAttempt' }),
      reserve: await client.readContract({ ...settlement, functionName: 'reserve' }),
      root: await client.readContract({
        ...{ address: rewardsDistributor, abi: rewardsDistributorAbi },
        functionName: 'root',
      }),
      minted: (await supplyOf()) - supply,
    }
  }
  const untouched = { nextEpoch: 0n, reserve: 0n, root: NO_ROOT, minted: 0n }

  const run = async (...args: string[]) => {
    const where = ['--rpc', chain.rpcUrl, '--deployment', file('deployment.json')]
    const spawned = spawnNode('cli/ionet.ts', ['emergency', ...args, ...where])
    const exitCode = await spawned.ended
    return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
  }
  const accountOf = (name: string) => [
    ...['--keystore', file(`${name}.json`)],
    ...['--password-file', file('password')],
  ]
  /** Each member signs on its own, as an operator does. @returns the files that hold what was printed */
  const sign = (slots: readonly number[], name: string, kind: 'veto' | 'empty'): Promise<string[]> =>
    Promise.all(
      slots.map(async slot => {
        const { exitCode, stdout, stderr } = await run('sign', kind, EPOCH, ...accountOf(`member ${slot}`))
        expect(exitCode, stderr).to.equal(0)
        expect(stderr, 'nobody signs unread').to.include(`of epoch ${EPOCH}`).and.include('what will happen:')
        const signature = file(`${name} ${slot}.json`)
        writeFileSync(signature, stdout)
        return signature
      }),
    )
  const send = (kind: 'veto' | 'empty', signatures: readonly string[], ...more: string[]) =>
    run('send', kind, EPOCH, ...signatures, ...accountOf('payer'), ...more)
  const identity = (slot: number) => at(members, slot).identity
  let vetoes: string[]

  it('shows what would be vetoed, and by how many', async () => {
    await stage(0)
    const { staged } = await onChain()
    if (staged === undefined) throw new Error('nothing is staged')
    const veto = { epoch: 0, attempt: 0, reportHash: staged.reportHash }
    const digest = hexOf(vetoDigest(chain.domain, veto))
    const [json, text, empty] = await Promise.all([
      run('digest', 'veto', EPOCH, '--json'),
      run('digest', 'veto', EPOCH),
      run('digest', 'empty', EPOCH),
    ])
    expect(json.exitCode, json.stderr).to.equal(0)
    expect(JSON.parse(json.stdout)).to.deep.include({
      ...{ action: 'veto', ...veto, digest, signaturesNeeded: 2, rule: 'f + 1' },
      members: members.map((member, slot) => ({ slot, identity: member.identity, suspended: false })),
    })
    expect({ exitCode: text.exitCode, stderr: text.stderr }).to.deep.equal({ exitCode: 0, stderr: '' })
    const lines = text.stdout.split('\n')
    expect(lines).to.include.members([
      'veto of epoch 0, attempt 0',
      `  staged report   ${staged.reportHash}`,
      `  digest to sign  ${digest}`,
      'to be signed by 2 of the 4 members in force (f + 1):',
      'what will happen:',
      '  epoch 0 is settled again, under attempt 1 or a later one, by a report that the members find right',
    ])
    expect(text.stdout).to.match(
      /the report can become active from .* on, in \d+ s: the veto has to be in a block/,
    )
    expect({ exitCode: empty.exitCode, stdout: empty.stdout }).to.deep.equal({ exitCode: 2, stdout: '' })
    expect(empty.stderr).to.match(/^ionet: the contract would refuse it: EPOCH_STAGED: attempt 0 of epoch 0 /)
  })

  it('vetoes it with f + 1 signatures and no fewer: nothing of it is minted or paid', async () => {
    vetoes = await sign([3, 1], 'veto', 'veto')
    const few = await send('veto', vetoes.slice(0, 1))
    expect({ exitCode: few.exitCode, stdout: few.stdout }).to.deep.equal({ exitCode: 2, stdout: '' })
    expect(few.stderr).to.include('1 of the 2 signatures that are needed count: nothing is sent')
    expect(few.stderr).to.include(`${identity(1)} has not signed`)
    expect((await onChain()).staged).to.include({ attempt: 0 })

    const sent = await send('veto', vetoes)
    expect(sent.exitCode, sent.stderr).to.equal(0)
    expect(sent.stdout).to.match(/^veto of epoch 0, attempt 0\n/)
    for (const [slot, status] of ['has not signed', 'has signed', 'has not signed', 'has signed'].entries())
      expect(sent.stdout).to.include(`  slot ${slot}   ${identity(slot)}  ${status}\n`)
    expect(sent.stdout).to.match(/\ndone, in transaction 0x[0-9a-f]{64}\n$/)
    expect(await onChain()).to.deep.equal({ ...untouched, staged: undefined, nextAttempt: 1 })
  })

  it('takes no signatures of an earlier stage for the same lie under a later attempt', async () => {
    await stage(1)
    const [old, signatures] = await Promise.all([send('veto', vetoes), sign([0, 2], 'veto again', 'veto')])
    expect({ exitCode: old.exitCode, stdout: old.stdout }).to.deep.equal({ exitCode: 2, stdout: '' })
    for (const name of vetoes) expect(old.stderr).to.include(`${name}: OUTDATED: `)
    expect((await onChain()).staged).to.include({ attempt: 1 })
    const sent = await send('veto', signatures, '--json')
    expect(sent.exitCode, sent.stderr).to.equal(0)
    const { txHash, ...printed } = JSON.parse(sent.stdout)
    expect(printed).to.deep.include({
      ...{ action: 'veto', epoch: 0, attempt: 1, refused: [] },
      signers: [0, 2].map(identity).sort(),
      missing: [1, 3].map(identity),
    })
    expect(await client.getTransactionReceipt({ hash: txHash })).to.include({ status: 'success' })
    expect(await onChain()).to.deep.equal({ ...untouched, staged: undefined, nextAttempt: 2 })
  })

  it('empties the epoch after the vetoes with a quorum and no fewer: its pool is in the reserve', async () => {
    const pool = await client.readContract({
      ...{ address: chain.deployment.contracts.settlement, abi: settlementAbi },
      functionName: 'nextPool',
    })
    const signatures = await sign([2, 0, 3], 'empty', 'empty')
    const few = await send('empty', [...signatures.slice(0, 2), ...vetoes])
    expect({ exitCode: few.exitCode, stdout: few.stdout }).to.deep.equal({ exitCode: 2, stdout: '' })
    expect(few.stderr).to.include('2 of the 3 signatures that are needed count: nothing is sent')
    for (const name of vetoes) expect(few.stderr).to.include(`${name}: OTHER_ACTION: `)
    expect(await onChain()).to.deep.equal({ ...untouched, staged: undefined, nextAttempt: 2 })

    const sent = await send('empty', signatures)
    expect(sent.exitCode, sent.stderr).to.equal(0)
    const digest = hexOf(emptyEpochDigest(chain.domain, { keyEpoch: 1, epoch: 0 }))
    expect(sent.stdout).to.include(`emptying of epoch 0\n  key epoch       1\n  digest to sign  ${digest}\n`)
    expect(sent.stdout).to.match(/\ndone, in transaction 0x[0-9a-f]{64}\n$/)
    const { reserve, minted, ...rest } = await onChain()
    expect(rest).to.deep.equal({ staged: undefined, nextEpoch: 1n, nextAttempt: 0, root: NO_ROOT })
    expect(pool.pool > 0n).to.equal(true)
    expect([reserve, minted]).to.deep.equal([pool.pool, pool.pool])
  })
})
