import type { Deployment } from '../chain/deployment.ts'
import type { Hash } from '../protocol/bytes.ts'
import { parseDecimal } from '../protocol/units.ts'
import type { LogLevel } from '../runtime/logger.ts'
import type { Secret } from '../runtime/secret.ts'
import { readDeployment } from './deployment.ts'
import type { Entries, Values } from './entry.ts'
import { baseDirOf, type Environment, Problems, readEntries, readJson } from './load.ts'
import { type NetworkConfig, readNetwork } from './network.ts'
import {
  type accountEntries,
  aggregatorEntries,
  burnerEntries,
  claimEntries,
  gatewayEntries,
  type nodeEntries,
  oracleEntries,
  payerEntries,
  relayerEntries,
  venuesEntries,
  workerEntries,
} from './process-entries.ts'
import { readPasswordFile } from './secrets.ts'

/** Everything an aggregator is told from outside. Files it names have been read; keystores are opened later. */
export interface AggregatorConfig {
  readonly dataDir: string
  readonly lockDir: string
  readonly identity: { readonly keystore: string; readonly peerKeystore: string; readonly password: Secret }
  readonly rpcUrls: readonly string[]
  readonly deployment: Deployment
  readonly network: NetworkConfig
  readonly p2p: { readonly listen: readonly string[]; readonly peers: readonly string[] }
  readonly http: { readonly host: string; readonly port: number }
  readonly logLevel: LogLevel
}

/** The same for an oracle node. */
export interface OracleConfig extends AggregatorConfig {
  /** A venue simulator that stands for all venues. */
  readonly venueEndpoint?: string
}

export interface RelayerConfig extends AggregatorConfig {
  /** Cron expression with seconds. */
  readonly wake: string
}

/** Everything that a process with an account of its own, and no peer key, is told. */
export interface AccountConfig {
  readonly dataDir: string
  readonly lockDir: string
  readonly identity: { readonly keystore: string; readonly password: Secret }
  readonly rpcUrls: readonly string[]
  readonly deployment: Deployment
  readonly network: NetworkConfig
  readonly relayerUrl: string
  readonly logLevel: LogLevel
}

export interface ServedModel {
  readonly id: Hash
  readonly version: number
}

export interface WorkerConfig extends AccountConfig {
  readonly http: { readonly host: string; readonly port: number }
  readonly deviceKeystore: string
  readonly oracleUrls: readonly string[]
  readonly model: ServedModel
  /** Wei of IO for a thousand units of inference, wei of IOSD for a second of hire. */
  readonly price: { readonly ioPerThousandUnits: bigint; readonly iosdPerSec: bigint }
  readonly maxProducts: number
  readonly batchEverySec: number
  /** 0: never. */
  readonly claimEverySec: number
}

export interface GatewayConfig extends AccountConfig {
  readonly http: { readonly host: string; readonly port: number }
  readonly model: ServedModel
  readonly workers: readonly string[]
}

export interface PayerConfig extends AccountConfig {
  readonly gatewayUrl: string | undefined
  readonly hireUrl: string | undefined
  /** Wei of IO. */
  readonly depositIo: bigint
  readonly burnIo: bigint
  /** 0: never. */
  readonly burnEverySec: number
  readonly surge: number
  readonly pauseMs: number
}

/** Of who has earned something: a worker, a gateway, the owner of a model. */
export type ClaimConfig = Pick<AccountConfig, 'identity' | 'rpcUrls' | 'deployment' | 'relayerUrl'>

export interface BurnerConfig {
  readonly rpcUrls: readonly string[]
  readonly deployment: Deployment
  readonly identity: { readonly keystore: string; readonly password: Secret }
  readonly everySec: number
  readonly logLevel: LogLevel
}

export interface VenuesConfig {
  readonly http: { readonly host: string; readonly port: number }
  readonly seed: number
  readonly logLevel: LogLevel
}

/** @throws {ConfigError} naming everything that is wrong, in the file, the environment and the files it names */
export function loadOracleConfig(file: string, env: Environment): OracleConfig {
  return load(file, env, oracleEntries, (values, problems) => {
    const node = readNode(values, problems)
    const { venueEndpoint } = values
    return venueEndpoint === undefined ? node : { ...node, venueEndpoint }
  })
}

/** @throws {ConfigError} */
export function loadAggregatorConfig(file: string, env: Environment): AggregatorConfig {
  return load(file, env, aggregatorEntries, readNode)
}

/** @throws {ConfigError} */
export function loadRelayerConfig(file: string, env: Environment): RelayerConfig {
  return load(file, env, relayerEntries, (values, problems) => ({
    ...readNode(values, problems),
    wake: values.wake,
  }))
}

/** @throws {ConfigError} */
export function loadWorkerConfig(file: string, env: Environment): WorkerConfig {
  return load(file, env, workerEntries, (values, problems) => ({
    ...readAccount(values, problems),
    http: { host: values['http.host'], port: values['http.port'] },
    deviceKeystore: values['device.keystore'],
    oracleUrls: values.oracleUrls,
    model: { id: values['model.id'] as Hash, version: values['model.version'] },
    price: {
      ioPerThousandUnits: amountOf(values['price.ioPerThousandUnits']),
      iosdPerSec: amountOf(values['price.iosdPerSec']),
    },
    maxProducts: values.maxProducts,
    batchEverySec: values.batchEverySec,
    claimEverySec: values.claimEverySec,
  }))
}

