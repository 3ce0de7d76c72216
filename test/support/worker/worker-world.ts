/** A chain with contracts and a model, a relayer, and what a worker needs to be configured. */
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTestClient, http, publicActions, walletActions } from 'viem'
import { modelRegistryAbi } from '../../../chain/abi/model-registry.ts'
import { deploy } from '../../../chain/deploy.ts'
import { type Deployment, saveDeployment } from '../../../chain/deployment.ts'
import { BUILT_IN_MODEL, modelHash } from '../../../compute/model/spec.ts'
import { loadWorkerConfig, type WorkerConfig } from '../../../config/process-config.ts'
import type { Address, Hash } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { addressOfSecret } from '../../../protocol/identity.ts'
import { transcriptHashOf } from '../../../protocol/keygen/transcript.ts'
import { writeKeystore } from '../../../runtime/keystore.ts'
import { Secret } from '../../../runtime/secret.ts'
import { type Anvil, fundedAccount, startAnvil } from '../chain/anvil.ts'
import { firstRotationCall } from '../chain/rotation.ts'
import { testGroup, testMember } from '../chain/signing.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../network/temporary-directory.ts'
import { seeded } from '../protocol/seeded.ts'
import { RELAYER } from './customer.ts'
import { BEACON_KEY, type FakeRelayer, startFakeRelayer } from './fake-relayer.ts'

/** Registered, like the identities of configurations that are named `gateway`. */
export const GATEWAY: Address = `0x${'9a'.repeat(20)}`
export const EPOCH_SEC = 600
export const SLOT_SEC = 5
export const GRACE_SEC = 2
const CONFIG_DIR = join(import.meta.dirname, '../../../config/networks')

const connect = (rpcUrl: string) =>
  createTestClient({
    mode: 'anvil',
    account: fundedAccount(0),
    transport: http(rpcUrl),
    pollingInterval: 20,
  })
    .extend(publicActions)
    .extend(walletActions)

export interface WorkerWorld {
  readonly anvil: Anvil
  readonly client: ReturnType<typeof connect>
  readonly deployment: Deployment
  readonly domain: Domain
  readonly relayer: FakeRelayer
  readonly directory: TemporaryDirectory
  readonly model: { readonly id: Hash; readonly version: number }
  /** The configuration file of a worker of this name, whose account has gas. */
  configFile(name: string, changes?: Record<string, unknown>): Promise<string>
  config(name: string, changes?: Record<string, unknown>): Promise<WorkerConfig>
  /** Mines one block with this time. */
  mineAt(sec: number): Promise<void>
  nowSec(): Promise<number>
  stop(): Promise<void>
}

