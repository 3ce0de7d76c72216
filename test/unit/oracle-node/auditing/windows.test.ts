import { expect } from 'chai'
import { windowRootOf } from '../../../../protocol/epoch/availability.ts'
import { slotEndSec } from '../../../../protocol/epoch/windows.ts'
import { hash } from '../../../support/epoch/cast.ts'
import { type Case, caseOf, inputsOf, START_SEC } from '../../../support/epoch/world.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../../support/network/temporary-directory.ts'
import {
  type AuditingNode,
  SLOT_SEC,
  sealWindow,
  serve,
  settle,
  startAuditing,
  WINDOWS,
} from '../../../support/oracle-node/auditing.ts'

const WINDOW = 7
const END_SEC = START_SEC + (WINDOW + 1) * SLOT_SEC
const seal = { window: WINDOW, root: windowRootOf(inputsOf().results), count: 2 }
const other = { ...seal, root: hash('another root') }

describe('the root over a window of challenges', () => {
  let directory: TemporaryDirectory
  let node: AuditingNode
  let given: Case

  beforeEach(async () => {
    directory = temporaryDirectory()
    given = caseOf()
    node = await startAuditing(given, directory.path, { nowSec: END_SEC })
  })
  afterEach(async () => {
    await node.stop()
    directory.remove()
  })

  /** What comes of the epoch whose only window is this one: it is the root alone that decides here. */
  const codeOf = async (): Promise<string> => {
    await settle()
    node.goTo(given.chain.nowSec)
    const report = serve(node, given.bundle, given.report)
    await node.offer(report)
    const verdict = await node.audit(report)
    return verdict.kind === 'refused' ? verdict.code : verdict.kind
  }

  it('counts when it comes between the deadline and the draw', async () => {
    expect(node.topics.hear('windows', sealWindow(seal))).to.equal('accept')
    // The next thing that an auditor looks at and these made-up results lack.
    expect(await codeOf()).to.equal('CHALLENGE_OPENING')
  })

  it('counts the first time only', async () => {
    expect(node.topics.hear('windows', sealWindow(seal))).to.equal('accept')
    await settle()
    expect(node.topics.hear('windows', sealWindow(other))).to.equal('ignore')
    expect(node.logs.map(({ level }) => level)).to.include('warn')
    expect(await codeOf()).to.equal('CHALLENGE_OPENING')
  })

  it('counts by any of its repeats, and the others say nothing new', async () => {
    expect(node.topics.hear('windows', sealWindow(seal, 'relayer', 2))).to.equal('accept')
    await settle()
    expect(node.topics.hear('windows', sealWindow(seal, 'relayer', 3))).to.equal('ignore')
    expect(node.logs.map(({ level }) => level)).to.not.include('warn')
    expect(await codeOf()).to.equal('CHALLENGE_OPENING')
  })

  it('is remembered by a node that is started again', async () => {
    node.topics.hear('windows', sealWindow(seal))
    await settle()
    await node.stop()
    node = await startAuditing(given, directory.path, { nowSec: END_SEC + 1 })
    expect(node.topics.hear('windows', sealWindow(other))).to.equal('ignore')
    expect(await codeOf()).to.equal('CHALLENGE_OPENING')
  })

  it('is too late once the draw can be known, by the chain or by the clock', async () => {
    node.chain.nowSec = END_SEC + WINDOWS.graceSec
    expect(node.topics.hear('windows', sealWindow(seal))).to.equal('ignore')
    node.chain.nowSec = END_SEC
    node.clock.busy(WINDOWS.graceSec * 1_000)
    expect(node.topics.hear('windows', sealWindow(seal))).to.equal('ignore')
    expect(await codeOf()).to.equal('COMMITMENTS_ROOT')
  })

  it('is not taken before the deadline, from strangers, nor when it is nonsense', () => {
    const early = { ...seal, window: WINDOW + 2 }
    expect(node.topics.hear('windows', sealWindow(early))).to.equal('ignore')
    expect(node.topics.hear('windows', sealWindow(seal, 'stranger'))).to.equal('ignore')
    expect(node.topics.hear('windows', sealWindow(seal).slice(1))).to.equal('reject')
    const bent = sealWindow(seal)
    bent[20] = (bent[20] ?? 0) ^ 1
    expect(node.topics.hear('windows', bent), 'a bent one is signed by nobody known').to.equal('ignore')
  })

  it('is not kept when there was no window', async () => {
    // The last slot of an epoch never is one.
    const last = 179
    node.goTo(slotEndSec(WINDOWS, last))
    expect(node.topics.hear('windows', sealWindow({ ...seal, window: last }))).to.equal('accept')
    await settle()
    expect(node.topics.hear('windows', sealWindow({ ...other, window: last }))).to.equal('accept')
  })
  it('is not kept when too few members made the beacon of its slot: then there was no window', async () => {
    node.membersUp.delete(1)
    node.membersUp.delete(2)
    expect(node.topics.hear('windows', sealWindow(seal))).to.equal('accept')
    await settle()
    expect(await codeOf()).to.equal('COMMITMENTS_ROOT')
  })
})
