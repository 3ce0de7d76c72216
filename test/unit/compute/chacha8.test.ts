import { expect } from 'chai'
import { chacha8 } from '../../../compute/matrix/chacha8.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import { seedOf } from '../../support/compute/challenge.ts'

describe('the stream that seeds are spread into', () => {
  it('is ChaCha with eight rounds (draft-strombergson-chacha-test-vectors, TC1)', () => {
    const block = chacha8(new Uint8Array(32), { purpose: 0 }, 0, 1)
    expect(hexOf(block)).to.equal(
      '0x3e00ef2f895f40d67f5bb8e81f09a5a12c840ec3ce9a7f3b181be188ef711a1e' +
        '984ce172b9216f419f445367456d5619314a42a3da86b001387bfdb80e0cfe42',
    )
  })

  it('takes purpose and index as the first words of the nonce', () => {
    const block = chacha8(
      Uint8Array.from({ length: 32 }, (_, i) => i),
      { purpose: 1, index: 7 },
      5,
      1,
    )
    expect(hexOf(block)).to.equal(
      '0xcaf1d29492c7e66de42b03743d9f27089b1d28acc8ceec611c7a3a2a0c250ef62be33d2b5e3d82b162d0488b065b0c2c4500cec1d68253b8f3951701f0af255d',
    )
  })

  it('is the same wherever a reader begins', () => {
    const whole = chacha8(seedOf(1), { purpose: 2 }, 0, 5)
    expect(chacha8(seedOf(1), { purpose: 2 }, 3, 2)).to.deep.equal(whole.slice(3 * 64))
  })

  it('differs between purposes, indices and seeds', () => {
    const streams = [
      chacha8(seedOf(1), { purpose: 0 }, 0, 1),
      chacha8(seedOf(1), { purpose: 1 }, 0, 1),
      chacha8(seedOf(1), { purpose: 0, index: 1 }, 0, 1),
      chacha8(seedOf(2), { purpose: 0 }, 0, 1),
    ].map(hexOf)
    expect(new Set(streams).size).to.equal(streams.length)
  })

  it('refuses a seed that has not 32 bytes', () => {
    expect(() => chacha8(new Uint8Array(31), { purpose: 0 }, 0, 1)).to.throw(RangeError)
  })
})
