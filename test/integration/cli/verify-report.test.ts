import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { wordHex } from '../../../protocol/report.ts'
import {
  certified,
  type FeedServer,
  NETWORK,
  roundOf,
  startFeed,
} from '../../support/aggregator/feed-server.ts'
import { DOMAIN } from '../../support/network/cast.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'

describe('ionet verify report', function () {
  this.timeout(60_000)
  let dir: string
  let server: FeedServer
  const report = certified(0)
  const NETWORK_IS = ['--chain-id', String(DOMAIN.chainId), '--registry', DOMAIN.registry]
  const TRUST = ['--group-key', wordHex(NETWORK.groupKeyX), ...NETWORK_IS]

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-verify-report-'))
    server = await startFeed(join(dir, 'feed.sqlite'))
    server.feed.publish(report)
  })
  after(async () => {
    await server.stop()
    rmSync(dir, { recursive: true })
  })

  const run = async (args: readonly string[], input = '') => {
    const spawned = spawnNode('cli/ionet.ts', ['verify', 'report', ...args])
    spawned.process.stdin.end(input)
    const exitCode = await spawned.ended
    return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
  }
  const file = (value: unknown): string => {
    const path = join(dir, 'report.json')
    writeFileSync(path, JSON.stringify(value))
    return path
  }

  it('says check by check that a report holds, from a file, a pipe or an aggregator', async () => {
    const path = file(report)
    const { exitCode, stdout, stderr } = await run([path, ...TRUST])
    expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: '' })
    const marks = stdout
      .split('\n')
      .flatMap(line => /^ {2}([✓✗–]) (\w+)/.exec(line)?.slice(1, 3).join(' ') ?? [])
    const all = [
      '✓ shape',
      '✓ network',
      '✓ feed',
      '✓ key',
      '✓ fields',
      '✓ certificate',
      '✓ bytes',
      '– age',
      '– rest',
    ]
    expect(marks).to.deep.equal(all)
    expect(stdout).to.match(
      new RegExp(`round ${roundOf(0)}: \\$0\\.25, give or take \\d+ bps, at .*: certified\\n$`),
    )

    const others = [
      await run(TRUST, JSON.stringify(report)),
      await run(['-', ...TRUST], JSON.stringify(report)),
      await run([server.url, ...TRUST]),
      await run([`${server.url}/v1/reports/${roundOf(0)}`, ...TRUST]),
    ]
    expect(others.map(other => [other.exitCode, other.stdout.split('\n').at(-2)])).to.deep.equal(
      others.map(() => [0, stdout.split('\n').at(-2)]),
    )
  })

  it('ends with 1 when the report does not hold, and says why', async () => {
    const { exitCode, stdout } = await run([file({ ...report, price: '1' }), ...TRUST])
    expect(exitCode).to.equal(1)
    expect(stdout).to.match(/\n {2}✗ fields +price is 1, where the certified word says \d+\n/)
    expect(stdout).to.match(/\nDO NOT USE: FIELDS_DIFFER: price is 1, .*\n$/)

    const old = await run([file(report), ...TRUST, '--max-age', '60s', '--json'])
    expect(old.exitCode).to.equal(1)
    expect(JSON.parse(old.stdout)).to.include({ verdict: 'fails', reason: 'TOO_OLD', report: null })
    expect((await run([file({}), ...TRUST])).exitCode).to.equal(1)
  })

  it('prints what is certified as JSON', async () => {
    const { exitCode, stdout } = await run([file(report), ...TRUST, '--json'])
    expect(exitCode).to.equal(0)
    expect(JSON.parse(stdout)).to.deep.include({
      verdict: 'holds',
      reason: null,
      report: {
        price: report.price,
        confidenceBps: report.confidenceBps,
        observedAt: report.observedAt,
        round: report.round,
      },
    })
  })

  it('checks what identities certified when it is given the members, and else cannot tell', async () => {
    const path = file(certified(0, true))
    const untold = await run([path, ...TRUST])
    expect(untold.exitCode).to.equal(2)
    expect(untold.stdout).to.include('DO NOT USE: NEEDS_MEMBERS')
    const told = await run([path, ...TRUST, '--member', ...NETWORK.addresses])
    expect(told.exitCode, told.stdout + told.stderr).to.equal(0)
    expect(told.stdout).to.match(/✓ certificate +\d of 4 members signed this word, 3 are needed/)
  })

  it('ends with 2 when it is asked wrongly, and says what is missing', async () => {
    const path = file(report)
    const cases: [readonly string[], RegExp][] = [
      [[path], /^ionet: say what to trust: the key with --group-key, /],
      [[path, '--group-key', wordHex(NETWORK.groupKeyX)], /give --chain-id and --registry/],
      [[path, ...TRUST, '--rpc', 'http://127.0.0.1:9'], /but not both/],
      [[path, '--group-key', '0x5', ...NETWORK_IS], /Give 64 hexadecimal digits/],
      [[join(dir, 'nothing.json'), ...TRUST], /^ionet: there is no file /],
      [['http://127.0.0.1:9', ...TRUST], /^ionet: nothing answers at /],
      [[`${server.url}/v1/reports/5`, ...TRUST], /answers 404: no report is there/],
      [['-', ...TRUST], /^ionet: standard input holds no JSON/],
    ]
    for (const [args, sentence] of cases) {
      const { exitCode, stdout, stderr } = await run(args)
      expect({ exitCode, stdout }, stderr).to.deep.equal({ exitCode: 2, stdout: '' })
      expect(stderr).to.match(sentence)
    }
  })
})
