import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { type Address, bigintToBytes, hexOf } from '../../../protocol/bytes.ts'
import type { EpochBundle } from '../../../protocol/epoch/bundle.ts'
import { BLOCK_HEAD_BYTES, BLOCK_ITEMS, CHECK_BYTES, MAGIC } from '../../../protocol/epoch/bundle-format.ts'
import {
  BUNDLE_FAULTS,
  type BundleFaultCode,
  BundleReader,
  decodeBundle,
  describeFault,
} from '../../../protocol/epoch/bundle-reader.ts'
import { BundleOrderError, bundleHashOf, encodeBundle } from '../../../protocol/epoch/bundle-writer.ts'
import { crc32 } from '../../../protocol/epoch/crc32.ts'
import { signBatch } from '../../support/epoch/cast.ts'
import { caseOf, hire, WORKER } from '../../support/epoch/world.ts'

const { bundle } = caseOf()
const account = (index: number): Address => hexOf(bigintToBytes(BigInt(index + 1), 20))
const many = (count: number): EpochBundle => ({
  ...bundle,
  rewards: Array.from({ length: count }, (_, index) => ({ account: account(index), cumulative: 1n })),
})

function bytesOfBundle(value: EpochBundle): Uint8Array {
  return Uint8Array.from(Buffer.concat([...encodeBundle(value)]))
}

const seen = new Set<BundleFaultCode>()

function faultOf(chunks: Iterable<Uint8Array>, maxBytes?: number) {
  const result = decodeBundle(chunks, maxBytes)
  if (!('fault' in result)) throw new Error('the bundle was taken')
  seen.add(result.fault.code)
  return result.fault
}

/** A block with its check made right again. */
function resealed(block: Uint8Array, change: (body: Uint8Array) => void): Uint8Array {
  const body = block.slice(0, -CHECK_BYTES)
  change(body)
  return Uint8Array.from([...body, ...bigintToBytes(BigInt(crc32(body)), CHECK_BYTES)])
}

