/**
 * What a deployment sends and what must be read back afterwards: decided before the first transaction, from the
 * deployer's nonce and the options alone.
 */
import {
  type Abi,
  type Address,
  type ContractConstructorArgs,
  type ContractFunctionName,
  encodeDeployData,
  getContractAddress,
  type Hex,
  maxUint256,
  zeroHash,
} from 'viem'
import { feedIdOf } from '../protocol/domain.ts'
import { burnerAbi, burnerBytecode } from './abi/burner.ts'
import { emissionAbi, emissionBytecode } from './abi/emission.ts'
import { escrowAbi, escrowBytecode } from './abi/escrow.ts'
import { ioAbi, ioBytecode } from './abi/io.ts'
import { ioGovernorAbi, ioGovernorBytecode } from './abi/io-governor.ts'
import { iosdAbi, iosdBytecode } from './abi/iosd.ts'
import { modelRegistryAbi, modelRegistryBytecode } from './abi/model-registry.ts'
import { oracleRegistryAbi, oracleRegistryBytecode } from './abi/oracle-registry.ts'
import { parametersAbi, parametersBytecode } from './abi/parameters.ts'
import { priceFeedAbi, priceFeedBytecode } from './abi/price-feed.ts'
import { rewardsDistributorAbi, rewardsDistributorBytecode } from './abi/rewards-distributor.ts'
import { settlementAbi, settlementBytecode } from './abi/settlement.ts'
import { timelockAbi, timelockBytecode } from './abi/timelock.ts'
import { workerRegistryAbi, workerRegistryBytecode } from './abi/worker-registry.ts'
import type { Deployment } from './deployment.ts'
import { type CompleteOptions, type NetworkOptions, withDefaults } from './deployment-options.ts'

export const IO_USD_FEED_ID = feedIdOf('IO/USD')

const ONE = 10n ** 18n
const MAX_SUPPLY = 22_300_000n * ONE
const DAY_SEC = 86_400

/** What is read where a key will be. */
const NO_KEY = {
  keyEpoch: 0,
  memberSet: 0,
  px: 0n,
  transcriptHash: zeroHash,
  participants: 0n,
  suspended: 0n,
}
const NO_KEYS = { keyEpoch: 0, newest: 0n, previous: 0n, previousUntil: 0 }

/** One creation, and where it must end up. */
export interface Step {
  contract: string
  abi: Abi
  data: Hex
  address: Address
}

/** A view, and what it must answer. */
export interface Expectation {
  contract: string
  address: Address
  abi: Abi
  functionName: string
  args: readonly unknown[]
  value: unknown
}

export interface Plan {
  addresses: Deployment['contracts']
  /** In the order in which they are sent. */
  steps: Step[]
  expectations: Expectation[]
}

/** Decides everything: the addresses, what is sent in which order, and what must be read back afterwards. */
export function planDeployment(
  options: NetworkOptions,
  from: { readonly deployer: Address; readonly nonce: number; readonly epochStart: number },
): Plan {
  const addresses = addressesFrom(from.deployer, from.nonce)
  const values = {
    ...withDefaults(options),
    epochs: { start: from.epochStart, lengthSec: options.epochLengthSec },
  }
  return {
    addresses,
    steps: stepsOf(addresses, values),
    expectations: expectationsOf(addresses, values),
  }
}

interface Values extends CompleteOptions {
  epochs: { start: number; lengthSec: number }
}

/** The order is that of creation: Emission reads the genesis of IO, which must be there before it. */
function addressesFrom(deployer: Address, nonce: number): Deployment['contracts'] {
  const at = (index: number): Address => getContractAddress({ from: deployer, nonce: BigInt(nonce + index) })
  return {
    io: at(0),
    iosd: at(1),
    oracleRegistry: at(2),
    priceFeed: at(3),
    burner: at(4),
    emission: at(5),
    parameters: at(6),
    workerRegistry: at(7),
    modelRegistry: at(8),
    rewardsDistributor: at(9),
    escrow: at(10),
    settlement: at(11),
    timelock: at(12),
    governor: at(13),
  }
}

function poolsOf({ settlement, escrow, rewardsDistributor }: Deployment['contracts']) {
  return { settlement, escrow, distributor: rewardsDistributor }
}

