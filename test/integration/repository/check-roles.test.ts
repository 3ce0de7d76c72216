import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  type Address,
  concat,
  createTestClient,
  type Hex,
  http,
  keccak256,
  pad,
  publicActions,
  toEventHash,
  walletActions,
  zeroHash,
} from 'viem'
import { timelockAbi } from '../../../chain/abi/timelock.ts'
import { type DeployOptions, deploy } from '../../../chain/deploy.ts'
import { type Deployment, saveDeployment } from '../../../chain/deployment.ts'
import { type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { testMember } from '../../support/chain/signing.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'

/** Logs the four words of its input as topics: CALLDATALOAD of the last to the first, then LOG4 of no data. */
const LOGGER = '0x60603560403560203560003560006000a400'

/** Where Solidity keeps the value of a key of a mapping. */
function slotOf(key: Hex, mapping: Hex): Hex {
  return keccak256(concat([key, mapping]))
}

describe('scripts/check-roles.ts', function () {
  this.timeout(60_000)
  const deployer = fundedAccount(0)
  const mallory = fundedAccount(6)
  let anvil: Anvil
  let dir: string
  let file: string
  let deployment: Deployment
  let client: ReturnType<typeof connect>

  const connect = (rpcUrl: string) =>
    createTestClient({ mode: 'anvil', account: deployer, transport: http(rpcUrl), pollingInterval: 20 })
      .extend(publicActions)
      .extend(walletActions)

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'check-roles-'))
    file = join(dir, 'deployment.json')
    anvil = await startAnvil()
    client = connect(anvil.rpcUrl)
  })
  after(async () => {
    await anvil.stop()
    rmSync(dir, { recursive: true })
  })
  beforeEach(async () => {
    deployment = await deploy(network())
    saveDeployment(file, deployment)
  })

  const network = (): DeployOptions => ({
    rpcUrl: anvil.rpcUrl,
    deployer,
    members: ['a', 'b', 'c', 'd'].map(testMember).map(({ identity, peerKey }) => ({ identity, peerKey })),
    aggregators: [],
    genesis: [],
    epochLengthSec: 60,
  })
  const check = async (...args: string[]) => {
    const given = args.length > 0 ? args : ['--rpc', anvil.rpcUrl, '--deployment', file]
    const spawned = spawnNode('scripts/check-roles.ts', given)
    const exitCode = await spawned.ended
    return { exitCode, lines: spawned.stdout().trimEnd().split('\n'), stderr: spawned.stderr() }
  }
  const faultsOf = (lines: readonly string[]) => lines.filter(line => !line.startsWith('ok'))

  /** What a timelock of another build would do: this one's roles are fixed. */
  const changeRole = async (
    event: 'RoleGranted' | 'RoleRevoked',
    role: 'PROPOSER_ROLE' | 'EXECUTOR_ROLE' | undefined,
    account: Address,
  ): Promise<void> => {
    const { timelock: address } = deployment.contracts
    const contract = { address, abi: timelockAbi } as const
    const id = role === undefined ? zeroHash : await client.readContract({ ...contract, functionName: role })
    const slot = slotOf(pad(account), slotOf(id, zeroHash))
    await client.setStorageAt({ address, index: slot, value: pad(event === 'RoleGranted' ? '0x1' : '0x0') })
    const bytecode = await client.getCode({ address })
    if (bytecode === undefined) throw new Error('there is no timelock')
    await client.setCode({ address, bytecode: LOGGER })
    const topics = [toEventHash(`${event}(bytes32,address,address)`), id, pad(account), pad(address)]
    const hash = await client.sendTransaction({ to: address, data: concat(topics), chain: null })
    await client.waitForTransactionReceipt({ hash })
    await client.setCode({ address, bytecode })
  }

  it('says of every role who holds it, and ends well', async () => {
    const { exitCode, lines, stderr } = await check()
    expect(exitCode, stderr).to.equal(0)
    expect(lines).to.have.length(29)
    expect(faultsOf(lines)).to.deep.equal([])
    const { contracts } = deployment
    expect(lines).to.include.members([
      `ok     ${'io minter'.padEnd(30)} emission ${contracts.emission}`,
      `ok     ${'timelock PROPOSER'.padEnd(30)} governor ${contracts.governor}`,
      `ok     ${'timelock EXECUTOR'.padEnd(30)} anybody`,
    ])
  })

  it('finds a key that was given a role after the deployment', async () => {
    await changeRole('RoleGranted', 'PROPOSER_ROLE', mallory.address)
    const { exitCode, lines } = await check()
    expect(exitCode).to.equal(1)
    expect(faultsOf(lines)).to.have.length(1)
    expect(faultsOf(lines)[0]).to.match(
      new RegExp(`^FAULT .*timelock PROPOSER .*${mallory.address} \\(WRONG_HOLDER, ORDINARY_ACCOUNT;`),
    )
    await changeRole('RoleRevoked', 'PROPOSER_ROLE', mallory.address)
    expect((await check()).exitCode).to.equal(0)
  })

  it('names the deployer where it has kept a role', async () => {
    await changeRole('RoleGranted', undefined, deployer.address)
    const { exitCode, lines } = await check()
    expect(exitCode).to.equal(1)
    expect(faultsOf(lines)[0]).to.include('timelock DEFAULT_ADMIN')
    expect(faultsOf(lines)[0]).to.include('(WRONG_HOLDER, ORDINARY_ACCOUNT, DEPLOYER;')
  })

  it('does not take a key for a contract because it has delegated to one', async () => {
    await client.setCode({
      address: mallory.address,
      bytecode: `0xef0100${deployment.contracts.governor.slice(2).toLowerCase() as `0x${string}`}`,
    })
    await changeRole('RoleGranted', 'PROPOSER_ROLE', mallory.address)
    expect(faultsOf((await check()).lines)[0]).to.include('ORDINARY_ACCOUNT')
  })

  it('finds an execution that is not open to all', async () => {
    await changeRole('RoleRevoked', 'EXECUTOR_ROLE', `0x${'00'.repeat(20)}`)
    const { exitCode, lines } = await check()
    expect(exitCode).to.equal(1)
    expect(faultsOf(lines)[0]).to.include('timelock EXECUTOR')
    expect(faultsOf(lines)[0]).to.include('nobody (WRONG_HOLDER; required: anybody)')
  })

  it('finds contracts that know others than those of the file', async () => {
    const { contracts } = deployment
    const other = await deploy(network())
    saveDeployment(file, { ...deployment, contracts: { ...contracts, emission: other.contracts.emission } })
    const { exitCode, lines } = await check()
    expect(exitCode).to.equal(1)
    expect(faultsOf(lines).map(line => line.split(' ').slice(0, 4).join(' ').trim())).to.deep.equal([
      'FAULT  io minter',
      'FAULT  emission settlement',
      'FAULT  emission burner',
      'FAULT  settlement emission',
    ])
  })

  it('ends with 2 when it cannot be told', async () => {
    saveDeployment(file, { ...deployment, chainId: 5 })
    expect(await check()).to.deep.include({
      exitCode: 2,
      stderr: 'check-roles: the endpoint serves chain 31337, the deployment is on chain 5\n',
    })
    saveDeployment(file, { ...deployment, deployBlock: deployment.deployBlock + 1 })
    expect((await check()).exitCode).to.equal(2)
    writeFileSync(file, '{}')
    expect((await check()).stderr).to.include('is no deployment file')
    expect((await check('--rpc', anvil.rpcUrl)).stderr).to.include('usage:')
  })
})
