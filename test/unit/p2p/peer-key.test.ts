import { expect } from 'chai'
import { peerIdOf, peerKeyFromSeed, peerKeyOf, peerKeyOfAddress } from '../../../runtime/p2p/peer-key.ts'

// RFC 8032, 7.1, test 1
const SEED = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
const KEY = '0xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'

describe('peer keys', () => {
  it('derives the public key that RFC 8032 gives for a seed', () => {
    expect(peerKeyFromSeed(SEED)).to.equal(KEY)
  })

  it('goes to a peer id and back without loss', () => {
    expect(peerIdOf(KEY)).to.match(/^12D3KooW/)
    expect(peerKeyOf(peerIdOf(KEY))).to.equal(KEY)
    expect(peerKeyOfAddress(`/ip4/127.0.0.1/tcp/1/p2p/${peerIdOf(KEY)}`)).to.equal(KEY)
  })

  it('finds no key in an id of another kind, in an address without one, and in noise', () => {
    expect(peerKeyOf('16Uiu2HAmSeAf7axe29MnrV1nKhqWj4x3sAabHfeY1cGnRxZBuo4F')).to.equal(undefined)
    expect(peerKeyOf('nonsense')).to.equal(undefined)
    expect(peerKeyOf('')).to.equal(undefined)
    expect(peerKeyOfAddress('/ip4/127.0.0.1/tcp/1')).to.equal(undefined)
  })

  it('refuses a seed and a key of the wrong length', () => {
    expect(() => peerKeyFromSeed(new Uint8Array(31))).to.throw(RangeError, '31')
    expect(() => peerIdOf('0x00')).to.throw(RangeError)
  })
})
