import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { createTestClient, http, publicActions, walletActions } from 'viem'
import { burnerAbi } from '../../../chain/abi/burner.ts'
import { settlementAbi } from '../../../chain/abi/settlement.ts'
import { deploy } from '../../../chain/deploy.ts'
import { type Deployment, saveDeployment } from '../../../chain/deployment.ts'
import { writeKeystore } from '../../../runtime/keystore.ts'
import { Secret } from '../../../runtime/secret.ts'
import { type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { at, castOf, type Party, party } from '../../support/network/cast.ts'
import { temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'

const PASSWORD = 'a password of tests'
const EPOCH_SEC = 60

describe('ionet emergency', function () {
  // Every command is a process, and loads viem.
  this.timeout(60_000)
  const cast = castOf(4)
  const stranger = party('stranger')
  const directory = temporaryDirectory()
  const file = (name: string): string => join(directory.path, name)
  let anvil: Anvil
  let client: ReturnType<typeof connect>
  let deployment: Deployment

  const connect = (rpcUrl: string) =>
    createTestClient({
      mode: 'anvil',
      account: fundedAccount(0),
      transport: http(rpcUrl),
      pollingInterval: 20,
    })
      .extend(publicActions)
      .extend(walletActions)
  const run = async (...args: string[]) => {
    const where = ['--rpc', anvil.rpcUrl, '--deployment', file('deployment.json')]
    const spawned = spawnNode('cli/ionet.ts', ['emergency', ...args, ...where])
    const exitCode = await spawned.ended
    return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
  }
  const accountOf = (name: string) => [
    ...['--keystore', file(`${name}.json`)],
    ...['--password-file', file('password')],
  ]
  /** Signs as an operator does, and keeps what was printed. */
  const sign = async (slot: number, ...action: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await run('sign', ...action, ...accountOf(`member ${slot}`))
    expect(exitCode, stderr).to.equal(0)
    expect(stderr).to.include('what will happen:')
    const signature = file(`signature ${slot} ${action.join(' ')}.json`)
    writeFileSync(signature, stdout)
    return signature
  }
  const listed = ({ identity, peerKey }: Party) => ({ identity, peerKey })

  before(async () => {
    anvil = await startAnvil()
    client = connect(anvil.rpcUrl)
    const { timestamp } = await client.getBlock()
    deployment = await deploy({
      rpcUrl: anvil.rpcUrl,
      deployer: fundedAccount(0),
      members: cast.members.map(listed),
      aggregators: cast.aggregators.map(listed),
      genesis: [],
      epochLengthSec: EPOCH_SEC,
      epochStart: Number(timestamp),
    })
    saveDeployment(file('deployment.json'), deployment)
    writeFileSync(file('password'), `${PASSWORD}\n`, { mode: 0o600 })
    const keystore = (name: string, secret: Uint8Array) =>
      writeKeystore(file(`${name}.json`), secret, new Secret(PASSWORD), { scryptN: 1_024 })
    await Promise.all(cast.members.map(({ secret }, slot) => keystore(`member ${slot}`, secret)))
    await keystore('stranger', stranger.secret)
    await keystore('payer', fundedAccount(1).getHdKey().privateKey ?? new Uint8Array())
  })
  after(async () => {
    await anvil.stop()
    directory.remove()
  })

  it('says why the contract would refuse it, and signs nothing', async () => {
    for (const [action, code] of [
      [['digest', 'veto', '0'], 'NOTHING_STAGED'],
      [['digest', 'empty', '7'], 'NOT_NEXT_EPOCH'],
      [['sign', 'empty', '0', ...accountOf('member 0')], 'EPOCH_NOT_ENDED'],
    ] as const) {
      const { exitCode, stdout, stderr } = await run(...action)
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 2, stdout: '' })
      expect(stderr).to.match(new RegExp(`^ionet: the contract would refuse it: ${code}: `))
    }
    const { exitCode, stderr } = await run('sign', 'pause-burns', ...accountOf('stranger'))
    expect(exitCode).to.equal(2)
    expect(stderr).to.include(`${stranger.identity} is no member in force`)
  })

  it('pauses burns with f + 1 signatures, naming those that do not count', async () => {
    const digest = await client.readContract({
      ...{ address: deployment.contracts.burner, abi: burnerAbi },
      functionName: 'pauseDigest',
    })
    const shown = JSON.parse((await run('digest', 'pause-burns', '--json')).stdout)
    expect(shown).to.deep.include({ action: 'pause-burns', pauses: 0, digest, signaturesNeeded: 2 })
    const [first, second] = [await sign(0, 'pause-burns'), await sign(3, 'pause-burns')]
    const forged = file('forged.json')
    const { default: signature } = await import(first, { with: { type: 'json' } })
    writeFileSync(forged, JSON.stringify({ ...signature, identity: stranger.identity }))

    const few = await run('send', 'pause-burns', first, forged, ...accountOf('payer'))
    expect({ exitCode: few.exitCode, stdout: few.stdout }).to.deep.equal({ exitCode: 2, stdout: '' })
    expect(few.stderr).to.include('1 of the 2 signatures that are needed count: nothing is sent')
    expect(few.stderr).to.include(`${forged}: BAD_SIGNATURE: is not by ${stranger.identity}`)
    expect(few.stderr).to.include(`${at(cast.members, 1).identity} has not signed`)

    const sent = await run('send', 'pause-burns', first, second, forged, ...accountOf('payer'))
    expect(sent.exitCode, sent.stderr).to.equal(0)
    expect(sent.stdout).to.match(/slot 0 .* has signed\n.*slot 1 .* has not signed\n/)
    expect(sent.stdout).to.match(/\ndone, in transaction 0x[0-9a-f]{64}\n$/)
    const again = await run('digest', 'pause-burns')
    expect(again.exitCode).to.equal(2)
    expect(again.stderr).to.match(/PAUSE_TOO_SOON: .* and are paused until \d{4}-/)
  })

  it('empties an epoch that has ended with a quorum, once', async () => {
    await client.increaseTime({ seconds: EPOCH_SEC })
    await client.mine({ blocks: 1 })
    const settlement = { address: deployment.contracts.settlement, abi: settlementAbi } as const
    const digest = await client.readContract({ ...settlement, functionName: 'emptyEpochDigest', args: [0n] })
    const shown = JSON.parse((await run('digest', 'empty', '0', '--json')).stdout)
    expect(shown).to.deep.include({ action: 'empty', keyEpoch: 0, epoch: 0, digest, signaturesNeeded: 3 })
    const signatures: string[] = []
    for (const slot of [2, 0, 1]) signatures.push(await sign(slot, 'empty', '0'))
    const send = () => run('send', 'empty', '0', ...signatures, ...accountOf('payer'), '--json')
    const sent = await send()
    expect(sent.exitCode, sent.stderr).to.equal(0)
    expect(JSON.parse(sent.stdout)).to.deep.include({
      ...{ action: 'empty', epoch: 0, refused: [], missing: [at(cast.members, 3).identity] },
      signers: [0, 1, 2].map(slot => at(cast.members, slot).identity).sort(),
    })
    expect(await client.readContract({ ...settlement, functionName: 'nextEpoch' })).to.equal(1n)
    const again = await send()
    expect(again.exitCode).to.equal(2)
    expect(again.stderr).to.include('EPOCH_OVER')
    const verified = spawnNode('cli/ionet.ts', [
      ...['verify', 'epoch', '0', '--rpc', anvil.rpcUrl],
      ...['--deployment', file('deployment.json'), '--bundles', directory.path],
    ])
    expect(await verified.ended, verified.stderr()).to.equal(0)
    expect(verified.stdout()).to.include(
      'epoch 0: nobody was paid or debited, and its whole pool is in the reserve',
    )
  })
})
