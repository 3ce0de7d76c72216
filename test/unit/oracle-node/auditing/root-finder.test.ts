import { expect } from 'chai'
import { decodePartialMessage } from '../../../../protocol/beacon/messages.ts'
import type { Hash } from '../../../../protocol/bytes.ts'
import { CHANNELS } from '../../../../protocol/channels.ts'
import { decodeWindowRequest, encodeWindowReply } from '../../../../protocol/epoch/messages.ts'
import { memberBySlot } from '../../../../protocol/membership.ts'
import { hash, network as world } from '../../../support/epoch/cast.ts'
import { caseOf, START_SEC } from '../../../support/epoch/world.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../../support/network/temporary-directory.ts'
import {
  type AuditingNode,
  SLOT_SEC,
  sealWindow,
  settle,
  startAuditing,
  WINDOWS,
} from '../../../support/oracle-node/auditing.ts'
import { DOMAIN } from '../../../support/protocol/network.ts'

const WINDOW = 7
const END_SEC = START_SEC + (WINDOW + 1) * SLOT_SEC
const DRAW_SEC = END_SEC + WINDOWS.graceSec
const root = hash('root that was sent at the last moment')

describe('a root that only some members got in time', () => {
  let directory: TemporaryDirectory
  let node: AuditingNode
  /** Windows that members were asked for the root of, one for each request. */
  let asked: number[]

  beforeEach(async () => {
    directory = temporaryDirectory()
    node = await startAuditing(caseOf(), directory.path, { nowSec: END_SEC })
    asked = []
  })
  afterEach(async () => {
    await node.stop()
    directory.remove()
  })

  const witness = (slots: readonly number[], given: Hash = root): void => {
    const limits = { maxRequestBytes: 4, maxInFlightPerPeer: 1, timeoutMs: 1_000 }
    for (const slot of slots) {
      const peer = memberBySlot(world.membership, slot)?.peerKey ?? hash('nobody')
      node.wire.peer(peer).handle(CHANNELS.windowRoot, limits, async request => {
        const window = decodeWindowRequest(request)
        asked.push(window)
        return encodeWindowReply(window === WINDOW ? given : undefined)
      })
    }
  }
  const drawn = (): unknown[] =>
    node.topics.partials
      .map(data => decodePartialMessage(DOMAIN, data).input)
      .filter(({ kind }) => kind === 'draw')
  const askedForWindow = () => asked.filter(window => window === WINDOW).length
  /** Block time goes on, and the loop runs on. */
  const goTo = async (sec: number): Promise<void> => {
    node.goTo(sec)
    for (let turn = 0; turn < 3; turn++) {
      await node.clock.advance(100)
      await settle()
    }
  }

  it('is drawn for at once by the others, without an audit, so that nobody can look and then decide', async () => {
    witness([1, 2])
    await goTo(DRAW_SEC - 1)
    expect(askedForWindow(), 'not before the draw may be made').to.equal(0)
    await goTo(DRAW_SEC)
    expect(drawn()).to.deep.equal([{ kind: 'draw', slot: WINDOW, root }])
  })

  it('is not believed of f members, and asked for twice at most', async () => {
    witness([1])
    witness([2], hash('another root'))
    await goTo(DRAW_SEC)
    for (let sec = DRAW_SEC; sec < DRAW_SEC + 10; sec++) await goTo(sec + 1)
    expect(drawn()).to.deep.equal([])
    expect(askedForWindow()).to.equal(4)
  })

  it('is found when its witnesses are a moment later than others', async () => {
    await goTo(DRAW_SEC)
    expect(drawn()).to.deep.equal([])
    witness([1, 2])
    await goTo(DRAW_SEC + 3)
    expect(drawn()).to.deep.equal([{ kind: 'draw', slot: WINDOW, root }])
  })

  it('is not asked for by who has one', async () => {
    witness([1, 2])
    node.topics.hear('windows', sealWindow({ window: WINDOW, root: hash('own'), count: 1 }))
    await settle()
    await goTo(DRAW_SEC)
    expect(askedForWindow()).to.equal(0)
    expect(drawn()).to.deep.equal([{ kind: 'draw', slot: WINDOW, root: hash('own') }])
  })

  it('is not asked for when too few made the beacon of its slot: then there was no window', async () => {
    node.membersUp.clear()
    witness([1, 2])
    await goTo(DRAW_SEC)
    expect(askedForWindow()).to.equal(0)
  })

  it('is asked of the members of its time, not of those of now', async () => {
    const members = node.membership.members.map(member => ({
      ...member,
      peerKey: hash(`peer of a newcomer in ${member.slot}`),
    }))
    node.membership = { ...node.membership, members }
    witness([1, 2])
    await goTo(DRAW_SEC)
    expect(drawn()).to.deep.equal([{ kind: 'draw', slot: WINDOW, root }])
  })
})
