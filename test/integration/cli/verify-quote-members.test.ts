import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { dumpState } from '../../../devnet/anvil.ts'
import { saveChain } from '../../../devnet/saved-chain.ts'
import { type RotatedNetwork, startRotatedNetwork } from '../../support/cli/rotated-network.ts'
import { party } from '../../support/network/cast.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { NETWORK_FILE, type QuoteMaking, tracedQuote } from '../../support/oracle-node/traced-quote.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'
import { allVenues, NOW_MS } from '../../support/sources/build.ts'

describe('ionet verify quote, against the members of a registry,', function () {
  this.timeout(120_000)
  let directory: TemporaryDirectory
  let network: RotatedNetwork
  let trust: readonly string[]

  before(async () => {
    directory = temporaryDirectory()
    network = await startRotatedNetwork(directory.path)
    writeFileSync(join(directory.path, 'devnet.json'), JSON.stringify(NETWORK_FILE))
    trust = [
      ...['--network', join(directory.path, 'devnet.json')],
      ...['--deployment', network.deploymentFile, '--rpc', network.rpcUrl],
    ]
  })
  after(async () => {
    await network?.stop()
    directory.remove()
  })

  /** A quote of the round that begins at a second, and what the command says of it. */
  const verify = async (
    timeSec: number,
    keyEpoch: number,
    by: { readonly slot: number; readonly name: string },
    where: readonly string[] = trust,
    making: QuoteMaking = {},
  ) => {
    const nowMs = 1_000 * timeSec
    const values = allVenues().map(value => ({
      ...value,
      exchangeTimeMs: nowMs - 200,
      receivedAtMs: value.receivedAtMs + nowMs - NOW_MS,
      changedAtMs: value.changedAtMs + nowMs - NOW_MS,
    }))
    const quote = tracedQuote({
      ...{ nowMs, values, domain: network.domain, signer: party(by.name), slot: by.slot },
      ...making,
      lie: { keyEpoch, ...making.lie },
    })
    const spawned = spawnNode('cli/ionet.ts', ['verify', 'quote', ...where])
    spawned.process.stdin.end(JSON.stringify(quote))
    const exitCode = await spawned.ended
    const [, fault = ''] = /\nDO NOT BELIEVE IT: (\w+)/.exec(spawned.stdout()) ?? []
    return { said: `${exitCode} ${fault}`.trimEnd(), stdout: spawned.stdout(), stderr: spawned.stderr() }
  }
  const removed = { slot: 2, name: 'member 2' }
  const newcomer = { slot: 4, name: 'newcomer' }
  const stayed = { slot: 0, name: 'member 0' }

  it('believes a member in the rounds of its key epoch, and in no other', async () => {
    const [first, second, third] = network.switchesAtSec
    const cases: [number, number, typeof removed, string][] = [
      // The oldest of three, which only events tell of.
      [first - 1, 1, removed, '1 WRONG_KEY_EPOCH'],
      [first, 1, removed, '0'],
      [second - 1, 1, removed, '0'],
      [second, 1, removed, '1 WRONG_KEY_EPOCH'],
      [third + 1_000, 1, removed, '1 WRONG_KEY_EPOCH'],
      [second, 1, newcomer, '1 WRONG_SIGNER'],
      // The one before the newest.
      [second - 1, 2, newcomer, '1 WRONG_KEY_EPOCH'],
      [second, 2, newcomer, '0'],
      [second, 2, removed, '1 WRONG_SIGNER'],
      [third, 2, newcomer, '1 WRONG_KEY_EPOCH'],
      // The newest.
      [third - 1, 3, stayed, '1 WRONG_KEY_EPOCH'],
      [third + 1_000, 3, stayed, '0'],
    ]
    for (const [timeSec, keyEpoch, by, wanted] of cases) {
      const { said, stdout, stderr } = await verify(timeSec, keyEpoch, by)
      expect(said, `${by.name} at ${timeSec} of ${keyEpoch}: ${stdout}${stderr}`).to.equal(wanted)
    }
    const { stdout } = await verify(third, 1, removed)
    expect(stdout).to.match(
      /\n {2}✗ signer +0x[0-9a-f]{40} signed it as a member of key epoch 1, which was no longer in force when /,
    )
  })

  it('cannot tell of a key epoch that the registry knows nothing of, unless something else is wrong', async () => {
    const [, , third] = network.switchesAtSec
    const { said, stdout } = await verify(third, 7, stayed)
    expect(said).to.equal('2 UNKNOWN_MEMBERS')
    expect(stdout).to.match(
      /✗ signer +the registry knows no members of key epoch 7: give the signer with --member/,
    )
    expect((await verify(third, 7, stayed, trust, { lie: { confidence: 9 } })).said).to.equal(
      '1 CONFIDENCE_DIFFERS',
    )
  })

  it('reads them from the saved chain of a finished local network', async () => {
    const [, second, third] = network.switchesAtSec
    const where = ['--devnet', directory.path]
    const unsaved = await verify(second, 2, newcomer, where)
    expect(unsaved.said).to.equal('2')
    expect(unsaved.stderr).to.match(/^ionet: \S+ holds no saved chain: /)
    saveChain(directory.path, await dumpState(network.rpcUrl, new AbortController().signal))
    expect((await verify(second, 2, newcomer, where)).said).to.equal('0')
    expect((await verify(third, 2, newcomer, where)).said).to.equal('1 WRONG_KEY_EPOCH')
    // A running one is read over HTTP.
    expect((await verify(second, 2, newcomer, [...where, '--rpc', network.rpcUrl])).said).to.equal('0')
  })
})
