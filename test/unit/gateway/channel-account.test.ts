import { expect } from 'chai'
import {
  type ChannelAccount,
  type StatedAnswer,
  settleAnswer,
} from '../../../gateway/payments/channel-account.ts'
import { hash } from '../../support/epoch/cast.ts'

const LAST = { cumulativeCharge: 100n, cumulativeUnits: 1_000n, workHash: hash('last') }

function account(changes: Partial<ChannelAccount> = {}): ChannelAccount {
  return { last: LAST, lostWei: 0n, ...changes }
}

/** An answer of 20 wei and 200 units, for which 30 wei were set aside. */
function answer(changes: Partial<StatedAnswer> & { charge?: bigint; units?: bigint } = {}): StatedAnswer {
  const { charge = 120n, ...rest } = changes
  const statement = { cumulativeCharge: charge, cumulativeUnits: charge * 10n, workHash: hash('work') }
  return { statement, units: 200n, chargedWei: 20n, reservedWei: 30n, ...rest }
}

describe('what a statement says of one answer', () => {
  it('is the difference to the statement before it', () => {
    expect(settleAnswer(account(), answer())).to.deep.equal({ ok: true, keptWei: 20n, lostWei: 0n })
  })

  const FAULTS: readonly [title: string, code: string, keptWei: bigint, answer: StatedAnswer][] = [
    ['more than was set aside', 'ABOVE_RESERVED', 30n, answer({ charge: 120n, reservedWei: 19n })],
    ['less in all than before', 'BELOW_LAST', 30n, answer({ charge: 99n })],
    ['less than the answer says', 'BELOW_ANSWER', 30n, answer({ charge: 119n })],
    ['fewer units than the answer says', 'BELOW_ANSWER', 30n, answer({ units: 201n })],
    ['more than the answer says', 'ABOVE_ANSWER', 30n, answer({ charge: 121n })],
    ['more units than the answer says', 'ABOVE_ANSWER', 30n, answer({ units: 199n })],
    ['more than was ever set aside', 'ABOVE_ANSWER', 400n, answer({ charge: 500n })],
  ]
  for (const [title, code, keptWei, stated] of FAULTS) {
    it(`is not believed when it is ${title}`, () => {
      const kept = code === 'ABOVE_RESERVED' ? 19n + 1n : keptWei
      expect(settleAnswer(account(), stated)).to.deep.equal({ ok: false, code, keptWei: kept })
    })
  }

  it('is nothing when a remembered answer comes once more', () => {
    const again = answer({ statement: LAST })
    expect(settleAnswer(account(), again)).to.deep.equal({ ok: true, keptWei: 0n, lostWei: 0n })
  })

  it('is not nothing for other work', () => {
    const free = answer({ statement: { ...LAST, workHash: hash('other') } })
    expect(settleAnswer(account(), free)).to.include({ ok: false, code: 'BELOW_ANSWER' })
  })

  it('may be more by what was set aside for lost answers', () => {
    const lost = account({ lostWei: 25n })
    expect(settleAnswer(lost, answer({ charge: 140n }))).to.deep.equal({
      ok: true,
      keptWei: 20n,
      lostWei: 5n,
    })
    expect(settleAnswer(lost, answer({ charge: 146n }))).to.include({ ok: false, code: 'ABOVE_ANSWER' })
  })

  it('is unknown on a channel that is older than the book, and nothing is given back', () => {
    const unknown = account({ last: undefined })
    expect(settleAnswer(unknown, answer({ charge: 5_000n }))).to.deep.equal({
      ok: true,
      keptWei: 30n,
      lostWei: 0n,
    })
    expect(settleAnswer(unknown, answer({ charge: 20n }))).to.deep.equal({
      ok: true,
      keptWei: 20n,
      lostWei: 0n,
    })
    expect(settleAnswer(unknown, answer({ charge: 19n }))).to.include({ ok: false, code: 'BELOW_ANSWER' })
  })
})