describe('a bundle', () => {
  it('comes out of its bytes as it went in, in whatever pieces they arrive', () => {
    const bytes = bytesOfBundle(bundle)
    for (const size of [1, 7, 1_000, bytes.length]) {
      const reader = new BundleReader()
      for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
      expect(reader.end()).to.deep.equal({ bundle, hash: bundleHashOf(bundle), bytes: bytes.length })
    }
  })

  it('is named by the SHA-256 of its bytes, which any machine can compute', () => {
    const digest = createHash('sha256').update(bytesOfBundle(bundle)).digest('hex')
    expect(bundleHashOf(bundle)).to.equal(`0x${digest}`)
  })

  it('is written block by block, each with at most 256 items', () => {
    const blocks = [...encodeBundle(many(3 * BLOCK_ITEMS + 1))]
    const few = [...encodeBundle(many(1))]
    expect(blocks.length - few.length).to.equal(3)
    const result = decodeBundle(blocks)
    expect('bundle' in result && result.bundle.rewards.length).to.equal(3 * BLOCK_ITEMS + 1)
  })

  it('names the damaged block for any changed byte', () => {
    const bytes = bytesOfBundle(many(300))
    for (let at = 0; at < bytes.length; at += 41) {
      const changed = Uint8Array.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 0x10
      const fault = faultOf([changed])
      expect(fault.offset <= at, describeFault(fault)).to.equal(true)
    }
  })

  it('names section and items when a line is damaged', () => {
    const blocks = [...encodeBundle(many(300))]
    const second = blocks.findIndex(
      block => (block[0] === 16 && block[4] !== 0) || (block[0] === 16 && block[3] !== 0),
    )
    const damaged = blocks.map((block, index) => {
      const copy = Uint8Array.from(block)
      if (index === second) copy[BLOCK_HEAD_BYTES + 30] = 0xff
      return copy
    })
    const { code, section, items } = faultOf(damaged)
    expect({ code, section, items }).to.deep.equal({
      code: 'BLOCK_CHECK',
      section: 'rewards',
      items: { first: 256, last: 299 },
    })
  })

  it('that is cut off, goes on or is too long is refused', () => {
    const bytes = bytesOfBundle(bundle)
    expect(faultOf([bytes.subarray(0, -1)]).code).to.equal('TRUNCATED')
    expect(faultOf([]).code).to.equal('TRUNCATED')
    expect(faultOf([bytes, Uint8Array.of(0)]).code).to.equal('TRAILING_BYTES')
    expect(faultOf([bytes], 100).code).to.equal('TOO_LARGE')
    expect(faultOf([MAGIC.map(byte => byte + 1)]).code).to.equal('NOT_A_BUNDLE')
  })

  it('has one encoding: blocks out of order, split, joined or empty are refused', () => {
    const blocks = [...encodeBundle(many(BLOCK_ITEMS + 1))]
    const [magic, header, parameters, ...rest] = blocks
    if (magic === undefined || header === undefined || parameters === undefined) throw new Error('blocks')
    expect(faultOf([magic, parameters, header, ...rest]).code).to.equal('SECTION_ORDER')
    expect(faultOf([magic, header, header, parameters, ...rest]).code).to.equal('SECTION_ORDER')
    expect(faultOf([magic, parameters, ...rest]).code).to.equal('ITEM_COUNT')
    const moved = resealed(parameters, body => {
      body[4] = 1
    })
    expect(faultOf([magic, header, moved, ...rest]).code).to.equal('BLOCK_SHAPE')
    const strange = resealed(parameters, body => {
      body[0] = 77
    })
    expect(faultOf([magic, header, strange, ...rest]).code).to.equal('BLOCK_SHAPE')
  })

  it('with two blocks joined that should be apart is refused', () => {
    const batch = (seqFrom: number) =>
      signBatch({ worker: WORKER, seqFrom, records: Array.from({ length: 400 }, () => hire()) }, 'worker')
    const blocks = [...encodeBundle({ ...bundle, batches: [batch(1), batch(401)] })]
    const [one, two] = blocks.filter(block => block[0] === 15)
    if (one === undefined || two === undefined) throw new Error('two blocks of batches')
    const payloads = [one, two].map(block => block.subarray(BLOCK_HEAD_BYTES, -CHECK_BYTES))
    const size = payloads.reduce((sum, payload) => sum + payload.length, 0)
    const body = Uint8Array.from(Buffer.concat([one.subarray(0, BLOCK_HEAD_BYTES), ...payloads]))
    body[6] = 2
    body.set(bigintToBytes(BigInt(size), 4), 7)
    const joined = Uint8Array.from([...body, ...bigintToBytes(BigInt(crc32(body)), CHECK_BYTES)])
    const stream = blocks.flatMap(block => (block === one ? [joined] : block === two ? [] : [block]))
    expect(faultOf(stream)).to.deep.include({ code: 'BLOCK_SHAPE', section: 'batches' })
  })

  it('with items out of order, twice or not what they should be is refused', () => {
    const [first, second] = bundle.rewards
    if (first === undefined || second === undefined) throw new Error('two rewards')
    for (const rewards of [
      [second, first],
      [first, first],
    ]) {
      expect(() => [...encodeBundle({ ...bundle, rewards })]).to.throw(BundleOrderError)
    }
    const blocks = [...encodeBundle({ ...bundle, rewards: [first, second] })]
    const swapped = blocks.map(block =>
      block[0] !== 16
        ? block
        : resealed(block, body => {
            const items = body.slice(BLOCK_HEAD_BYTES)
            body.set(items.slice(56), BLOCK_HEAD_BYTES)
            body.set(items.slice(0, 56), BLOCK_HEAD_BYTES + 56)
          }),
    )
    expect(faultOf(swapped)).to.deep.include({ code: 'ITEM_ORDER', items: { first: 1, last: 1 } })
    const bad = blocks.map(block =>
      block[0] === 1
        ? resealed(block, body => {
            body[BLOCK_HEAD_BYTES + 3] = 5
          })
        : block,
    )
    expect(faultOf(bad)).to.deep.include({ code: 'BAD_ITEM', section: 'header' })
  })

  it('has faults that have each been seen', () => {
    expect(BUNDLE_FAULTS.filter(code => !seen.has(code))).to.deep.equal([])
  })
})

describe('the check of a block', () => {
  it('is the CRC-32 that everybody knows', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).to.equal(0xcbf43926)
  })
})
