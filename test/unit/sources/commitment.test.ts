import { expect } from 'chai'
import { encodeAbiParameters, type Hex, keccak256, parseAbiParameters } from 'viem'
import { EMPTY_ROOT, leafHash, merkleProof, merkleRoot, verifyMerkleProof } from '../../../protocol/merkle.ts'
import { aggregateSources } from '../../../protocol/sources/aggregate.ts'
import { committedValues, sourceLeaf, sourcesRoot } from '../../../protocol/sources/commitment.ts'
import { decodeTrace, encodeTrace, replayTrace, TraceError } from '../../../protocol/sources/trace.ts'
import { allVenues, aPlan, aValue, aValueAt, NOW_MS } from '../../support/sources/build.ts'

const leaves = (count: number): Hex[] =>
  Array.from({ length: count }, (_, i) => leafHash(`0x${(i + 1).toString(16).padStart(64, '0')}`))

describe('a Merkle tree', () => {
  it("has the root that OpenZeppelin's StandardMerkleTree gives for its published example", () => {
    const types = parseAbiParameters('address, uint256')
    const example = [
      encodeAbiParameters(types, ['0x1111111111111111111111111111111111111111', 5_000_000_000_000_000_000n]),
      encodeAbiParameters(types, ['0x2222222222222222222222222222222222222222', 2_500_000_000_000_000_000n]),
    ].map(leafHash)
    expect(merkleRoot(example)).to.equal('0xd4dee0beab2d53f2cc83e567171bd2820e49898130a22622b10ead383e90bd77')
  })

  it('is the same for leaves in any order', () => {
    expect(merkleRoot([...leaves(7)].reverse())).to.equal(merkleRoot(leaves(7)))
  })

  it('proves every leaf, whatever the number of leaves', () => {
    for (let count = 1; count <= 9; count++) {
      const all = leaves(count)
      const root = merkleRoot(all)
      for (const leaf of all)
        expect(verifyMerkleProof(root, leaf, merkleProof(all, leaf)), `${count}`).to.equal(true)
    }
  })

  it('proves no other leaf, and no inner node as a leaf', () => {
    const all = leaves(4)
    const [first = EMPTY_ROOT, second = EMPTY_ROOT] = all
    const proof = merkleProof(all, first)
    expect(verifyMerkleProof(merkleRoot(all), second, proof)).to.equal(false)
    const [stranger = EMPTY_ROOT] = leaves(5).slice(4)
    expect(() => merkleProof(all, stranger)).to.throw('is not a leaf')
    expect(leafHash(`0x${'11'.repeat(64)}`)).to.not.equal(keccak256(`0x${'11'.repeat(64)}`))
  })

  it('has a fixed root when empty', () => {
    expect(merkleRoot([])).to.equal(EMPTY_ROOT)
  })
})

describe('the root of the sources', () => {
  const outcome = aggregateSources(allVenues(), aPlan(), NOW_MS)

  it('covers what took part in the medians', () => {
    const values = [...allVenues().slice(1), aValueAt('binance', '9'), aValueAt('nowhere', '2.5')]
    const mixed = aggregateSources(values, aPlan(), NOW_MS)
    expect(committedValues(mixed)).to.have.length(8)
    expect(sourcesRoot(mixed)).to.equal(merkleRoot(values.slice(0, 8).map(sourceLeaf)))
  })

  it('does not depend on the order of values', () => {
    expect(sourcesRoot(aggregateSources(allVenues().reverse(), aPlan(), NOW_MS))).to.equal(
      sourcesRoot(outcome),
    )
  })

  it('has the leaves that the ABI gives, whatever the length of names and the sign of numbers', () => {
    const types = parseAbiParameters('string, string, int256, int256, int256, int256, uint256')
    const absent = -(2n ** 255n)
    const values = [
      aValue(),
      aValue({ venue: 'v'.repeat(31), pair: 'P'.repeat(32), bid: null, exchangeTimeMs: null }),
      aValue({ venue: 'v'.repeat(64), pair: 'P'.repeat(33), ask: -1n, last: 2n ** 255n - 1n }),
      aValue({ venue: '원'.repeat(64), pair: '', bid: -(2n ** 255n) + 1n }),
      aValue({ venue: 'v', pair: 'IO/USD' }),
    ]
    for (const value of values) {
      const { venue, pair, bid, ask, last, exchangeTimeMs, receivedAtMs } = value
      const time = exchangeTimeMs === null ? absent : BigInt(exchangeTimeMs)
      const numbers = [bid ?? absent, ask ?? absent, last ?? absent, time, BigInt(receivedAtMs)] as const
      expect(sourceLeaf(value), venue).to.equal(
        leafHash(encodeAbiParameters(types, [venue, pair, ...numbers])),
      )
    }
    expect(() => sourceLeaf(aValue({ bid: 2n ** 255n }))).to.throw(RangeError)
  })

  it('does not depend on volume, nor on when a value last changed: these are judged, not signed', () => {
    for (const change of [{ changedAtMs: 1 }, { volume: 1n }, { volume: null }]) {
      expect(sourceLeaf(aValue(change))).to.equal(sourceLeaf(aValue()))
    }
  })

  it('changes with names, prices and times', () => {
    const changes = [
      { venue: 'okx' },
      { pair: 'IO/USDC' },
      { bid: null },
      { ask: 1n },
      { last: 0n },
      { exchangeTimeMs: null },
      { receivedAtMs: 1 },
    ]
    const all = [aValue(), ...changes.map(change => aValue(change))].map(sourceLeaf)
    expect(new Set(all).size).to.equal(all.length)
  })
})

describe('a trace', () => {
  const values = [...allVenues(), aValue({ venue: 'nowhere', bid: null, volume: null, exchangeTimeMs: null })]
  const trace = { feed: 'IO/USD', nowMs: NOW_MS, values }
  const json = () => JSON.parse(JSON.stringify(encodeTrace(trace)))

  it('comes back from JSON as it was', () => {
    expect(decodeTrace(json())).to.deep.equal(trace)
  })

  it('leads to the same quote again', () => {
    const outcome = aggregateSources(values, aPlan(), NOW_MS)
    expect(replayTrace(decodeTrace(json()), aPlan())).to.deep.equal({ outcome, root: sourcesRoot(outcome) })
  })

  const broken: [string, (trace: ReturnType<typeof json>) => unknown][] = [
    ['trace', () => null],
    ['version', t => ({ ...t, version: 2 })],
    ['feed', t => ({ ...t, feed: '' })],
    ['nowMs', t => ({ ...t, nowMs: -1 })],
    ['values', t => ({ ...t, values: {} })],
    ['values', t => ({ ...t, values: new Array(3_201).fill(t.values[0]) })],
    ['values.0', t => ({ ...t, values: [7] })],
    ['values.0.bid', t => ({ ...t, values: [{ ...t.values[0], bid: 2.5 }] })],
    ['values.0.last', t => ({ ...t, values: [{ ...t.values[0], last: 'NaN' }] })],
    ['values.0.venue', t => ({ ...t, values: [{ ...t.values[0], venue: 'x'.repeat(65) }] })],
    ['values.0.receivedAtMs', t => ({ ...t, values: [{ ...t.values[0], receivedAtMs: 0.5 }] })],
  ]
  for (const [path, spoil] of broken) {
    it(`that is broken at ${path} is refused by that name`, () => {
      expect(() => decodeTrace(spoil(json())))
        .to.throw(TraceError)
        .that.includes({ code: 'BAD_TRACE', path })
    })
  }
})
