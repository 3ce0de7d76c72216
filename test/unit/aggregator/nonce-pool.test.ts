import { expect } from 'chai'
import { NoncePool } from '../../../aggregator/rounds/nonce-pool.ts'
import { NonceLanes } from '../../../oracle-node/signing/nonce-lanes.ts'
import type { FrostSecret } from '../../../protocol/frost.ts'
import type { Member } from '../../../protocol/membership.ts'
import {
  decodeNonceRequest,
  encodeNoncePairs,
  MAX_LANE_PAIRS,
  type NoncePair,
} from '../../../protocol/round/messages.ts'
import { at, castOf, registryView } from '../../support/network/cast.ts'
import { dealKey } from '../../support/network/dealt-keys.ts'

const cast = castOf(4)
const member: Member = at(registryView(cast).members, 2)
const aggregator = at(cast.aggregators, 0).peerKey

describe('the pool of nonce pairs', () => {
  let secret: FrostSecret
  let lanes: NonceLanes
  let requests: number
  let pool: NoncePool
  let answer: ((request: Uint8Array) => Promise<Uint8Array>) | undefined

  before(() => {
    secret = at(dealKey([0, 1], 2).keys, 0).secret
  })
  beforeEach(() => {
    lanes = new NonceLanes()
    requests = 0
    answer = undefined
    pool = new NoncePool(new Uint8Array(32), 1, {
      request: async (_to, _channel, request) => {
        requests += 1
        if (answer !== undefined) return answer(request)
        const { keyEpoch, bootId } = decodeNonceRequest(request)
        return encodeNoncePairs(lanes.refill(aggregator, bootId, keyEpoch, secret))
      },
    })
  })
  /** What the member does with a proposal that it signs. */
  const spend = (pair: NoncePair): NoncePair => {
    expect(lanes.take(aggregator, 1, pair)).to.not.equal(undefined)
    return lanes.replace(aggregator, 1, secret)
  }
  const take = (): NoncePair => {
    const pair = pool.take(member.slot)
    if (pair === undefined) throw new Error('the pool is dry')
    return pair
  }

  it('is filled by asking, once at a time, and only where few are left', async () => {
    await Promise.all([pool.refill([member]), pool.refill([member])])
    expect({ requests, stocked: pool.stocked() }).to.deep.equal({ requests: 1, stocked: [member.slot] })
    await pool.refill([member])
    expect(requests).to.equal(1)
  })

  it('gives each pair out once, also when the member lists it again', async () => {
    await pool.refill([member])
    const taken = [take(), take(), take()]
    await pool.refill([member])
    const last = take()
    expect(new Set([...taken, last].map(({ hiding }) => Buffer.from(hiding).toString('hex'))).size).to.equal(
      4,
    )
  })

  it('lives on the fresh pair of each reply', async () => {
    await pool.refill([member])
    for (let round = 0; round < 20; round++) pool.add(member.slot, spend(take()))
    expect(requests).to.equal(1)
  })

  it('never holds more of a member than its lane has room for', async () => {
    await pool.refill([member])
    pool.add(member.slot, lanes.replace(aggregator, 1, secret))
    const held: NoncePair[] = []
    for (let pair = pool.take(member.slot); pair !== undefined; pair = pool.take(member.slot)) held.push(pair)
    expect(held).to.have.length(MAX_LANE_PAIRS)
  })

  it('gets fresh pairs although all that the member holds were proposed and never signed with', async () => {
    for (let refusals = 0; refusals < 5 * MAX_LANE_PAIRS; refusals++) {
      await pool.refill([member])
      take()
    }
    await pool.refill([member])
    expect(spend(take())).to.not.equal(undefined)
  })

  it('drops what it holds of a member that was restarted', async () => {
    await pool.refill([member])
    lanes.clear()
    pool.forget(member.slot)
    await pool.refill([member])
    expect(spend(take())).to.not.equal(undefined)
  })

  it('holds nothing of members that do not answer, answer nonsense or have nothing', async () => {
    const answers: ((request: Uint8Array) => Promise<Uint8Array>)[] = [
      () => Promise.reject(new Error('silence')),
      async () => Uint8Array.of(9, 9),
      async () => encodeNoncePairs([]),
    ]
    for (const one of answers) {
      answer = one
      await pool.refill([member])
      expect(pool.stocked()).to.deep.equal([])
    }
    expect(requests).to.equal(3)
  })
})
