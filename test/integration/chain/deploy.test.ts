import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createPublicClient, getContractAddress, http, type PublicClient } from 'viem'
import { emissionAbi } from '../../../chain/abi/emission.ts'
import { escrowAbi } from '../../../chain/abi/escrow.ts'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { parametersAbi } from '../../../chain/abi/parameters.ts'
import { priceFeedAbi } from '../../../chain/abi/price-feed.ts'
import { settlementAbi } from '../../../chain/abi/settlement.ts'
import { timelockAbi } from '../../../chain/abi/timelock.ts'
import { DeployError, type DeployOptions, deploy } from '../../../chain/deploy.ts'
import { saveDeployment } from '../../../chain/deployment.ts'
import { readRegistry } from '../../../chain/membership-reader.ts'
import { ANYBODY, findRoles } from '../../../chain/roles.ts'
import { readDeployment } from '../../../config/deployment.ts'
import { ConfigError } from '../../../config/error.ts'
import { Problems } from '../../../config/load.ts'
import { feedIdOf } from '../../../protocol/domain.ts'
import { type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { testMember } from '../../support/chain/signing.ts'

describe('deploying the contracts', () => {
  let anvil: Anvil
  let reader: PublicClient

  before(async () => {
    anvil = await startAnvil()
    reader = createPublicClient({ transport: http(anvil.rpcUrl) })
  })
  after(() => anvil.stop())

  const options = (changes: Partial<DeployOptions> = {}): DeployOptions => ({
    rpcUrl: anvil.rpcUrl,
    deployer: fundedAccount(0),
    members: ['a', 'b', 'c', 'd'].map(testMember).map(({ identity, peerKey }) => ({ identity, peerKey })),
    aggregators: ['x', 'y'].map(testMember).map(({ identity, peerKey }) => ({ identity, peerKey })),
    genesis: [{ account: fundedAccount(1).address, amount: 10n ** 24n }],
    epochLengthSec: 60,
    ...changes,
  })

  const refusal = async (changes: Partial<DeployOptions>): Promise<DeployError> => {
    try {
      await deploy(options(changes))
    } catch (error) {
      if (error instanceof DeployError) return error
      throw error
    }
    throw new Error('it was deployed')
  }

  it('puts the contracts where the deployer’s nonce says, and describes them', async () => {
    const { address } = fundedAccount(0)
    const nonce = BigInt(await reader.getTransactionCount({ address }))
    const firstBlock = await reader.getBlockNumber()
    const time = Number((await reader.getBlock()).timestamp)

    const deployment = await deploy(options())

    const at = (index: bigint) => getContractAddress({ from: address, nonce: nonce + index })
    expect(deployment).to.deep.equal({
      chainId: 31337,
      deployBlock: Number(firstBlock) + 1,
      epochStart: time - (time % 60),
      epochLengthSec: 60,
      feedId: feedIdOf('IO/USD'),
      contracts: {
        io: at(0n),
        iosd: at(1n),
        oracleRegistry: at(2n),
        priceFeed: at(3n),
        burner: at(4n),
        emission: at(5n),
        parameters: at(6n),
        workerRegistry: at(7n),
        modelRegistry: at(8n),
        rewardsDistributor: at(9n),
        escrow: at(10n),
        settlement: at(11n),
        timelock: at(12n),
        governor: at(13n),
      },
    })
  })

  it('sets what it is told to set', async () => {
    const { contracts, epochStart } = await deploy(
      options({
        epochStart: 1_700_000_000,
        feed: { maxAgeSec: 20, emaPeriodSec: 600 },
        emission: { yearlyNetCap: 7n },
        parameters: { hiredBps: 6_000 },
        settlement: { disputeSec: 0, longestHoldEpochs: 3 },
      }),
    )

    expect(epochStart).to.equal(1_700_000_000)
    expect(
      await reader.readContract({ address: contracts.emission, abi: emissionAbi, functionName: 'params' }),
    ).to.deep.equal({
      launchEmission: 12_000_000n * 10n ** 18n,
      halvingPeriodSec: 63_072_000,
      yearlyNetCap: 7n,
    })
    const parameters = { address: contracts.parameters, abi: parametersAbi } as const
    const [version, values] = await reader.readContract({
      ...parameters,
      functionName: 'paramsAt',
      args: [0n],
    })
    expect([version, values.hiredBps, values.hireTaxBps]).to.deep.equal([1, 6_000, 500])
    const settlement = { address: contracts.settlement, abi: settlementAbi } as const
    expect(await reader.readContract({ ...settlement, functionName: 'disputeSec' })).to.equal(0n)
    const escrow = { address: contracts.escrow, abi: escrowAbi } as const
    expect(await reader.readContract({ ...escrow, functionName: 'longestHoldEpochs' })).to.equal(3n)
    const [registry, feedId, feedParams] = await reader.readContract({
      address: contracts.priceFeed,
      abi: priceFeedAbi,
      functionName: 'params',
    })
    expect([registry, feedId]).to.deep.equal([contracts.oracleRegistry, feedIdOf('IO/USD')])
    expect(feedParams).to.deep.equal({
      base: contracts.io,
      maxAgeSec: 20,
      maxFutureSec: 15,
      emaPeriodSec: 600,
      description: 'IO / USD',
    })
    const state = await reader.readContract({
      address: contracts.oracleRegistry,
      abi: oracleRegistryAbi,
      functionName: 'state',
    })
    expect(state).to.deep.include({ registryVersion: 1, handoverSec: 1_800, pendingSet: 0 })
    expect(state.newest).to.deep.include({ keyEpoch: 0, memberSet: 1 })
  })

  it('registers relayers and gateways beside the aggregators', async () => {
    const [relayer, gateway] = ['r', 'g'].map(testMember)
    const listed = (member = testMember('')) => ({ identity: member.identity, peerKey: member.peerKey })
    const { contracts } = await deploy(options({ relayers: [listed(relayer)], gateways: [listed(gateway)] }))
    const { newest: membership } = await readRegistry(reader, {
      registry: contracts.oracleRegistry,
      chainId: 31337,
      finality: 'latest',
    })
    const lower = (member = testMember('')) => member.identity.toLowerCase()
    expect(membership.aggregators.map(({ identity }) => identity)).to.deep.equal(
      ['x', 'y'].map(testMember).map(lower),
    )
    expect(membership.relayers).to.deep.equal([
      { index: 0, identity: lower(relayer), peerKey: relayer?.peerKey },
    ])
    expect(membership.gateways).to.deep.equal([
      { index: 0, identity: lower(gateway), peerKey: gateway?.peerKey },
    ])
  })

  it('fits a registry with all the members and services it can hold into one transaction', async () => {
    const many = (role: string, count: number) =>
      Array.from({ length: count }, (_, i) => testMember(`${role} ${i}`)).map(({ identity, peerKey }) => ({
        identity,
        peerKey,
      }))
    const { deployBlock, contracts } = await deploy(
      options({
        members: many('member', 128),
        aggregators: many('aggregator', 2),
        relayers: many('relayer', 31),
        gateways: many('gateway', 31),
      }),
    )
    const block = await reader.getBlock({ blockNumber: BigInt(deployBlock) + 2n })
    const [hash = '0x'] = block.transactions
    const receipt = await reader.getTransactionReceipt({ hash })
    expect(receipt.contractAddress).to.equal(contracts.oracleRegistry.toLowerCase())
    // The most gas of a transaction on mainnet (EIP-7825).
    expect(Number(receipt.gasUsed)).to.be.below(2 ** 24)
  })

  it('refuses a relayer that is an aggregator', async () => {
    const { identity, peerKey } = testMember('x')
    const error = await refusal({ relayers: [{ identity, peerKey }] })
    expect(error.details['errorName']).to.equal('DuplicateIdentity')
  })

  it('names the constructor’s own error when the arguments are refused', async () => {
    const twice = testMember('a')
    const error = await refusal({ members: [twice, twice] })
    expect(error.code).to.equal('CONSTRUCTOR_REVERTED')
    expect(error.details['contract']).to.equal('OracleRegistry')
    expect(error.details['errorName']).to.equal('DuplicateIdentity')
  })

  it('lets a stage be disputed for three quarters of an epoch, and for no longer', async () => {
    const { contracts } = await deploy(options({ epochLengthSec: 3_599 }))
    const settlement = { address: contracts.settlement, abi: settlementAbi } as const
    expect(await reader.readContract({ ...settlement, functionName: 'disputeSec' })).to.equal(2_699n)
    const error = await refusal({ epochLengthSec: 3_599, settlement: { disputeSec: 2_700 } })
    expect(error.message).to.equal('Settlement refuses its arguments: DisputeTooLong(2700, 2699)')
  })

  it('refuses a genesis above the maximum supply', async () => {
    const error = await refusal({
      genesis: [{ account: fundedAccount(1).address, amount: 22_300_000n * 10n ** 18n + 1n }],
    })
    expect(error.details['errorName']).to.equal('ERC20ExceededSafeSupply')
  })

  it('refuses parameters with which a hire of oneself would pay', async () => {
    const error = await refusal({ parameters: { hireTaxBps: 481 } })
    expect(error.details['errorName']).to.equal('BelowMinimum')
    expect(error.details['args']).to.deep.equal(['hireTaxBps', 481n, 482n])
  })

  it('leaves nobody a role but its own contracts', async () => {
    const deployment = await deploy(options())
    const { timelock, governor, emission } = deployment.contracts
    const roles = await findRoles(reader, deployment)
    expect(roles.filter(({ faults }) => faults.length > 0)).to.deep.equal([])
    const holdersOf = (contract: string, role: string) =>
      roles.find(found => found.contract === contract && found.role === role)?.holders
    expect(holdersOf('io', 'minter')).to.deep.equal([emission])
    expect(holdersOf('timelock', 'PROPOSER')).to.deep.equal([governor])
    expect(holdersOf('timelock', 'CANCELLER')).to.deep.equal([governor])
    expect(holdersOf('timelock', 'EXECUTOR')).to.deep.equal([ANYBODY])
    expect(holdersOf('timelock', 'DEFAULT_ADMIN')).to.deep.equal([timelock])
    expect(holdersOf('parameters', 'timelock')).to.deep.equal([timelock])
    expect(holdersOf('oracleRegistry', 'timelock')).to.deep.equal([timelock])
  })

  it('puts the delay of the timelock where it is told to, on a development chain', async () => {
    const { contracts } = await deploy(options({ governance: { timelockDelaySec: 5 } }))
    const timelock = { address: contracts.timelock, abi: timelockAbi } as const
    expect(await reader.readContract({ ...timelock, functionName: 'getMinDelay' })).to.equal(5n)
  })

  it('refuses a delay below fourteen days elsewhere', async () => {
    const production = await startAnvil({ chainId: 1 })
    try {
      const error = await refusal({
        rpcUrl: production.rpcUrl,
        governance: { timelockDelaySec: 14 * 86_400 - 1 },
      })
      expect(error.details['errorName']).to.equal('DelayTooShort')
      expect(error.details['args']).to.deep.equal([1_209_599n, 1_209_600n])
      await deploy(options({ rpcUrl: production.rpcUrl }))
    } finally {
      await production.stop()
    }
  })

  it('refuses an epoch longer than an hour before anything is sent', async () => {
    const before = await reader.getBlockNumber({ cacheTime: 0 })
    expect((await refusal({ epochLengthSec: 3601 })).code).to.equal('EPOCH_LENGTH')
    expect(await reader.getBlockNumber({ cacheTime: 0 })).to.equal(before)
  })

  it('refuses three members on a chain that is not for development', async () => {
    const production = await startAnvil({ chainId: 1 })
    try {
      const error = await refusal({
        rpcUrl: production.rpcUrl,
        members: ['a', 'b', 'c'].map(testMember).map(({ identity, peerKey }) => ({ identity, peerKey })),
      })
      expect(error.details['errorName']).to.equal('TooFewMembers')
      expect(error.details['args']).to.deep.equal([3n, 4n])
    } finally {
      await production.stop()
    }
  })

  describe('its file', () => {
    let folder: string
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'deployment-'))
    })
    afterEach(() => rmSync(folder, { recursive: true }))

    const read = (file: string) => {
      const problems = new Problems(file)
      const deployment = readDeployment(file, '', problems)
      try {
        problems.throwIfAny()
      } catch (error) {
        return { deployment, problems: error instanceof ConfigError ? error.problems.length : -1 }
      }
      return { deployment, problems: 0 }
    }

    it('reads back as it was written', async () => {
      const deployment = await deploy(options())
      const file = join(folder, 'deployment.json')
      saveDeployment(file, deployment)
      expect(read(file)).to.deep.equal({ deployment, problems: 0 })
    })

    it('is refused when it is missing, no JSON, or not whole', () => {
      const file = join(folder, 'deployment.json')
      expect(read(file)).to.deep.equal({ deployment: undefined, problems: 1 })
      writeFileSync(file, '{')
      expect(read(file)).to.deep.equal({ deployment: undefined, problems: 1 })
      writeFileSync(file, '{"chainId": 1}')
      expect(read(file).deployment).to.equal(undefined)
      expect(read(file).problems).to.be.greaterThan(1)
    })
  })
})
