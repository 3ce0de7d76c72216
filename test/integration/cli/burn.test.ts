import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createPublicClient, createWalletClient, type Hex, http } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { priceFeedAbi } from '../../../chain/abi/price-feed.ts'
import { deploy } from '../../../chain/deploy.ts'
import { type Deployment, saveDeployment } from '../../../chain/deployment.ts'
import { anvilCommand, fundAccounts, waitForChain } from '../../../devnet/anvil.ts'
import { createAccount } from '../../../devnet/members.ts'
import { formatDecimal, iosdForIo, type Price, parseDecimal, type Wei } from '../../../protocol/units.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { ROOT, type Spawned, spawnNode, spawnProgram } from '../../support/runtime/spawned.ts'

const signal = new AbortController().signal
const PRICE = parseDecimal('2.345678901234567891') as Price
const byAddress = (a: { address: string }, b: { address: string }) =>
  a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1

/** Certifies a price with the members' own signatures: no group key is needed for that. */
async function certify(rpcUrl: string, deployment: Deployment, keys: readonly Hex[]): Promise<void> {
  const { priceFeed, oracleRegistry } = deployment.contracts
  const reader = createPublicClient({ transport: http(rpcUrl), pollingInterval: 100 })
  const { timestamp } = await reader.getBlock()
  // price 80 | 0 (80) | confidence 16 | observedAt 40 | round 40
  const word = (PRICE << 176n) | (10n << 80n) | (timestamp << 40n) | (timestamp * 10n)
  const members = keys.map(key => privateKeyToAccount(key)).sort(byAddress)
  const signatures = await Promise.all(
    members.slice(0, 3).map(async member => {
      const signature = await member.signTypedData({
        domain: {
          name: 'IO Oracle',
          version: '1',
          chainId: deployment.chainId,
          verifyingContract: oracleRegistry,
        },
        types: {
          Report: [
            { name: 'feedId', type: 'bytes32' },
            { name: 'word', type: 'uint256' },
          ],
        },
        primaryType: 'Report',
        message: { feedId: deployment.feedId, word },
      })
      return compact(signature)
    }),
  )
  const [sender = members[0]] = members
  if (sender === undefined) throw new Error('there are no members')
  const wallet = createWalletClient({ transport: http(rpcUrl), account: sender })
  const hash = await wallet.writeContract({
    address: priceFeed,
    abi: priceFeedAbi,
    functionName: 'updateWithQuorum',
    args: [word, signatures],
    chain: null,
  })
  await reader.waitForTransactionReceipt({ hash })
}

/** EIP-2098. */
function compact(signature: Hex): { r: Hex; yParityAndS: Hex } {
  const s = BigInt(`0x${signature.slice(66, 130)}`)
  const parity = BigInt(Number.parseInt(signature.slice(130), 16) - 27)
  return {
    r: `0x${signature.slice(2, 66)}`,
    yParityAndS: `0x${((parity << 255n) | s).toString(16).padStart(64, '0')}`,
  }
}

describe('ionet burn', function () {
  this.timeout(60_000)
  let dir: string
  let chain: Spawned
  let rpcUrl: string
  let deployment: Deployment
  let config: string
  const memberKeys = Array.from({ length: 4 }, () => generatePrivateKey())

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-burn-'))
    const port = await freePort()
    rpcUrl = `http://127.0.0.1:${port}`
    const anvil = anvilCommand(ROOT, process.env, port)
    chain = spawnProgram(anvil.command, anvil.args)
    await waitForChain(rpcUrl, systemClock, signal)
    const burner = await createAccount(join(dir, 'burner'), 'burner')
    const members = memberKeys.map(key => privateKeyToAccount(key))
    const [deployer = burner.account] = members
    await fundAccounts(
      rpcUrl,
      [...members, burner.account].map(({ address }) => address),
      signal,
    )
    deployment = await deploy({
      rpcUrl,
      deployer,
      members: members.map(({ address }, slot) => ({
        identity: address,
        peerKey: `0x${String(slot + 1).padStart(64, '0')}`,
      })),
      aggregators: [{ identity: burner.account.address, peerKey: `0x${'a'.repeat(64)}` }],
      genesis: [{ account: burner.account.address, amount: parseDecimal('10000') }],
      epochLengthSec: 60,
    })
    saveDeployment(join(dir, 'deployment.json'), deployment)
    config = join(dir, 'burner.json')
    const { keystore, passwordFile } = burner.local
    writeFileSync(
      config,
      JSON.stringify({
        rpcUrls: [rpcUrl],
        deployment: 'deployment.json',
        identity: { keystore, passwordFile },
      }),
    )
  })
  after(async () => {
    chain.process.stdin.end()
    await chain.ended
    rmSync(dir, { recursive: true })
  })

  const burn = async (...args: string[]) => {
    const spawned = spawnNode('cli/ionet.ts', ['burn', '--config', config, ...args])
    const exitCode = await spawned.ended
    return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
  }

  it('says that there is no price yet', async () => {
    expect(await burn('--io', '1')).to.deep.equal({
      exitCode: 1,
      stdout: '',
      stderr: 'ionet: there is no certified price on chain yet: try again in a moment\n',
    })
  })

  it('gives exactly one IOSD for each dollar, to the wei', async () => {
    await certify(rpcUrl, deployment, memberKeys)
    const io = parseDecimal('1.000000000000000007') as Wei
    const { exitCode, stdout, stderr } = await burn('--io', formatDecimal(io), '--json')
    expect(exitCode, stderr).to.equal(0)
    expect(JSON.parse(stdout)).to.deep.include({
      io: io.toString(),
      iosd: iosdForIo(io, PRICE).toString(),
      price: PRICE.toString(),
    })
  })

  it('says how much there is when it is not enough', async () => {
    const { exitCode, stderr } = await burn('--io', '100000')
    expect(exitCode).to.equal(1)
    expect(stderr).to.match(/^ionet: 0x\w{40} holds [\d.]+ IO, not 100000\n$/)
  })
})

function freePort(): Promise<number> {
  return new Promise(resolve => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