function linksOf(addresses: Deployment['contracts']) {
  return {
    registry: addresses.oracleRegistry,
    io: addresses.io,
    emission: addresses.emission,
    distributor: addresses.rewardsDistributor,
    escrow: addresses.escrow,
    parameters: addresses.parameters,
  }
}

function stepsOf(addresses: Deployment['contracts'], values: Values): Step[] {
  const { io, iosd, oracleRegistry, priceFeed, burner, emission, parameters, workerRegistry } = addresses
  const { rewardsDistributor, escrow, settlement, modelRegistry, timelock, governor } = addresses
  const { members, aggregators, relayers, gateways, handoverSec, genesis, epochs } = values
  const { longestHoldEpochs, disputeSec } = values.settlement
  return [
    creation('IO', ioAbi, ioBytecode, io, [emission, burner, poolsOf(addresses), [...genesis]]),
    creation('IOSD', iosdAbi, iosdBytecode, iosd, [burner, escrow]),
    creation('OracleRegistry', oracleRegistryAbi, oracleRegistryBytecode, oracleRegistry, [
      [...members],
      { aggregators: [...aggregators], relayers: [...relayers], gateways: [...gateways] },
      [priceFeed, settlement],
      handoverSec,
      timelock,
    ]),
    creation('PriceFeed', priceFeedAbi, priceFeedBytecode, priceFeed, [
      oracleRegistry,
      IO_USD_FEED_ID,
      { base: io, ...values.feed },
    ]),
    creation('Burner', burnerAbi, burnerBytecode, burner, [
      io,
      iosd,
      priceFeed,
      oracleRegistry,
      rewardsDistributor,
      { epochStart: epochs.start, epochLengthSec: epochs.lengthSec },
    ]),
    creation('Emission', emissionAbi, emissionBytecode, emission, [
      io,
      burner,
      settlement,
      epochs,
      values.emission,
    ]),
    creation('Parameters', parametersAbi, parametersBytecode, parameters, [
      timelock,
      epochs,
      values.parameters,
    ]),
    creation('WorkerRegistry', workerRegistryAbi, workerRegistryBytecode, workerRegistry, [oracleRegistry]),
    creation('ModelRegistry', modelRegistryAbi, modelRegistryBytecode, modelRegistry, [epochs]),
    creation('RewardsDistributor', rewardsDistributorAbi, rewardsDistributorBytecode, rewardsDistributor, [
      io,
      settlement,
      burner,
    ]),
    creation('Escrow', escrowAbi, escrowBytecode, escrow, [
      io,
      iosd,
      settlement,
      rewardsDistributor,
      BigInt(longestHoldEpochs),
      epochs,
    ]),
    creation('Settlement', settlementAbi, settlementBytecode, settlement, [
      linksOf(addresses),
      epochs,
      disputeSec,
    ]),
    creation('Timelock', timelockAbi, timelockBytecode, timelock, [
      BigInt(values.governance.timelockDelaySec),
      governor,
    ]),
    creation('IOGovernor', ioGovernorAbi, ioGovernorBytecode, governor, [io, timelock]),
  ]
}

