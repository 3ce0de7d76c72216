import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { ConfigError } from '../../../config/error.ts'
import {
  loadAggregatorConfig,
  loadBurnerConfig,
  loadOracleConfig,
  loadVenuesConfig,
} from '../../../config/process-config.ts'

const NETWORKS = new URL('../../../config/networks/', import.meta.url).pathname
const PEER = '/ip4/127.0.0.1/tcp/4701/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'

const address = (digit: string) => `0x${digit.repeat(40)}`

describe('configuration', () => {
  let dir: string

  const write = (name: string, content: unknown, mode = 0o644) => {
    const file = join(dir, name)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content), { mode })
    return file
  }

  /** A valid oracle configuration, of which a test changes what matters. */
  const valid = () => ({
    dataDir: 'data',
    identity: {
      keystore: 'keys/identity.json',
      peerKeystore: 'keys/peer.json',
      passwordFile: 'keys/password',
    },
    rpcUrls: ['http://127.0.0.1:8545'],
    deployment: 'deployment.json',
    network: 'networks/devnet.json',
    p2p: { listen: ['/ip4/127.0.0.1/tcp/4700'], peers: [PEER] },
    http: { port: 4731 },
  })

  const problemsOf = (load: () => unknown) => {
    try {
      load()
    } catch (error) {
      if (error instanceof ConfigError) return error.problems
      throw error
    }
    throw new Error('the configuration was accepted')
  }
  const pathsOf = (load: () => unknown) => problemsOf(load).map(problem => problem.path)

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-config-'))
    cpSync(NETWORKS, join(dir, 'networks'), { recursive: true })
    write('keys/password', 'correct horse\n', 0o600)
    write('deployment.json', {
      chainId: 31337,
      deployBlock: 1,
      epochStart: 0,
      epochLengthSec: 60,
      feedId: `0x${'ab'.repeat(32)}`,
      contracts: {
        io: address('1'),
        iosd: address('2'),
        oracleRegistry: address('3'),
        priceFeed: address('4'),
        burner: address('5'),
        emission: address('6'),
        parameters: address('7'),
        workerRegistry: address('8'),
        modelRegistry: address('9'),
        rewardsDistributor: address('a'),
        escrow: address('b'),
        settlement: address('c'),
        timelock: address('d'),
        governor: address('e'),
      },
    })
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('reads a file and the files it names, with paths relative to it, and fills in defaults', () => {
    const config = loadOracleConfig(write('oracle.json', valid()), {})
    expect(config.dataDir).to.equal(join(dir, 'data'))
    expect(config.lockDir).to.equal(join(homedir(), '.local/state/ionet/locks'))
    expect(config.identity.password.reveal()).to.equal('correct horse')
    expect(config.identity.keystore).to.equal(join(dir, 'keys/identity.json'))
    expect(config.deployment.chainId).to.equal(31337)
    expect(config.network.roundMs).to.equal(1000)
    expect(config.network.sources.feed).to.equal('IO/USD')
    expect(config.http).to.deep.equal({ host: '127.0.0.1', port: 4731 })
    expect(config.logLevel).to.equal('info')
    expect(config).to.not.have.property('venueEndpoint')
  })

  it('lets the environment win over the file, lists with commas included', () => {
    const file = write('oracle.json', valid())
    const config = loadOracleConfig(file, {
      IONET_HTTP_PORT: '9000',
      IONET_RPC_URLS: 'http://a:1, http://b:2',
      IONET_VENUE_ENDPOINT: 'http://127.0.0.1:4602',
      IONET_LOG_LEVEL: '',
    })
    expect(config.http.port).to.equal(9000)
    expect(config.rpcUrls).to.deep.equal(['http://a:1', 'http://b:2'])
    expect(config.venueEndpoint).to.equal('http://127.0.0.1:4602')
    expect(config.logLevel).to.equal('info')
  })

  it('tells everything that is wrong at once: file, environment and the files it names', () => {
    const { dataDir: _, ...rest } = valid()
    write('networks/bad.json', {
      name: 'bad',
      roundMs: 1050,
      collectMs: 10,
      backupMs: 100,
      sources: { feed: 3 },
    })
    write('deployment.json', { chainId: 'x' })
    const file = write('oracle.json', {
      ...rest,
      network: 'networks/bad.json',
      p2p: { listen: ['127.0.0.1:4700'], peers: [PEER], extra: 1 },
      http: { port: 70_000 },
      colour: 'red',
    })
    const paths = pathsOf(() => loadOracleConfig(file, { IONET_LOG_LEVEL: 'loud' }))
    expect(paths).to.include.members([
      'dataDir',
      'p2p.listen.0',
      'p2p.extra',
      'http.port',
      'logLevel (IONET_LOG_LEVEL)',
      'colour',
      'deployment.chainId',
      'deployment.contracts',
      'network.roundMs',
      'network.collectMs',
      'network.sources.feed',
    ])
  })

  it('says for each problem what would be right', () => {
    const file = write('oracle.json', { ...valid(), http: { port: 'eighty' } })
    expect(problemsOf(() => loadOracleConfig(file, {}))).to.deep.equal([
      { path: 'http.port', problem: '"eighty" is not valid', hint: 'give a whole number from 0 to 65535' },
    ])
  })

  it('refuses a password file that others can read, and one that is empty', () => {
    const file = write('oracle.json', { ...valid(), identity: { ...valid().identity, passwordFile: 'open' } })
    write('open', 'secret', 0o644)
    expect(problemsOf(() => loadOracleConfig(file, {}))[0]).to.include({
      path: 'identity.passwordFile',
      hint: '`chmod 600` it',
    })
    const empty = write('oracle.json', {
      ...valid(),
      identity: { ...valid().identity, passwordFile: 'empty' },
    })
    write('empty', '\n', 0o600)
    expect(pathsOf(() => loadOracleConfig(empty, {}))).to.deep.equal(['identity.passwordFile'])
  })

  it('never shows the password in the configuration or its problems', () => {
    const config = loadOracleConfig(write('oracle.json', valid()), {})
    expect(JSON.stringify(config)).to.not.include('correct horse')
  })

  it('says when the file is missing or not JSON, without a list of all keys', () => {
    expect(problemsOf(() => loadOracleConfig(join(dir, 'none.json'), {}))).to.have.length(1)
    expect(problemsOf(() => loadOracleConfig(write('broken.json', '{"dataDir": '), {}))).to.have.length(1)
  })

  it('refuses a round that has no room for both aggregators', () => {
    const network = {
      name: 'n',
      roundMs: 1000,
      collectMs: 600,
      backupMs: 400,
      sources: 'sources.io-usd.json',
    }
    write('networks/tight.json', network)
    const file = write('oracle.json', { ...valid(), network: 'networks/tight.json' })
    expect(pathsOf(() => loadOracleConfig(file, {}))).to.deep.equal(['network.collectMs'])
  })

  it('keeps the environment out of what the whole network must agree on', () => {
    const file = write('oracle.json', valid())
    expect(loadOracleConfig(file, { IONET_ROUND_MS: '5000', ROUNDMS: '5000' }).network.roundMs).to.equal(1000)
  })

  it('accepts the example network for real money', () => {
    const file = write('aggregator.json', { ...valid(), network: 'networks/mainnet.example.json' })
    expect(loadAggregatorConfig(file, {}).network).to.include({ roundMs: 10_000, finality: 'finalized' })
  })

  it('gives an aggregator no venues: it must not make prices', () => {
    const file = write('aggregator.json', { ...valid(), venueEndpoint: 'http://127.0.0.1:1' })
    expect(pathsOf(() => loadAggregatorConfig(file, {}))).to.deep.equal(['venueEndpoint'])
  })

  it('reads burner and venue simulator files', () => {
    const { rpcUrls, deployment, identity } = valid()
    const { peerKeystore: _, ...account } = identity
    const burner = loadBurnerConfig(write('burner.json', { rpcUrls, deployment, identity: account }), {})
    expect(burner.everySec).to.equal(5)
    const venues = loadVenuesConfig(write('venues.json', { http: { port: 1 }, seed: 7 }), {})
    expect(venues).to.deep.equal({ http: { host: '127.0.0.1', port: 1 }, seed: 7, logLevel: 'info' })
  })
})
