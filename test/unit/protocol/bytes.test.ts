import { expect } from 'chai'
import {
  ByteReader,
  ByteWriter,
  bigintToBytes,
  bytesOf,
  bytesToBigint,
  compareBytes,
  type DecodeError,
  type DecodeReason,
  equalBytes,
  hexOf,
} from '../../../protocol/bytes.ts'
import { reasonOf } from '../../support/protocol/refusals.ts'

describe('bytes', () => {
  it('hold an integer big-endian in exactly the given length', () => {
    expect(hexOf(bigintToBytes(0x0102n, 4))).to.equal('0x00000102')
    expect(bytesToBigint(bytesOf('0x00000102'))).to.equal(0x0102n)
    expect(bytesToBigint(new Uint8Array())).to.equal(0n)
  })

  it('refuse an integer that does not fit', () => {
    expect(bigintToBytes(255n, 1)).to.deep.equal(Uint8Array.of(255))
    expect(() => bigintToBytes(256n, 1)).to.throw(RangeError)
    expect(() => bigintToBytes(-1n, 1)).to.throw(RangeError)
  })

  it('are ordered by raw value, the shorter first when one leads the other', () => {
    const sorted = ['0x', '0x00', '0x0001', '0x01', '0x7f', '0x80', '0xff'].map(bytesOf)
    expect([...sorted].reverse().sort(compareBytes)).to.deep.equal(sorted)
  })

  it('are equal only in all places and in length', () => {
    expect(equalBytes(bytesOf('0x0102'), bytesOf('0x0102'))).to.equal(true)
    expect(equalBytes(bytesOf('0x0102'), bytesOf('0x0103'))).to.equal(false)
    expect(equalBytes(bytesOf('0x0102'), bytesOf('0x01'))).to.equal(false)
  })
})

describe('a writer', () => {
  it('puts fields one after the other', () => {
    const bytes = new ByteWriter()
      .uint(7, 2)
      .hex('0xaabb', 2)
      .fixed(Uint8Array.of(1), 1)
      .sized(Uint8Array.of(9, 9))
      .done()
    expect(hexOf(bytes)).to.equal('0x0007aabb0100020909')
  })

  it('refuses a field of another length than the reader will take', () => {
    expect(() => new ByteWriter().fixed(Uint8Array.of(1), 2)).to.throw(RangeError)
    expect(() => new ByteWriter().hex('0xaa', 2)).to.throw(RangeError)
    expect(() => new ByteWriter().sized(new Uint8Array(65_536))).to.throw(RangeError)
  })
})

describe('a reader', () => {
  const reader = (hex: string) => new ByteReader(bytesOf(hex))
  const reason = (act: () => unknown): DecodeReason | undefined => reasonOf(act)

  it('gives back what a writer wrote', () => {
    const read = reader('0x0007aabb0100020909')
    expect([read.small(2), read.hex(2), read.uint(1), read.sized(2)]).to.deep.equal([
      7,
      '0xaabb',
      1n,
      Uint8Array.of(9, 9),
    ])
    expect(read.done('all of it')).to.equal('all of it')
  })

  it('refuses bytes that end too soon', () => {
    expect(reason(() => reader('0x01').small(2))).to.equal('TOO_SHORT')
    expect(reason(() => reader('0x0003ffff').sized(10))).to.equal('TOO_SHORT')
    expect(reason(() => reader('0x02aa').list(5, item => item.small(1)))).to.equal('TOO_SHORT')
  })

  it('refuses bytes after the end', () => {
    expect(reason(() => reader('0x01').done(undefined))).to.equal('TOO_LONG')
  })

  it('refuses more than a bound before it reads it', () => {
    expect(reason(() => reader('0xffff').sized(10))).to.equal('TOO_LONG')
    expect(reason(() => reader('0xff').list(5, item => item.small(1)))).to.equal('TOO_LONG')
  })

  it('refuses another kind than the expected one', () => {
    expect(reason(() => reader('0x05').expect(6))).to.equal('BAD_KIND')
    expect(reader('0x06').expect(6).done('right')).to.equal('right')
  })

  it('hands out copies: a later change of the input changes nothing that was read', () => {
    const input = Uint8Array.of(1, 2)
    const read = new ByteReader(input).fixed(2)
    input[0] = 9
    expect(read).to.deep.equal(Uint8Array.of(1, 2))
  })

  it('says with its errors that a retry is of no use', () => {
    try {
      reader('0x').small(1)
      expect.fail('nothing was thrown')
    } catch (error) {
      expect((error as DecodeError).code).to.equal('BAD_BYTES')
    }
  })
})