function expectationsOf(addresses: Deployment['contracts'], values: Values): Expectation[] {
  const { io, iosd, oracleRegistry, priceFeed, burner, emission, parameters, workerRegistry } = addresses
  const { rewardsDistributor, escrow, settlement, modelRegistry, timelock, governor } = addresses
  const { members, aggregators, relayers, gateways, feed } = values
  const genesis = values.genesis.reduce((sum, { amount }) => sum + amount, 0n)
  const epochs = {
    epochStart: BigInt(values.epochs.start),
    epochLengthSec: BigInt(values.epochs.lengthSec),
  }
  return [
    ...expect('IO', io, ioAbi, {
      minter: emission,
      burner,
      pools: poolsOf(addresses),
      MAX_SUPPLY,
      totalSupply: genesis,
    }),
    ...expect('IOSD', iosd, iosdAbi, { burner, escrow, totalSupply: 0n }),
    ...expect('OracleRegistry', oracleRegistry, oracleRegistryAbi, {
      members,
      aggregators,
      relayers,
      gateways,
      consumers: [priceFeed, settlement],
      timelock,
      state: {
        registryVersion: 1,
        switchesAt: 0,
        handoverSec: values.handoverSec,
        pendingSet: 0,
        pendingSuspended: 0n,
        newest: { ...NO_KEY, memberSet: 1 },
        previous: NO_KEY,
      },
    }),
    ...expect('PriceFeed', priceFeed, priceFeedAbi, {
      params: [oracleRegistry, IO_USD_FEED_ID, { base: io, ...feed }],
      groupKeys: NO_KEYS,
      latestWord: 0n,
    }),
    ...expect('Burner', burner, burnerAbi, {
      io,
      iosd,
      feed: priceFeed,
      registry: oracleRegistry,
      distributor: rewardsDistributor,
      ...epochs,
      totalBurned: 0n,
      burnable: genesis / 100n,
      pauses: 0,
      pausedUntil: 0,
    }),
    ...expect('Emission', emission, emissionAbi, {
      io,
      burner,
      settlement,
      ...epochs,
      params: values.emission,
      genesis,
      maxScheduled: MAX_SUPPLY - genesis,
      nextEpoch: 0n,
      totals: [0n, 0n],
    }),
    ...expect('Parameters', parameters, parametersAbi, {
      timelock,
      ...epochs,
      latestVersion: 1,
    }),
    view('Parameters', parameters, parametersAbi, 'paramsAt', [0n], [1, values.parameters]),
    ...expect('WorkerRegistry', workerRegistry, workerRegistryAbi, { oracleRegistry }),
    ...expect('ModelRegistry', modelRegistry, modelRegistryAbi, epochs),
    ...expect('RewardsDistributor', rewardsDistributor, rewardsDistributorAbi, {
      io,
      settlement,
      burner,
      root: zeroHash,
      funded: 0n,
      claimed: 0n,
    }),
    ...expect('Escrow', escrow, escrowAbi, {
      io,
      iosd,
      settlement,
      distributor: rewardsDistributor,
      longestHoldEpochs: BigInt(values.settlement.longestHoldEpochs),
      ...epochs,
    }),
    ...expect('Settlement', settlement, settlementAbi, {
      links: linksOf(addresses),
      ...epochs,
      disputeSec: BigInt(values.settlement.disputeSec),
      groupKeys: NO_KEYS,
      nextEpoch: 0n,
      reserve: 0n,
      staged: [false, 0n, 0, zeroHash],
      nextAttempt: 0,
    }),
    ...expect('Timelock', timelock, timelockAbi, { getMinDelay: BigInt(values.governance.timelockDelaySec) }),
    ...expect('IOGovernor', governor, ioGovernorAbi, {
      timelock,
      token: io,
      votingDelay: BigInt(2 * DAY_SEC),
      votingPeriod: BigInt(7 * DAY_SEC),
      proposalThreshold: 20_000n * ONE,
      INERT_SEC: BigInt(180 * DAY_SEC),
      MIN_SUPPLY: 2_000_000n * ONE,
      MIN_QUORUM: 200_000n * ONE,
      QUORUM_BPS: 400n,
    }),
    view('RewardsDistributor', io, ioAbi, 'allowance', [rewardsDistributor, burner], maxUint256),
  ]
}

function creation<const A extends Abi>(
  contract: string,
  abi: A,
  bytecode: Hex,
  address: Address,
  args: ContractConstructorArgs<A>,
): Step {
  return { contract, abi, address, data: encodeDeployData({ abi, bytecode, args } as never) }
}

/** One expectation for each view without arguments that is named. */
function expect<const A extends Abi>(
  contract: string,
  address: Address,
  abi: A,
  values: Partial<Record<ContractFunctionName<A, 'view' | 'pure'>, unknown>>,
): Expectation[] {
  return Object.entries(values).map(([functionName, value]) =>
    view(contract, address, abi, functionName, [], value),
  )
}

function view(
  contract: string,
  address: Address,
  abi: Abi,
  functionName: string,
  args: readonly unknown[],
  value: unknown,
): Expectation {
  return { contract, address, abi, functionName, args, value }
}
