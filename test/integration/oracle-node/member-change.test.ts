import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { ReportJson } from '../../../protocol/report-json.ts'
import { asRound, nextRound, roundAt, roundStartMs } from '../../../protocol/rounds.ts'
import { HEARTBEAT_SEC, PriceNetwork, ROUND_MS } from '../../support/members/price-network.ts'
import { waitFor } from '../../support/network/wait.ts'

const LEAVING = 3
const NEWCOMER = 4
const KILLED = 1
const STAYING = [0, 1, 2]
/** An update is sent when the heartbeat is over, and waits for a block of a second. */
const LATE_SEC = 3
const LONG_MS = 60_000

const slotsOf = ({ quotes }: ReportJson): number[] => quotes.map(({ slot }) => slot).sort((a, b) => a - b)

/** Four oracle nodes and two aggregators as processes, one after the other changed and hurt; prices never stop. */
describe('a running network whose members change', function () {
  this.timeout(85_000)
  let network: PriceNetwork
  let switchRound: number

  before(async () => {
    network = await PriceNetwork.start(4, 1)
    await network.report('a price of all four', 0, LONG_MS, reports =>
      reports.find(report => slotsOf(report).length === 4 && report.certificate.kind === 'group'),
    )
  })
  after(() => network?.stop())

  it('gives way to a member that a quorum has agreed on, in the round in which its key begins', async () => {
    const where = ['--rpc', network.rpcUrl, '--deployment', join(network.dir, 'deployment.json')]
    const account = (of: { keystore: string; passwordFile: string }) => [
      ...['--keystore', of.keystore, '--password-file', of.passwordFile],
    ]
    const list = join(network.dir, 'list.json')
    const entries = network.seats.map(({ local: { address, peerKey } }, slot) =>
      slot === LEAVING ? null : { slot, identity: address, peerKey },
    )
    writeFileSync(list, JSON.stringify(entries))
    const signatures = await Promise.all(
      [...STAYING].map(async slot => {
        const { local } = network.seat(slot)
        const file = join(network.dir, `signature-${slot}.json`)
        writeFileSync(file, await network.ionet('members', 'sign', list, ...account(local), ...where))
        return file
      }),
    )
    await network.ionet('members', 'propose', list, ...signatures, ...account(network.payer), ...where)
    network.startOracle(NEWCOMER)

    const view = await network.oracle(NEWCOMER).eventually('the rotation', LONG_MS, async () => {
      const seen = await network.registry()
      return seen.newest.memberSet === 2 && seen
    })
    expect(view.newest.groupKey?.participants).to.deep.equal([...STAYING, NEWCOMER])
    expect(view.newest.keyEpoch).to.equal(2)
    switchRound = view.switchAtSec * 10
    const third = nextRound(nextRound(asRound(switchRound), ROUND_MS), ROUND_MS)
    const reports = await network.report('a round after its first two', 0, LONG_MS, all =>
      all.some(({ round }) => round > third) ? all : undefined,
    )
    for (const report of reports) {
      const isNew = report.round >= switchRound
      expect(report.keyEpoch, `key epoch of round ${report.round}`).to.equal(isNew ? 2 : 1)
      const allowed = isNew ? [...STAYING, NEWCOMER] : [...STAYING, LEAVING]
      expect(allowed, `quotes of round ${report.round}`).to.include.members(slotsOf(report))
      expect(allowed, `signers of round ${report.round}`).to.include.members([...report.signers])
    }
    const rounds = reports.map(({ round }) => round)
    const around = [-3, -2, -1, 0, 1, 2].map(count => switchRound + (count * ROUND_MS) / 100)
    expect(rounds, 'rounds around the switch').to.include.members(around)
    const firstTwo = reports.filter(({ round }) => round >= switchRound && round < third)
    expect(
      firstTwo.some(report => slotsOf(report).includes(NEWCOMER)),
      'it quotes',
    ).to.equal(true)
    expect(
      firstTwo.some(({ signers }) => signers.includes(NEWCOMER)),
      'it signs',
    ).to.equal(true)
  })

  it('is left by the member that is one no more, which says nothing and stops when it is told', async () => {
    const { lastQuote, holdsShare } = await network.status(LEAVING)
    expect(lastQuote?.round).to.be.lessThan(switchRound)
    expect(holdsShare).to.equal(false)
    await network.oracle(LEAVING).stop()
    expect((await network.status(NEWCOMER)).holdsShare).to.equal(true)
  })

  it('has a member that was killed back by the second round after it is up', async () => {
    await network.oracle(KILLED).stop('SIGKILL')
    const killedAt = roundAt(Date.now(), ROUND_MS)
    await network.report('rounds without it', killedAt, LONG_MS, reports =>
      reports.some(report => !slotsOf(report).includes(KILLED)),
    )
    network.startOracle(KILLED)
    const others = STAYING.length + 2
    // Connected to all others, and to the venues: it has what it needs.
    const upMs = await network.oracle(KILLED).eventually('connections', LONG_MS, async () => {
      const status = await network
        .oracle(KILLED)
        .get<Awaited<ReturnType<PriceNetwork['status']>>>('/v1/status')
      const isUp = status?.peers === others && status.sources.every(({ ageMs }) => ageMs !== null)
      return isUp && Date.now()
    })
    const back = await network.report('its quote', killedAt, LONG_MS, reports =>
      reports.find(
        report => slotsOf(report).includes(KILLED) && report.round > killedAt + (2 * ROUND_MS) / 100,
      ),
    )
    const second = nextRound(nextRound(roundAt(upMs, ROUND_MS), ROUND_MS), ROUND_MS)
    expect(roundStartMs(asRound(back.round))).to.be.at.most(roundStartMs(second))
    expect((await network.status(KILLED)).holdsShare).to.equal(true)
  })

  // Last: it looks back at everything that has happened.
  it('has brought every price on chain that was due, and paid for no transaction in vain', async () => {
    const { updatedAtSec, failed } = await waitFor(
      'the third update',
      async () => {
        const pushes = await network.pushes()
        return pushes.updatedAtSec.length >= 3 && pushes
      },
      LONG_MS,
    )
    const { timestamp } = await network.client.getBlock()
    const pauses = [...updatedAtSec, Number(timestamp)].flatMap((at, index, all) => {
      const before = all[index - 1]
      return before === undefined ? [] : [at - before]
    })
    expect(failed).to.deep.equal([])
    expect(Math.max(...pauses)).to.be.at.most(HEARTBEAT_SEC + LATE_SEC)
  })
})
