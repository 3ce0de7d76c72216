import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { createTestClient, http, publicActions, walletActions } from 'viem'
import { deploy } from '../../../chain/deploy.ts'
import { type Deployment, saveDeployment } from '../../../chain/deployment.ts'
import { suspendCall } from '../../../chain/evidence.ts'
import { type MemberList, memberSetDigest, membersHashOf } from '../../../chain/member-set.ts'
import type { ContractCall } from '../../../chain/transactor.ts'
import { type Address, hexOf } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { encodeSignedQuote, quoteDigest } from '../../../protocol/quote.ts'
import type { Price } from '../../../protocol/units.ts'
import { writeKeystore } from '../../../runtime/keystore.ts'
import { Secret } from '../../../runtime/secret.ts'
import { type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { firstRotationCall } from '../../support/chain/rotation.ts'
import { testGroup } from '../../support/chain/signing.ts'
import { aQuote, at, castOf, type Party, party } from '../../support/network/cast.ts'
import { temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'

const PASSWORD = 'a password of tests'
const SUSPENDED = 3

describe('ionet members', function () {
  // Every command is a process, and loads viem.
  this.timeout(60_000)
  const cast = castOf(4)
  const newcomer = party('newcomer')
  const group = testGroup('members')
  const directory = temporaryDirectory()
  const file = (name: string): string => join(directory.path, name)
  let anvil: Anvil
  let client: ReturnType<typeof connect>
  let deployment: Deployment
  let domain: Domain

  const connect = (rpcUrl: string) =>
    createTestClient({
      mode: 'anvil',
      account: fundedAccount(0),
      transport: http(rpcUrl),
      pollingInterval: 20,
    })
      .extend(publicActions)
      .extend(walletActions)
  const send = async (call: ContractCall): Promise<void> => {
    const hash = await client.writeContract({ ...call, chain: null } as never)
    expect((await client.waitForTransactionReceipt({ hash })).status).to.equal('success')
  }
  const run = async (command: string, ...args: string[]) => {
    const where = ['--rpc', anvil.rpcUrl, '--deployment', file('deployment.json')]
    const spawned = spawnNode('cli/ionet.ts', ['members', command, ...args, ...where])
    const exitCode = await spawned.ended
    return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
  }
  const json = async (command: string, ...args: string[]) => {
    const { exitCode, stdout, stderr } = await run(command, ...args, '--json')
    expect(exitCode, stderr).to.equal(0)
    return JSON.parse(stdout)
  }
  const accountOf = (name: string) => [
    '--keystore',
    file(`${name}.json`),
    '--password-file',
    file('password'),
  ]
  const writeList = (name: string, list: MemberList): string => {
    const entries = list.map((member, slot) => (member === undefined ? null : { slot, ...member }))
    writeFileSync(file(name), JSON.stringify(entries))
    return file(name)
  }
  /** Signs as an operator does, and keeps what was printed. */
  const sign = async (slot: number, list: string): Promise<string> => {
    const { exitCode, stdout, stderr } = await run('sign', list, ...accountOf(`member ${slot}`))
    expect(exitCode, stderr).to.equal(0)
    const signature = file(`signature ${slot} ${JSON.parse(stdout).registryVersion}.json`)
    writeFileSync(signature, stdout)
    return signature
  }
  const listed = ({ identity, peerKey }: Party) => ({ identity, peerKey })
  /** Somebody leaves, and the newcomer has a slot of its own. */
  const next: MemberList = [
    ...cast.members.map((member, slot) => (slot === 2 ? undefined : listed(member))),
    listed(newcomer),
  ]

  before(async () => {
    anvil = await startAnvil()
    client = connect(anvil.rpcUrl)
    deployment = await deploy({
      rpcUrl: anvil.rpcUrl,
      deployer: fundedAccount(0),
      members: cast.members.map(listed),
      aggregators: cast.aggregators.map(listed),
      genesis: [],
      epochLengthSec: 60,
    })
    saveDeployment(file('deployment.json'), deployment)
    domain = {
      chainId: deployment.chainId,
      registry: deployment.contracts.oracleRegistry.toLowerCase() as Address,
    }
    await send(firstRotationCall(domain, cast.members, group, `0x${'5a'.repeat(32)}`))
    const quotes = [5n, 6n].map(price => {
      const quote = aQuote({ keyEpoch: 1, price: price as Price })
      const signature = at(cast.members, SUSPENDED).sign(quoteDigest(domain, quote))
      return encodeSignedQuote(domain, SUSPENDED, quote, signature)
    })
    const { identity: signer } = at(cast.members, SUSPENDED)
    await send(
      suspendCall(domain.registry as Address, {
        ...{ slot: SUSPENDED, signer },
        ...{ first: at(quotes, 0), second: at(quotes, 1) },
      }),
    )
    writeFileSync(file('password'), `${PASSWORD}\n`, { mode: 0o600 })
    const keystore = (name: string, secret: Uint8Array) =>
      writeKeystore(file(`${name}.json`), secret, new Secret(PASSWORD), { scryptN: 1_024 })
    await Promise.all(cast.members.map(({ secret }, slot) => keystore(`member ${slot}`, secret)))
    await keystore('newcomer', newcomer.secret)
    await keystore('payer', fundedAccount(1).getHdKey().privateKey ?? new Uint8Array())
  })
  after(async () => {
    await anvil.stop()
    directory.remove()
  })

  it('shows who is a member, who is suspended, who holds a share, and since when the key counts', async () => {
    const shown = await json('show')
    expect(shown).to.deep.include({ registryVersion: 3, pending: null, previous: null })
    expect(shown.countsNow).to.deep.equal({ keyEpoch: 1, memberSet: 1 })
    expect(shown.newest).to.deep.include({
      ...{ memberSet: 1, keyEpoch: 1, n: 4, f: 1, q: 3 },
      groupKeyX: `0x${group.px.toString(16).padStart(64, '0')}`,
    })
    expect(shown.newest.members).to.deep.equal(
      cast.members.map((member, slot) => ({
        slot,
        ...listed(member),
        suspended: slot === SUSPENDED,
        holdsShare: true,
      })),
    )
    const { stdout } = await run('show')
    expect(stdout).to.match(
      /slot 2 .* holds a share\n.*slot 3 .* suspended, holds a share\n {2}counts since \d{4}-/,
    )
    expect(stdout).to.match(/\nno list is pending\n$/)
  })

  it('shows what has to be signed for a list, and what it changes', async () => {
    const list = writeList('next.json', next)
    const shown = await json('digest', list)
    expect(shown).to.deep.include({
      registryVersion: 3,
      membersHash: membersHashOf(next),
      digest: hexOf(memberSetDigest(domain, 3, next)),
      signaturesNeeded: 3,
    })
    expect(shown.changes.map(({ kind }: { kind: string }) => kind)).to.deep.equal([
      'stays',
      'stays',
      'leaves',
      'reinstated',
      'joins',
    ])
    const { stdout } = await run('digest', list)
    expect(stdout).to.match(/to be signed by 3 of the members in force; afterwards n 4, f 1, q 3\n/)
    expect(stdout).to.match(/slot 4 .* joins\n/)
  })

  it('tells everything for which the registry would refuse a list, and signs nothing', async () => {
    const [first, second, ...rest] = next
    const wrong = writeList('wrong.json', [second, first, ...rest, listed(at(cast.aggregators, 0))])
    for (const command of [['digest'], ['sign', ...accountOf('member 0')]]) {
      const { exitCode, stdout, stderr } = await run(at(command, 0), wrong, ...command.slice(1))
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 2, stdout: '' })
      expect(stderr.match(/SLOT_MOVED|DUPLICATE_\w+/g)).to.deep.equal([
        'DUPLICATE_IDENTITY',
        'DUPLICATE_PEER_KEY',
        'SLOT_MOVED',
        'SLOT_MOVED',
      ])
    }
  })

  it('signs for nobody whose signature would not count', async () => {
    const list = writeList('next.json', next)
    for (const [name, reason] of [
      ['newcomer', 'is no member in force'],
      [`member ${SUSPENDED}`, 'is suspended'],
    ] as const) {
      const { exitCode, stdout, stderr } = await run('sign', list, ...accountOf(name))
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 2, stdout: '' })
      expect(stderr).to.include(reason)
    }
  })

  it('proposes what a quorum has signed, and says why it does not before', async () => {
    const list = writeList('next.json', next)
    const signatures: string[] = []
    for (const slot of [2, 0, 1]) signatures.push(await sign(slot, list))
    const propose = (...given: string[]) => run('propose', list, ...given, ...accountOf('payer'))

    const tooFew = await propose(at(signatures, 0), at(signatures, 1), at(signatures, 1))
    expect(tooFew).to.deep.include({ exitCode: 2, stdout: '' })
    expect(tooFew.stderr).to.equal('ionet: 2 of the 3 signatures that are needed count: nothing is sent\n')

    const outcome = await json('propose', list, ...signatures, ...accountOf('payer'))
    expect(outcome).to.deep.include({ memberSet: 2, registryVersion: 4 })
    const receipt = await client.getTransactionReceipt({ hash: outcome.txHash })
    expect(receipt.from).to.equal(fundedAccount(1).address.toLowerCase())
    const shown = await json('show')
    expect(shown.pending).to.deep.equal({
      memberSet: 2,
      members: next.flatMap((member, slot) => (member === undefined ? [] : [{ slot, ...member }])),
    })
    expect(shown.newest).to.deep.include({ memberSet: 1, keyEpoch: 1 })
    expect((await run('show')).stdout).to.match(
      /slot 3 .* reinstated\n.*slot 4 .* joins\n.*slot 2 .* leaves\n$/,
    )

    const again = await propose(...signatures)
    expect(again.exitCode).to.equal(2)
    expect(again.stderr).to.match(/^ionet: 0 of the 3 .*\n( {2}.*: OTHER_VERSION: .* 3, .* at 4: .*\n){3}$/)
  })

  it('wants to be told which network, and believes no endpoint of another chain', async () => {
    const spawned = spawnNode('cli/ionet.ts', ['members', 'show'])
    expect(await spawned.ended).to.equal(2)
    expect(spawned.stderr()).to.match(/^ionet: say which network: /)
    const other = { ...deployment, chainId: 1 }
    saveDeployment(file('other.json'), other)
    const wrong = spawnNode('cli/ionet.ts', [
      ...['members', 'show', '--rpc', anvil.rpcUrl, '--deployment', file('other.json')],
    ])
    expect(await wrong.ended).to.equal(2)
    expect(wrong.stderr()).to.include('31337')
  })
})
