import { expect } from 'chai'
import { askForQuotes, membersToAsk } from '../../../member/missed-quotes.ts'
import { castOf } from '../../support/network/cast.ts'
import { ROUND, TIMING } from '../../support/protocol/network.ts'

const MISSED = [2, 5, 7, 11]
const few = { turn: 0, needed: 0, tolerable: 7 }

describe('members whose quote has not come', () => {
  it('are asked, up to three of them', () => {
    expect(membersToAsk([4], few)).to.deep.equal([4])
    expect(membersToAsk(MISSED, few)).to.deep.equal([2, 5, 7])
    expect(membersToAsk([], few)).to.deep.equal([])
  })

  it('take turns, from round to round and from asker to asker', () => {
    const asked = new Set([0, 1, 2, 3].flatMap(turn => membersToAsk(MISSED, { ...few, turn })[0] ?? []))
    expect([...asked]).to.deep.equal(MISSED)
  })

  it('are left alone when more are missing than single losses explain', () => {
    const many = Array.from({ length: 8 }, (_, slot) => slot)
    expect(membersToAsk(many, few)).to.deep.equal([])
    expect(membersToAsk(many.slice(1), few)).to.have.length(3)
  })

  it('are asked all the same as far as the asker cannot do without', () => {
    const many = Array.from({ length: 12 }, (_, slot) => slot)
    expect(membersToAsk(many, { ...few, needed: 5 })).to.have.length(5)
    expect(membersToAsk(MISSED, { ...few, needed: 4 })).to.have.length(4)
    expect(membersToAsk(MISSED, { ...few, needed: -9 })).to.have.length(3)
  })

  it('are chosen among those that are connected, and what they send is admitted', async () => {
    const { members } = castOf(7, 1)
    const connected = members.slice(3).map(({ peerKey }) => peerKey)
    const asked: string[] = []
    const admitted: Uint8Array[] = []
    const network = {
      connected: () => connected,
      request: async (to: string) => {
        asked.push(to)
        if (to === connected[1]) throw new Error('no answer')
        return to === connected[2] ? new Uint8Array() : Uint8Array.of(1)
      },
    }
    const all = members.map((member, slot) => ({ ...member, slot, suspended: false }))
    await askForQuotes(ROUND, all as never, few, {
      network,
      timing: TIMING,
      admit: bytes => admitted.push(bytes),
    })
    expect(asked).to.deep.equal(connected.slice(0, 3))
    expect(admitted).to.deep.equal([Uint8Array.of(1)])
  })
})
