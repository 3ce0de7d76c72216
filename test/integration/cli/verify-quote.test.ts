import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { DOMAIN, party } from '../../support/network/cast.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { startTraceServer, type TraceServer } from '../../support/oracle-node/trace-server.ts'
import { NETWORK_FILE, tracedQuote } from '../../support/oracle-node/traced-quote.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'
import { allVenues } from '../../support/sources/build.ts'

describe('ionet verify quote', function () {
  this.timeout(120_000)
  let directory: TemporaryDirectory
  let server: TraceServer
  let trust: readonly string[]
  const quote = tracedQuote()
  const NETWORK_IS = ['--chain-id', String(DOMAIN.chainId), '--registry', DOMAIN.registry]
  const MEMBER = ['--member', party('member 2').identity]

  before(async () => {
    directory = temporaryDirectory()
    trust = ['--network', file('network.json', NETWORK_FILE), ...NETWORK_IS, ...MEMBER]
    server = await startTraceServer(directory.path)
    await server.keep([quote])
  })
  after(async () => {
    await server.stop()
    directory.remove()
  })

  const run = async (args: readonly string[], input = '') => {
    const spawned = spawnNode('cli/ionet.ts', ['verify', 'quote', ...args])
    spawned.process.stdin.end(input)
    const exitCode = await spawned.ended
    return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
  }
  const file = (name: string, value: unknown): string => {
    const path = join(directory.path, name)
    writeFileSync(path, JSON.stringify(value))
    return path
  }

  it('makes a quote again and says so check by check, from a file, a pipe or a node', async () => {
    const { exitCode, stdout, stderr } = await run([file('trace.json', quote), ...trust])
    expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: '' })
    const marks = stdout
      .split('\n')
      .flatMap(line => /^ {2}([✓✗–]) (\w+)/.exec(line)?.slice(1, 3).join(' ') ?? [])
    const names = [
      'trace',
      'network',
      'feed',
      'signer',
      'plan',
      'round',
      'time',
      'price',
      'confidence',
      'sources',
    ]
    expect(marks).to.deep.equal([...names.map(name => `✓ ${name}`), '– rest'])
    expect(stdout.split('\n').slice(-6)).to.deep.equal([
      '  IO/USDT    2.5                    binance bybit gate okx',
      '  USDT/USD   0.999                  bitstamp coinbase cryptocom kraken',
      '  IO/USDT × USDT/USD: 2.4975',
      '',
      `round ${quote.round}: $2.4975, give or take 0 bps: follows from its trace`,
      '',
    ])

    const others = [
      await run(trust, JSON.stringify(quote)),
      await run([server.url, '--round', String(quote.round), ...trust]),
      await run([`${server.url}/v1/rounds/${quote.round}/trace`, ...trust]),
    ]
    expect(others.map(other => [other.exitCode, other.stdout.split('\n').slice(1)])).to.deep.equal(
      others.map(() => [0, stdout.split('\n').slice(1)]),
    )
  })

  it('ends with 1 when the quote does not follow from its trace, and says why', async () => {
    const forged = { ...quote, trace: tracedQuote({ values: allVenues('2.6') }).trace }
    const { exitCode, stdout } = await run([file('forged.json', forged), ...trust])
    expect(exitCode).to.equal(1)
    expect(stdout).to.match(/\n {2}✗ price +\$2\.5974 comes out, its quote says \$2\.4975\n/)
    expect(stdout).to.match(/\nDO NOT BELIEVE IT: PRICE_DIFFERS: \$2\.5974 comes out, .*\n$/)

    const byAnother = await run(
      [...trust, '--json'],
      JSON.stringify(tracedQuote({ signer: party('member 9') })),
    )
    expect(byAnother.exitCode).to.equal(1)
    expect(JSON.parse(byAnother.stdout)).to.include({ verdict: 'fails', reason: 'WRONG_SIGNER' })
    expect((await run(trust, '{}')).stdout).to.include('DO NOT BELIEVE IT: MALFORMED')
    const otherRound = await run([file('trace.json', quote), '--round', '5', ...trust])
    expect(otherRound.stdout).to.include('DO NOT BELIEVE IT: WRONG_ROUND')
  })

  it('prints what it found as JSON', async () => {
    const { exitCode, stdout } = await run([file('trace.json', quote), ...trust, '--json'])
    expect(exitCode).to.equal(0)
    const { verdict, reason, quote: said, outcome } = JSON.parse(stdout)
    expect({ verdict, reason, price: said.price, again: outcome.price }).to.deep.equal({
      verdict: 'follows',
      reason: null,
      price: '2497500000000000000',
      again: '2497500000000000000',
    })
  })

  it('ends with 2 when it is asked wrongly, and says what is missing', async () => {
    const path = file('trace.json', quote)
    const network = file('network.json', NETWORK_FILE)
    const { sources, ...rest } = NETWORK_FILE
    const bad = file('bad.json', { ...rest, sources: { ...sources, routes: [] } })
    const cases: [readonly string[], RegExp][] = [
      [[path], /^ionet: say by which plan the quote was made: give the network file with --network/],
      [[path, '--network', network, ...NETWORK_IS], /^ionet: say whose quote it must be: /],
      [[path, '--network', network, ...MEMBER], /^ionet: say of which network it is: /],
      [[path, '--network', bad, ...NETWORK_IS, ...MEMBER], /sources\.routes/],
      [[path, '--network', 'nowhere.json', ...NETWORK_IS, ...MEMBER], /nowhere\.json/],
      [[server.url, ...trust], /^ionet: say which quote of 127\.0\.0\.1:\d+ is meant: give --round/],
      [[server.url, '--round', '5', ...trust], /answers 404: no trace is there/],
      [[path, '--round', '-5', ...trust], /Give a whole number from 0/],
      [['-', ...trust], /^ionet: standard input holds no JSON: give one trace, as an oracle node serves it/],
      [[path, ...trust, '--deployment', 'any.json'], /^ionet: give --deployment or --devnet, or --chain-id /],
      [
        [path, ...trust, '--devnet', 'any'],
        /^ionet: give --deployment or --devnet, or --chain-id .* not both/,
      ],
      [
        [path, ...trust, '--rpc', 'http://127.0.0.1:9'],
        /^ionet: give the signer with --member, or .* not both/,
      ],
    ]
    for (const [args, sentence] of cases) {
      const { exitCode, stdout, stderr } = await run(args)
      expect({ exitCode, stdout }, stderr).to.deep.equal({ exitCode: 2, stdout: '' })
      expect(stderr).to.match(sentence)
    }
  })
})