/** @throws {ConfigError} */
export function loadGatewayConfig(file: string, env: Environment): GatewayConfig {
  return load(file, env, gatewayEntries, (values, problems) => ({
    ...readAccount(values, problems),
    http: { host: values['http.host'], port: values['http.port'] },
    model: { id: values['model.id'] as Hash, version: values['model.version'] },
    workers: values.workers,
  }))
}

/** @throws {ConfigError} */
export function loadPayerConfig(file: string, env: Environment): PayerConfig {
  return load(file, env, payerEntries, (values, problems) => ({
    ...readAccount(values, problems),
    gatewayUrl: values.gatewayUrl,
    hireUrl: values.hireUrl,
    depositIo: amountOf(values.depositIo),
    burnIo: amountOf(values.burnIo),
    burnEverySec: values.burnEverySec,
    surge: values.surge,
    pauseMs: values.pauseMs,
  }))
}

/** Takes the file of a worker or a gateway, too: whoever earns has one. @throws {ConfigError} */
export function loadClaimConfig(file: string, env: Environment): ClaimConfig {
  const problems = new Problems(file)
  const document = readJson(file, '', problems)
  problems.throwIfAny()
  const has = (key: string): boolean =>
    typeof document === 'object' && document !== null && Object.hasOwn(document, key)
  if (has('device')) return loadWorkerConfig(file, env)
  if (has('workers')) return loadGatewayConfig(file, env)
  return load(file, env, claimEntries, (values, found) => ({
    rpcUrls: values.rpcUrls,
    deployment: named(values.deployment, name => readDeployment(name, 'deployment', found)),
    identity: {
      keystore: values['identity.keystore'],
      password: named(values['identity.passwordFile'], name =>
        readPasswordFile(name, 'identity.passwordFile', found),
      ),
    },
    relayerUrl: values.relayerUrl,
  }))
}

/** @throws {ConfigError} */
export function loadBurnerConfig(file: string, env: Environment): BurnerConfig {
  return load(file, env, burnerEntries, (values, problems) => ({
    rpcUrls: values.rpcUrls,
    deployment: named(values.deployment, name => readDeployment(name, 'deployment', problems)),
    identity: {
      keystore: values['identity.keystore'],
      password: named(values['identity.passwordFile'], name =>
        readPasswordFile(name, 'identity.passwordFile', problems),
      ),
    },
    everySec: values.everySec,
    logLevel: values.logLevel,
  }))
}

/** @throws {ConfigError} */
export function loadVenuesConfig(file: string, env: Environment): VenuesConfig {
  return load(file, env, venuesEntries, values => ({
    http: { host: values['http.host'], port: values['http.port'] },
    seed: values.seed,
    logLevel: values.logLevel,
  }))
}

function load<E extends Entries, Config>(
  file: string,
  env: Environment,
  entries: E,
  shape: (values: Values<E>, problems: Problems) => Config,
): Config {
  const problems = new Problems(file)
  const document = readJson(file, '', problems)
  // Without the file every key would be missing, which says nothing new.
  problems.throwIfAny()
  const values = readEntries(entries, document, { env, baseDir: baseDirOf(file), prefix: '', problems })
  const config = shape(values, problems)
  problems.throwIfAny()
  return config
}

function readAccount(values: Values<typeof accountEntries>, problems: Problems): AccountConfig {
  return {
    dataDir: values.dataDir,
    lockDir: values.lockDir,
    identity: {
      keystore: values['identity.keystore'],
      password: named(values['identity.passwordFile'], name =>
        readPasswordFile(name, 'identity.passwordFile', problems),
      ),
    },
    rpcUrls: values.rpcUrls,
    deployment: named(values.deployment, name => readDeployment(name, 'deployment', problems)),
    network: named(values.network, name => readNetwork(name, 'network', problems)),
    relayerUrl: values.relayerUrl,
    logLevel: values.logLevel,
  }
}

/** What is missing or misshapen has left a problem already. */
function amountOf(text: string | undefined): bigint {
  return text === undefined ? 0n : parseDecimal(text)
}

function readNode(values: Values<typeof nodeEntries>, problems: Problems): AggregatorConfig {
  return {
    dataDir: values.dataDir,
    lockDir: values.lockDir,
    identity: {
      keystore: values['identity.keystore'],
      peerKeystore: values['identity.peerKeystore'],
      password: named(values['identity.passwordFile'], name =>
        readPasswordFile(name, 'identity.passwordFile', problems),
      ),
    },
    rpcUrls: values.rpcUrls,
    deployment: named(values.deployment, name => readDeployment(name, 'deployment', problems)),
    network: named(values.network, name => readNetwork(name, 'network', problems)),
    p2p: { listen: values['p2p.listen'], peers: values['p2p.peers'] },
    http: { host: values['http.host'], port: values['http.port'] },
    logLevel: values.logLevel,
  }
}

/**
 * Reads a file that an entry names. Whatever is missing has left a problem, and `load` throws before anybody sees
 * the result: so the type may say that it is there.
 */
function named<T>(file: string | undefined, read: (file: string) => T | undefined): T {
  return (file === undefined ? undefined : read(file)) as T
}
