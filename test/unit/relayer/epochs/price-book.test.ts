import { expect } from 'chai'
import type { CertifiedReport } from '../../../../protocol/certificate.ts'
import { type Membership, membershipOf } from '../../../../protocol/membership.ts'
import { sealCertified } from '../../../../protocol/round/certified.ts'
import { ONE } from '../../../../protocol/units.ts'
import { EPOCH_MIGRATIONS } from '../../../../relayer/epochs/epoch-store.ts'
import { PriceBook } from '../../../../relayer/epochs/price-book.ts'
import { createPriceStore, priceOf } from '../../../../relayer/epochs/price-store.ts'
import { systemClock } from '../../../../runtime/clock.ts'
import { openDatabase, type SqliteDatabase } from '../../../../runtime/sqlite.ts'
import { certifiedPrice, network as epochNetwork } from '../../../support/epoch/cast.ts'
import { LENGTH_SEC, START_SEC } from '../../../support/epoch/world.ts'
import { at, crypto } from '../../../support/network/cast.ts'
import { DOMAIN, FEED_ID, TIMING } from '../../../support/protocol/network.ts'
import { type PaperNetwork, paperNetwork } from '../../../support/relayer/paper-nodes.ts'

describe('the highest certified price of an epoch', () => {
  const { signal } = new AbortController()
  let database: SqliteDatabase
  let wire: PaperNetwork
  let membership: Membership
  let book: PriceBook

  const open = (): PriceBook =>
    new PriceBook(
      {
        ...{ domain: DOMAIN, feedId: FEED_ID, timing: TIMING },
        epochs: { startSec: START_SEC, lengthSec: LENGTH_SEC },
      },
      {
        clock: systemClock,
        crypto,
        network: wire.peer,
        store: createPriceStore(database),
        membership: () => membership,
        membershipAt: () => membership,
        chain: { groupKeyOf: () => undefined },
        nowMs: () => (START_SEC + 3 * LENGTH_SEC) * 1_000,
      },
    )
  const shows = (slot: number, report: CertifiedReport): void => {
    at(wire.nodes, slot).manners.price = () => report
  }
  const highest = async (epoch = 0) => {
    const report = await book.highest(epoch, signal)
    return report === undefined ? undefined : priceOf(report) / ONE
  }
  const announced = (report: CertifiedReport): Uint8Array =>
    sealCertified(DOMAIN, { report, signers: [0, 1, 2] }, epochNetwork.aggregatorSigner(0))

  beforeEach(() => {
    database = openDatabase(':memory:', EPOCH_MIGRATIONS)
    wire = paperNetwork(DOMAIN)
    // Certificates are of the epoch tests' network, connections of this one's.
    membership = membershipOf({
      ...epochNetwork.membership,
      members: epochNetwork.membership.members.map((member, slot) => ({
        ...member,
        peerKey: at(wire.nodes, slot).party.peerKey,
      })),
    })
    book = open()
  })
  afterEach(() => database.close())

  it('is the highest that came by gossip, and survives a restart', async () => {
    for (const [usd, atSec] of [
      [3n, 100],
      [5n, 200],
      [4n, 300],
    ] as const)
      expect(book.admit(announced(certifiedPrice(usd, START_SEC + atSec)))).to.equal('accept')
    expect(book.current()).to.equal(4n * ONE)
    expect(await highest()).to.equal(5n)
    book = open()
    expect(await highest()).to.equal(5n)
    expect(await highest(1)).to.equal(undefined)
  })

  it('is the highest that any oracle node shows, when its certificate holds', async () => {
    book.admit(announced(certifiedPrice(3n, START_SEC + 100)))
    shows(0, certifiedPrice(4n, START_SEC + 50))
    shows(1, certifiedPrice(7n, START_SEC + 60))
    const forged = { ...certifiedPrice(9n, START_SEC + 70), word: certifiedPrice(10n, START_SEC + 70).word }
    shows(2, forged)
    expect(await highest()).to.equal(7n)
  })

  it('is of the epoch that was asked for', async () => {
    shows(0, certifiedPrice(4n, START_SEC + LENGTH_SEC))
    expect(await highest(0)).to.equal(undefined)
    expect(await highest(1)).to.equal(4n)
  })

  it('does without members that are silent', async () => {
    shows(0, certifiedPrice(4n, START_SEC + 50))
    at(wire.nodes, 1).manners.price = () => {
      throw new Error('not now')
    }
    wire.wire.disconnect(at(wire.nodes, 2).party.peerKey)
    expect(await highest()).to.equal(4n)
  })
})
