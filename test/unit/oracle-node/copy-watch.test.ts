import { expect } from 'chai'
import { CopyWatch } from '../../../oracle-node/guard/copy-watch.ts'
import { Guard, GuardClosedError } from '../../../oracle-node/guard/guard.ts'
import { createGuardStore, GUARD_MIGRATIONS } from '../../../oracle-node/guard/guard-store.ts'
import { asRound, type Round, roundStartMs } from '../../../protocol/rounds.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { aQuote, crypto, DOMAIN, FEED_ID, party, ROUND, signQuoteAs } from '../../support/network/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'

const me = party('member 0')
const later = (rounds: number): Round => asRound(ROUND + 10 * rounds)
const foreign = (rounds: number) => signQuoteAs(me, 0, { round: later(rounds), confidence: 99 })

describe('the watch for a copy of the key', () => {
  const database = () => openDatabase(':memory:', GUARD_MIGRATIONS)

  /** A node that has just started, in the middle of round {@link ROUND}. */
  const open = (disk = database(), isFull = false) => {
    const stored = createGuardStore(disk)
    const addClosure: typeof stored.addClosure = closure => {
      if (isFull) throw new Error('the disk is full')
      stored.addClosure(closure)
    }
    const store = { ...stored, addClosure }
    const guard = new Guard({ domain: DOMAIN, feedId: FEED_ID, slot: 0, secret: me.secret }, store, crypto)
    const failures: Error[] = []
    let passed = 0
    const logger = recordLogger()
    const clock = { ...systemClock, now: () => roundStartMs(ROUND) + 400 }
    const watch = new CopyWatch(
      { slot: 0, identity: me.identity, roundMs: 1_000 },
      { clock, logger, guard, fail: error => failures.push(error), passed: () => passed++ },
    )
    return { disk, guard, store, watch, failures, logger, passed: () => passed }
  }

  it('closes the guard and ends the process for a quote that the guard does not know', () => {
    const { watch, guard, failures } = open()
    watch.look([guard.signQuote(aQuote({ round: later(2) }))], me.identity)
    expect(failures).to.deep.equal([])
    watch.look([foreign(3)], me.identity)
    expect(failures).to.have.length(1)
    expect(failures[0]).to.be.instanceOf(GuardClosedError)
    expect(() => guard.assertOpen()).to.throw(GuardClosedError)
  })

  it('lets quotes pass that an earlier life may have made, whose guard is lost', () => {
    const { watch, guard, failures, logger, passed } = open()
    for (const rounds of [-1, 0, 1]) watch.look([foreign(rounds)], me.identity)
    expect(failures).to.deep.equal([])
    expect(() => guard.assertOpen()).to.not.throw()
    expect(passed()).to.equal(3)
    expect(logger.lines.filter(({ level }) => level === 'warn')).to.have.length(3)
    watch.look([foreign(2)], me.identity)
    expect(failures).to.have.length(1)
  })

  it('is not alarmed by whoever has its slot before or after it', () => {
    const { watch, failures, passed } = open()
    const successor = party('somebody else')
    watch.look([signQuoteAs(successor, 0, { round: later(5) })], successor.identity)
    watch.look([signQuoteAs(successor, 0, { round: later(5) })], undefined)
    expect([failures, passed()]).to.deep.equal([[], 0])
  })

  it('is not closed again by what an operator has seen to, and is by what comes later', () => {
    const first = open()
    first.watch.look([foreign(3)], me.identity)
    first.guard.reopen(roundStartMs(later(4)))
    const { watch, guard, failures } = open(first.disk)
    guard.assertOpen()
    for (const rounds of [3, 4]) watch.look([foreign(rounds)], me.identity)
    expect(failures).to.deep.equal([])
    watch.look([foreign(5)], me.identity)
    expect(failures).to.have.length(1)
  })

  it('ends the process also when the disk does not take the record of it', () => {
    const { watch, guard, failures, logger } = open(database(), true)
    watch.look([foreign(3)], me.identity)
    expect(failures).to.have.length(1)
    expect(logger.lines.filter(({ level }) => level === 'error')).to.have.length(1)
    expect(() => guard.signQuote(aQuote({ round: later(4) })))
      .to.throw()
      .with.property('code', 'CLOSED')
  })
})