/** Time stands still but for transactions and {@link WorkerWorld.mineAt}. The model can be used from the start. */
export async function startWorkerWorld(networkChanges: Record<string, unknown> = {}): Promise<WorkerWorld> {
  const anvil = await startAnvil()
  const client = connect(anvil.rpcUrl)
  const directory = temporaryDirectory()
  const members = Array.from({ length: 4 }, (_, slot) => testMember(`member ${slot}`))
  const deployment = await deploy({
    rpcUrl: anvil.rpcUrl,
    deployer: fundedAccount(0),
    members: members.map(({ identity, peerKey }) => ({ identity, peerKey })),
    aggregators: [],
    relayers: [{ identity: RELAYER, peerKey: testMember('relayer').peerKey }],
    gateways: [GATEWAY, addressOfSecret(seeded('identity of gateway'))].map((identity, index) => ({
      identity,
      peerKey: testMember(`gateway ${index}`).peerKey,
    })),
    genesis: [{ account: fundedAccount(0).address, amount: 10n ** 24n }],
    epochLengthSec: EPOCH_SEC,
  })
  const domain = {
    chainId: deployment.chainId,
    registry: deployment.contracts.oracleRegistry.toLowerCase() as Address,
  }
  const rotation = firstRotationCall(
    domain,
    members,
    testGroup('worker world'),
    transcriptHashOf(BEACON_KEY.transcript),
  )
  await client.waitForTransactionReceipt({
    hash: await client.writeContract(rotation as Parameters<typeof client.writeContract>[0]),
  })
  const relayer = await startFakeRelayer(domain)
  const nowSec = async (): Promise<number> => Number((await client.getBlock()).timestamp)
  const mineAt = async (sec: number): Promise<void> => {
    await client.setNextBlockTimestamp({ timestamp: BigInt(sec) })
    await client.mine({ blocks: 1 })
  }

  const contract = { address: deployment.contracts.modelRegistry, abi: modelRegistryAbi } as const
  const args = [modelHash(BUILT_IN_MODEL), `0x${'01'.repeat(32)}`, 0] as const
  const { result: id, request } = await client.simulateContract({
    ...contract,
    functionName: 'register',
    args,
  })
  await client.waitForTransactionReceipt({ hash: await client.writeContract(request) })
  const epoch = Math.floor(((await nowSec()) - deployment.epochStart) / EPOCH_SEC)
  await mineAt(deployment.epochStart + (epoch + 1) * EPOCH_SEC)

  const at = (name: string): string => join(directory.path, name)
  saveDeployment(at('deployment.json'), deployment)
  const network = JSON.parse(readFileSync(join(CONFIG_DIR, 'devnet.json'), 'utf8')) as object
  writeFileSync(
    at('network.json'),
    JSON.stringify({
      ...network,
      challengeSlotSec: SLOT_SEC,
      challengeSize: 64,
      challengeGraceSec: GRACE_SEC,
      ...networkChanges,
    }),
  )
  copyFileSync(join(CONFIG_DIR, 'sources.io-usd.json'), at('sources.io-usd.json'))
  writeFileSync(at('password'), 'correct horse\n')
  chmodSync(at('password'), 0o600)

  const configFile = async (name: string, changes: Record<string, unknown> = {}): Promise<string> => {
    const password = new Secret('correct horse')
    const secrets = { identity: seeded(`identity of ${name}`), device: seeded(`device of ${name}`) }
    await writeKeystore(at(`${name}.json`), secrets.identity, password, { scryptN: 1024 })
    await writeKeystore(at(`${name}.device.json`), secrets.device, password, { scryptN: 1024 })
    await client.setBalance({ address: addressOfSecret(secrets.identity), value: 10n ** 20n })
    const file = at(`${name}.config.json`)
    const config = {
      dataDir: at(`${name}-data`),
      lockDir: at('locks'),
      'identity.keystore': at(`${name}.json`),
      'identity.passwordFile': at('password'),
      'device.keystore': at(`${name}.device.json`),
      rpcUrls: [anvil.rpcUrl],
      deployment: at('deployment.json'),
      network: at('network.json'),
      relayerUrl: relayer.server.url,
      oracleUrls: [relayer.server.url],
      'http.port': 0,
      'model.id': id,
      maxProducts: 3,
      batchEverySec: 1,
      claimEverySec: 0,
      logLevel: 'info',
      ...changes,
    }
    writeFileSync(file, JSON.stringify(nested(config)))
    return file
  }
  return {
    ...{ anvil, client, deployment, domain, relayer, directory, mineAt, nowSec, configFile },
    model: { id, version: 1 },
    config: async (name, changes) => loadWorkerConfig(await configFile(name, changes), {}),
    stop: async () => {
      await relayer.server.stop()
      await anvil.stop()
      directory.remove()
    },
  }
}

/** `{'a.b': 1}` → `{a: {b: 1}}`, as configuration files are written. */
function nested(flat: Record<string, unknown>): Record<string, unknown> {
  const out: Record<string, Record<string, unknown>> = {}
  const top: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(flat)) {
    const [first = '', second] = key.split('.')
    if (second === undefined) top[first] = value
    else out[first] = { ...out[first], [second]: value }
  }
  return { ...top, ...out }
}
