import { expect } from 'chai'
import { Publisher } from '../../../../relayer/epochs/publication.ts'
import { systemClock } from '../../../../runtime/clock.ts'
import { silentLogger } from '../../../../runtime/logger.ts'
import { hash } from '../../../support/epoch/cast.ts'
import { caseOf } from '../../../support/epoch/world.ts'
import { at, DOMAIN } from '../../../support/network/cast.ts'
import { type PaperNetwork, paperNetwork } from '../../../support/relayer/paper-nodes.ts'

describe('the publication of a bundle', () => {
  const { report } = caseOf()
  const { signal } = new AbortController()
  let network: PaperNetwork
  let publisher: Publisher
  const offers = () => network.nodes.map(({ asked }) => asked.length)

  beforeEach(() => {
    network = paperNetwork(DOMAIN)
    publisher = new Publisher({ clock: systemClock, logger: silentLogger, network: network.peer })
  })

  it('counts the copies that members have on their disks, and offers to each once', async () => {
    expect(await publisher.offer(report, network.membership, signal)).to.equal(4)
    expect(await publisher.offer(report, network.membership, signal)).to.equal(4)
    expect(offers()).to.deep.equal([1, 1, 1, 1])
  })

  it('waits for no member beyond a quorum, and asks it no second time while it is busy', async () => {
    const stored = Promise.withResolvers<void>()
    at(network.nodes, 3).manners.take = () => stored.promise
    expect(await publisher.offer(report, network.membership, signal)).to.equal(3)
    expect(await publisher.offer(report, network.membership, signal)).to.equal(3)
    expect(offers()).to.deep.equal([1, 1, 1, 1])
    stored.resolve()
    await new Promise(setImmediate)
    expect(await publisher.offer(report, network.membership, signal)).to.equal(4)
  })

  it('offers again to who could not take it', async () => {
    for (const { manners } of network.nodes.slice(0, 2))
      manners.take = async () => {
        throw new Error('disk full')
      }
    expect(await publisher.offer(report, network.membership, signal)).to.equal(2)
    for (const { manners } of network.nodes) delete manners.take
    expect(await publisher.offer(report, network.membership, signal)).to.equal(4)
    expect(offers()).to.deep.equal([2, 2, 1, 1])
  })

  it('counts anew for another bundle', async () => {
    await publisher.offer(report, network.membership, signal)
    network.wire.disconnect(at(network.nodes, 0).party.peerKey)
    const other = { ...report, bundleHash: hash('another bundle') }
    expect(await publisher.offer(other, network.membership, signal)).to.equal(3)
  })
})
