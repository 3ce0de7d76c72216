import { expect } from 'chai'
import { OneTimeNonces } from '../../../oracle-node/keygen/install-nonces.ts'
import { NonceLanes } from '../../../oracle-node/signing/nonce-lanes.ts'
import type { Hash } from '../../../protocol/bytes.ts'
import type { FrostSecret } from '../../../protocol/frost.ts'
import type { PeerKey } from '../../../protocol/membership.ts'
import { MAX_LANE_PAIRS } from '../../../protocol/round/messages.ts'
import { loadNativeFrostCrypto } from '../../../runtime/native-frost.ts'
import { at, party } from '../../support/network/cast.ts'
import { dealKey } from '../../support/network/dealt-keys.ts'

const boot = (number: number): Hash => `0x${number.toString(16).padStart(64, '0')}`
const peer = (number: number): PeerKey => party(`aggregator ${number}`).peerKey

describe('nonce pairs', () => {
  let secret: FrostSecret
  before(() => {
    secret = at(dealKey([0, 1], 2).keys, 0).secret
  })

  describe('in the lanes of aggregators', () => {
    it('fill a lane up to its bound, and show the same pairs until one is spent', () => {
      const lanes = new NonceLanes()
      const first = lanes.refill(peer(0), boot(1), 1, secret)
      expect(first).to.have.length(MAX_LANE_PAIRS)
      expect(lanes.refill(peer(0), boot(1), 1, secret)).to.deep.equal(first)
    })

    it('are handed out once: a taken pair is gone before it can sign', () => {
      const lanes = new NonceLanes()
      const pair = at(lanes.refill(peer(0), boot(1), 1, secret), 0)
      expect(lanes.take(peer(0), 1, pair)).to.not.equal(undefined)
      expect(lanes.isUnspent(peer(0), 1, pair)).to.equal(false)
      expect(lanes.take(peer(0), 1, pair)).to.equal(undefined)
    })

    it('are replaced by a fresh one, which nobody has seen before', () => {
      const lanes = new NonceLanes()
      const before = lanes.refill(peer(0), boot(1), 1, secret)
      lanes.take(peer(0), 1, at(before, 0))
      const fresh = lanes.replace(peer(0), 1, secret)
      expect(before).to.not.deep.include(fresh)
      expect(lanes.isUnspent(peer(0), 1, fresh)).to.equal(true)
    })

    it('belong to one aggregator, one of its runs and one key epoch', () => {
      const lanes = new NonceLanes()
      const pair = at(lanes.refill(peer(0), boot(1), 1, secret), 0)
      expect(lanes.isUnspent(peer(1), 1, pair)).to.equal(false)
      expect(lanes.isUnspent(peer(0), 2, pair)).to.equal(false)
      lanes.refill(peer(0), boot(2), 1, secret)
      expect(lanes.take(peer(0), 1, pair)).to.equal(undefined)
    })

    it('of two keys stand side by side, and those of an ended one are dropped', () => {
      const lanes = new NonceLanes()
      const pair = at(lanes.refill(peer(0), boot(1), 1, secret), 0)
      const next = lanes.refill(peer(0), boot(1), 2, secret)
      expect(next).to.not.deep.include(pair)
      expect(lanes.take(peer(0), 2, pair)).to.equal(undefined)
      expect(lanes.isUnspent(peer(0), 1, pair)).to.equal(true)
      lanes.forgetBefore(2)
      expect(lanes.take(peer(0), 1, pair)).to.equal(undefined)
      expect(lanes.take(peer(0), 2, pair)).to.equal(undefined)
    })

    it('with one half exchanged are unknown', () => {
      const lanes = new NonceLanes()
      const [first, second] = lanes.refill(peer(0), boot(1), 1, secret)
      if (first === undefined || second === undefined) throw new Error('no pairs')
      expect(lanes.take(peer(0), 1, { hiding: first.hiding, binding: second.binding })).to.equal(undefined)
    })

    it('are given to as many aggregators as a registry lists, under two keys, and to no more', () => {
      const lanes = new NonceLanes(loadNativeFrostCrypto())
      for (let index = 0; index < 64; index++) {
        for (const keyEpoch of [1, 2]) lanes.refill(peer(index), boot(1), keyEpoch, secret)
      }
      expect(lanes.refill(peer(64), boot(1), 1, secret)).to.deep.equal([])
      expect(lanes.refill(peer(0), boot(2), 1, secret)).to.have.length(MAX_LANE_PAIRS)
    })

    it('are all forgotten at once', () => {
      const lanes = new NonceLanes()
      const pair = at(lanes.refill(peer(0), boot(1), 1, secret), 0)
      lanes.clear()
      expect(lanes.take(peer(0), 1, pair)).to.equal(undefined)
    })
  })

  describe('for an installation', () => {
    it('are handed out once', () => {
      const nonces = new OneTimeNonces()
      const pair = nonces.issue(secret)
      expect(nonces.take(pair)).to.not.equal(undefined)
      expect(nonces.take(pair)).to.equal(undefined)
    })

    it('are at most four: older ones are dropped', () => {
      const nonces = new OneTimeNonces()
      const pairs = Array.from({ length: 5 }, () => nonces.issue(secret))
      expect(nonces.take(at(pairs, 0))).to.equal(undefined)
      expect(nonces.take(at(pairs, 1))).to.not.equal(undefined)
      expect(nonces.take(at(pairs, 4))).to.not.equal(undefined)
    })
  })
})
