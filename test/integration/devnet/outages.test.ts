import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { ReportJson } from '../../../protocol/report-json.ts'
import { readBooks } from '../../support/devnet/chain-books.ts'
import { eventually } from '../../support/devnet/eventually.ts'
import { CAN_LIST_PROCESSES } from '../../support/devnet/processes.ts'
import { RunningDevnet } from '../../support/devnet/running-devnet.ts'

const PORT = 24_700
/** Deciseconds: a round that was under way when something was broken belongs to neither side. */
const ROUND = 10
const LONG_MS = 30_000

/** One network for all claims: each finds it whole, and gives back what it took. */
describe('a running network', function () {
  this.timeout(90_000)
  let devnet: RunningDevnet

  before(async function () {
    // Processes are found by their command lines.
    if (!CAN_LIST_PROCESSES) return this.skip()
    devnet = new RunningDevnet(PORT)
    await devnet.said('the first certified price is on chain', 60_000)
  })
  beforeEach(() => devnet.whole(LONG_MS))
  after(() => devnet?.dispose())

  /** Reports of rounds that began after this moment, oldest first. */
  const since = (reports: readonly ReportJson[], ms: number) =>
    reports.filter(({ round }) => round > ms / 100 + ROUND).toReversed()

  it('goes on with three quotes while one oracle node is dead, and has it back with the share it held', async () => {
    const victim = 1
    const shares = () => shareFiles(devnet.dir, 'oracle-1')
    const sharesBefore = shares()
    const [before] = await devnet.reports(0)
    const deadAt = Date.now()
    const release = devnet.keepDown('oracle-1')
    try {
      const during = await eventually('five reports without it', LONG_MS, async () => {
        const reports = since(await devnet.reports(0), deadAt)
        return reports.length >= 5 && reports
      })
      for (const { quotes, signers, certificate } of during) {
        expect(quotes.map(({ slot }) => slot)).to.have.members([0, 2, 3])
        expect(signers).to.have.members([0, 2, 3])
        expect(certificate.kind).to.equal('group')
      }
    } finally {
      release()
    }

    const again = await eventually('its signature', LONG_MS, async () =>
      since(await devnet.reports(0), deadAt).find(({ signers }) => signers.includes(victim)),
    )
    expect(again.quotes.map(({ slot }) => slot)).to.include(victim)
    expect(again).to.deep.include({ keyEpoch: before?.keyEpoch, groupKeyX: before?.groupKeyX })
    expect(again.certificate.kind).to.equal('group')
    expect(shares()).to.deep.equal(sharesBefore)
    expect(await devnet.oracleStatus(victim)).to.deep.include({ slot: victim, holdsShare: true, keyEpoch: 1 })
  })

  it('certifies and brings prices on chain while one aggregator is dead, which takes turns again afterwards', async () => {
    const { contracts } = JSON.parse(readFileSync(join(devnet.dir, 'deployment.json'), 'utf8'))
    const updates = async () => (await readBooks(devnet.rpcUrl, contracts)).updates.length
    const updatesBefore = await updates()
    const deadAt = Date.now()
    const release = devnet.keepDown('aggregator-0')
    try {
      const during = await eventually('five reports and an update without it', LONG_MS, async () => {
        const reports = since(await devnet.reports(1), deadAt)
        return reports.length >= 5 && (await updates()) > updatesBefore && reports
      })
      expect(new Set(during.map(({ proposer }) => proposer))).to.deep.equal(new Set([1]))
    } finally {
      release()
    }

    const backAt = Date.now()
    const again = await eventually('a report that it proposed', LONG_MS, async () =>
      since(await devnet.reports(1), backAt).find(({ proposer }) => proposer === 0),
    )
    expect(again.quotes).to.have.length(4)
  })

  it('goes on by WebSocket alone when no venue answers to REST any more', async () => {
    const refusedAt = Date.now()
    await devnet.controlVenues({ rest: 'refused' })
    try {
      const during = await eventually('ten rounds', LONG_MS, async () => {
        const reports = since(await devnet.reports(0), refusedAt)
        return reports.length >= 10 && reports
      })
      for (const { quotes, round } of during) expect(quotes, `round ${round}`).to.have.length(4)
      for (const { sources } of await devnet.allOracles()) {
        expect(sources.length).to.be.at.least(8)
        expect(new Set(sources.map(({ transport }) => transport))).to.deep.equal(new Set(['websocket']))
        expect(Math.max(...sources.map(({ ageMs }) => ageMs ?? Number.POSITIVE_INFINITY))).to.be.lessThan(
          10_000,
        )
      }
    } finally {
      await devnet.controlVenues({ rest: 'ok' })
    }
  })

  // Last: nothing is left afterwards.
  it('is gone within 5 s of Ctrl-C, with exit code 0', async () => {
    const { exitCode, tookMs } = await devnet.interrupt()
    expect(exitCode, devnet.command.stderr()).to.equal(0)
    expect(tookMs).to.be.lessThan(5_000)
    expect(devnet.remains()).to.deep.equal([])
    expect(devnet.command.stdout()).to.match(
      /\n\d+ certified reports, \d+ on chain, last price \$\d+\.\d+, \d+ epochs settled\n$/,
    )
  })
})

/** Name and content of everything that a node keeps of its key. */
function shareFiles(dir: string, name: string): [string, string][] {
  const shares = join(dir, name, 'data', 'shares')
  return readdirSync(shares)
    .sort()
    .map(file => [file, readFileSync(join(shares, file), 'utf8')])
}
