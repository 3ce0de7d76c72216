import { join } from 'node:path'
import { expect } from 'chai'
import { createTestClient, http, parseEther } from 'viem'
import { createAggregator } from '../../../aggregator/service.ts'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { createReader } from '../../../chain/clients.ts'
import { deploy } from '../../../chain/deploy.ts'
import type { Deployment } from '../../../chain/deployment.ts'
import { readRegistry } from '../../../chain/membership-reader.ts'
import { Problems } from '../../../config/load.ts'
import { readNetwork } from '../../../config/network.ts'
import type { AggregatorConfig } from '../../../config/process-config.ts'
import type { Address, Hash } from '../../../protocol/bytes.ts'
import { topicOf } from '../../../protocol/channels.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { encodeSignedQuote, quoteDigest, SIGNED_QUOTE_BYTES } from '../../../protocol/quote.ts'
import { roundAt } from '../../../protocol/rounds.ts'
import type { Price } from '../../../protocol/units.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { writeKeystore } from '../../../runtime/keystore.ts'
import { createMetrics, type Metrics } from '../../../runtime/metrics.ts'
import { createPeerNetwork, type PeerNetwork } from '../../../runtime/p2p/peer-network.ts'
import { Secret } from '../../../runtime/secret.ts'
import type { Service } from '../../../runtime/service.ts'
import { type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { eventually } from '../../support/devnet/eventually.ts'
import { aQuote, at, castOf } from '../../support/network/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { ROOT } from '../../support/runtime/spawned.ts'

const LIAR = 1
const SCRYPT_N = 1_024
const WITHIN_MS = 20_000

describe('an aggregator that hears a member say two things', function () {
  this.timeout(60_000)
  const cast = castOf(4, 1)
  const liar = at(cast.members, LIAR)
  const running = new AbortController().signal
  let anvil: Anvil
  let directory: TemporaryDirectory
  let deployment: Deployment
  let domain: Domain
  let config: AggregatorConfig
  /** The liar's: it says what a test wants. */
  let mouth: PeerNetwork
  let metrics: Metrics
  let aggregator: Service

  before(async () => {
    anvil = await startAnvil()
    directory = temporaryDirectory()
    const listed = ({ identity, peerKey }: (typeof cast.members)[number]) => ({
      identity,
      peerKey: peerKey as Hash,
    })
    deployment = await deploy({
      rpcUrl: anvil.rpcUrl,
      deployer: fundedAccount(0),
      members: cast.members.map(listed),
      aggregators: cast.aggregators.map(listed),
      genesis: [{ account: fundedAccount(1).address, amount: 1n }],
      epochLengthSec: 60,
    })
    domain = {
      chainId: deployment.chainId,
      registry: deployment.contracts.oracleRegistry.toLowerCase() as Address,
    }
    await createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) }).setBalance({
      address: at(cast.aggregators, 0).identity,
      value: parseEther('1'),
    })
    mouth = createPeerNetwork(
      {
        seed: liar.seed,
        listen: ['/ip4/127.0.0.1/tcp/0'],
        bootstrap: [],
        allowed: () => new Set(cast.aggregators.map(({ peerKey }) => peerKey)),
        loopback: true,
      },
      { clock: systemClock, logger: recordLogger() },
    )
    mouth.subscribe(
      topicOf(domain, 'quotes'),
      SIGNED_QUOTE_BYTES,
      () => 'accept',
      () => {},
    )
    await mouth.start(running)
    config = await configure()
    await startAggregator()
  })
  after(async () => {
    await aggregator.stop()
    await mouth.stop()
    await anvil.stop()
    directory.remove()
  })

  const startAggregator = async (): Promise<void> => {
    metrics = createMetrics({ processMetrics: false })
    aggregator = await createAggregator(config, { clock: systemClock, logger: recordLogger(), metrics })
    await aggregator.start(running)
  }
  const configure = async (): Promise<AggregatorConfig> => {
    const problems = new Problems('devnet.json')
    const network = readNetwork(join(ROOT, 'config/networks/devnet.json'), '', problems)
    problems.throwIfAny()
    if (network === undefined) throw new Error('no network file')
    const { secret, seed } = at(cast.aggregators, 0)
    const password = new Secret('a password')
    const keys = {
      keystore: join(directory.path, 'identity.json'),
      peerKeystore: join(directory.path, 'peer.json'),
    }
    await writeKeystore(keys.keystore, secret, password, { scryptN: SCRYPT_N })
    await writeKeystore(keys.peerKeystore, seed, password, { scryptN: SCRYPT_N })
    return {
      dataDir: join(directory.path, 'data'),
      lockDir: join(directory.path, 'locks'),
      identity: { ...keys, password },
      rpcUrls: [anvil.rpcUrl],
      deployment,
      network,
      p2p: { listen: ['/ip4/127.0.0.1/tcp/0'], peers: mouth.addresses() },
      http: { host: '127.0.0.1', port: 0 },
      logLevel: 'warn',
    }
  }

  /** Another price every time, for the round that it is. */
  const lie = async (price: bigint): Promise<void> => {
    const round = roundAt(systemClock.now(), config.network.roundMs)
    const quote = aQuote({ keyEpoch: 0, round, price: price as Price })
    const signature = liar.sign(quoteDigest(domain, quote))
    await mouth.publish(topicOf(domain, 'quotes'), encodeSignedQuote(domain, LIAR, quote, signature).bytes)
  }

  it('has it suspended', async () => {
    const reader = createReader([anvil.rpcUrl])
    let price = 0n
    await eventually('the suspension', WITHIN_MS, async () => {
      price += 1n
      await lie(price)
      const { newest } = await readRegistry(reader, { ...domain, finality: 'latest' })
      return at(newest.members, LIAR).suspended
    })
    const { newest } = await reader.readContract({
      address: domain.registry,
      abi: oracleRegistryAbi,
      functionName: 'state',
    })
    expect(newest.suspended).to.equal(1n << BigInt(LIAR))
    await eventually('the count', WITHIN_MS, async () =>
      (await metrics.render()).includes('ionet_aggregator_evidence_total{outcome="SUSPENDED"} 1'),
    )
  })

  it('still leaves the member out after a restart, and sends nothing more', async () => {
    await aggregator.stop()
    await startAggregator()
    let price = 1_000n
    await eventually('a lie to be left out', WITHIN_MS, async () => {
      price += 1n
      await lie(price)
      return (await metrics.render()).includes('ionet_aggregator_round_outcomes_total{outcome="UNLISTED"}')
    })
    expect(await metrics.render()).not.to.include('EQUIVOCATION')
    const sent = await createReader([anvil.rpcUrl]).getTransactionCount({
      address: at(cast.aggregators, 0).identity,
    })
    expect(sent).to.equal(1)
  })
})
