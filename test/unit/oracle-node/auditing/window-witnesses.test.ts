import { expect } from 'chai'
import { witnessedRoot } from '../../../../oracle-node/auditing/window-witnesses.ts'
import type { Hash } from '../../../../protocol/bytes.ts'
import { CHANNELS } from '../../../../protocol/channels.ts'
import { decodeWindowRequest, encodeWindowReply } from '../../../../protocol/epoch/messages.ts'
import { memberBySlot, type PeerKey } from '../../../../protocol/membership.ts'
import { addressOf, hash, network as world } from '../../../support/epoch/cast.ts'
import { Wire } from '../../../support/network/wire.ts'

const { membership } = world
const peerOf = (slot: number): PeerKey => memberBySlot(membership, slot)?.peerKey ?? hash('nobody')
const OWN_SLOT = 0

/** Asks as the member in slot 0; the others answer as given, or not at all. */
function ask(
  roots: Readonly<Record<number, Hash | undefined | 'garbage'>>,
  members = membership.members,
): Promise<Hash | undefined> {
  const wire = new Wire()
  for (const [slot, root] of Object.entries(roots)) {
    wire
      .peer(peerOf(Number(slot)))
      .handle(
        CHANNELS.windowRoot,
        { maxRequestBytes: 4, maxInFlightPerPeer: 1, timeoutMs: 1_000 },
        async request => {
          expect(decodeWindowRequest(request)).to.equal(7)
          return root === 'garbage' ? Uint8Array.of(1, 2, 3) : encodeWindowReply(root)
        },
      )
  }
  const self = world.identityOf(OWN_SLOT)
  const network = wire.peer(peerOf(OWN_SLOT))
  return witnessedRoot(7, self, members, network, new AbortController().signal)
}

describe('a root that did not come in time', () => {
  const root = hash('root')

  it('is believed when more members had it than may lie', async () => {
    expect(membership.quorum.f).to.equal(1)
    expect(await ask({ 1: root, 2: root, 3: undefined })).to.equal(root)
    expect(await ask({ 1: root, 2: 'garbage', 3: root })).to.equal(root)
  })

  it('is not believed of one member, of two that differ, or of oneself', async () => {
    expect(await ask({ 1: root })).to.equal(undefined)
    expect(await ask({ 1: root, 2: hash('another'), 3: undefined })).to.equal(undefined)
    expect(await ask({ [OWN_SLOT]: root, 1: root })).to.equal(undefined)
    expect(await ask({})).to.equal(undefined)
  })

  it('takes more witnesses where there were more members, and none that is suspended', async () => {
    const [first] = membership.members
    if (first === undefined) throw new Error('there are members')
    const more = [4, 5, 6].map(slot => ({ ...first, slot, identity: addressOf(`member ${slot} of seven`) }))
    expect(await ask({ 1: root, 2: root }, [...membership.members, ...more])).to.equal(undefined)
    const suspended = membership.members.map(member => ({ ...member, suspended: member.slot === 2 }))
    expect(await ask({ 1: root, 2: root }, suspended)).to.equal(undefined)
    expect(await ask({ 1: root, 3: root }, suspended)).to.equal(root)
  })
})
