import { expect } from 'chai'
import {
  commitmentDigest,
  commitmentsRoot,
  decodeCommitment,
  encodeCommitment,
  type SignedCommitment,
} from '../../../compute/challenge/commitment.ts'
import type { ChallengeContext } from '../../../compute/challenge/context.ts'
import { MAX_PRODUCTS } from '../../../compute/challenge/context.ts'
import { drawOpenings, ENTRIES_ONLY, WITH_ROWS } from '../../../compute/challenge/draw.ts'
import {
  decodeOpenings,
  encodeOpenings,
  openingsBytes,
  type ProductOpening,
} from '../../../compute/challenge/openings.ts'
import { extendChain, startChain } from '../../../compute/challenge/prove.ts'
import { firstSeed, seedsOf } from '../../../compute/challenge/seeds.ts'
import { refuseCommitment, verifyOpenings } from '../../../compute/challenge/verify.ts'
import type { Kernel } from '../../../compute/matrix/kernel.ts'
import { referenceKernel } from '../../../compute/matrix/reference-kernel.ts'
import { matrixSize } from '../../../compute/matrix/size.ts'
import { createWasmKernel } from '../../../compute/matrix/wasm-kernel.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import {
  contextOf,
  draw,
  hashOf,
  makeProducts,
  type Proof,
  prove,
  proveFalsely,
  sign,
} from '../../support/compute/challenge.ts'
import { reasonOf } from '../../support/protocol/refusals.ts'

const RULE = { products: 2, entries: 16, rows: 3 }

describe('the capacity challenge', () => {
  let kernel: Kernel
  let proof: Proof
  before(async () => {
    kernel = await createWasmKernel()
    proof = prove(kernel, RULE)
  })

  const verify = ({ context, signed, drawn, openings }: Proof, by: Kernel = kernel) =>
    verifyOpenings(by, context, signed.commitment.roots, drawn, openings)

  const refusal = ({ context, signed }: { context: ChallengeContext; signed: SignedCommitment }) =>
    refuseCommitment(context, signed, nobleIdentityCrypto)

  /** The proof with the first opening of the second drawn product changed. */
  function changed(change: (opening: ProductOpening) => ProductOpening): Proof {
    const [first, second] = proof.openings
    if (first === undefined || second === undefined) throw new Error('two products are opened')
    return { ...proof, openings: [first, change(second)] }
  }
  const flip = (bytes: Uint8Array, at: number): Uint8Array =>
    bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))
  const withFirst = <T>(list: readonly T[], change: (item: T) => T): T[] =>
    list.map((item, index) => (index === 0 ? change(item) : item))

  it('weighs what was made when all that was drawn holds', () => {
    expect(verify(proof)).to.deep.equal({ ok: true, weight: 3n })
    expect(refusal(proof)).to.equal(undefined)
  })

  it('has the same verdict from the reference as from the fast kernel', () => {
    expect(verify(proof, referenceKernel)).to.deep.equal({ ok: true, weight: 3n })
    const wrong = changed(o => ({
      ...o,
      entries: withFirst(o.entries, e => ({ ...e, leaf: flip(e.leaf, 0) })),
    }))
    expect(verify(wrong, referenceKernel)).to.deep.equal(verify(wrong))
  })

  // Seeds, roots and the product in kernel.test.ts were computed by a second implementation, from the README.
  it('is bound to known seeds and roots', () => {
    const { roots } = makeProducts(referenceKernel, contextOf(), 2)
    expect(hexOf(firstSeed(contextOf()))).to.equal(
      '0x50610441fa34747baab06a3fd2608e51ec35843280c99fadf68b919761aa37cb',
    )
    expect(roots).to.deep.equal([
      '0x2e45943ec9bf00566042f20c6528b34306d544139fe76d2a5d56b77242993884',
      '0xb11ab7907c9a983806488bc829ab5c9a9269bd41ac92a52b21a628a1ec32cf28',
    ])
  })

  it('extends a chain as the products follow from one another', () => {
    const chain = extendChain(kernel, extendChain(kernel, startChain(contextOf())))
    const { roots } = makeProducts(referenceKernel, contextOf(), 2)
    expect(chain.roots).to.deep.equal(roots)
    expect(seedsOf(referenceKernel, contextOf(), [...roots, hashOf(0)])[2]).to.deep.equal(chain.seed)
  })

  it('stops a chain at the most products a commitment holds', () => {
    const full = { ...startChain(contextOf()), roots: new Array(MAX_PRODUCTS).fill(hashOf(1)) }
    expect(extendChain(kernel, full)).to.equal(full)
  })

  it('gives another first seed to every beacon, worker, device and network', () => {
    const base = contextOf()
    const other: ChallengeContext[] = [
      base,
      { ...base, beacon: hashOf(1) },
      { ...base, worker: `0x${'01'.repeat(20)}` },
      { ...base, device: hashOf(2) },
      { ...base, domain: { ...base.domain, chainId: 1 } },
      { ...base, domain: { ...base.domain, registry: `0x${'02'.repeat(20)}` } },
    ]
    expect(new Set(other.map(context => hexOf(firstSeed(context)))).size).to.equal(other.length)
  })

  describe('a commitment', () => {
    const context = contextOf()

    it('counts only for its own worker, device, window and size', () => {
      const signed = sign(context, [hashOf(1)])
      const others: ChallengeContext[] = [
        { ...context, worker: `0x${'01'.repeat(20)}` },
        { ...context, device: hashOf(2) },
        { ...context, window: 8n },
        { ...context, size: matrixSize(128) },
      ]
      for (const other of others) expect(refusal({ context: other, signed })).to.equal('WRONG_CONTEXT')
    })

    it('must hold between one product and the most', () => {
      expect(refusal({ context, signed: sign(context, []) })).to.equal('NO_PRODUCTS')
      const many = new Array(MAX_PRODUCTS + 1).fill(hashOf(1))
      expect(refusal({ context, signed: sign(context, many) })).to.equal('TOO_MANY_PRODUCTS')
    })

    it('must be signed by the worker over just these roots in just this order', () => {
      const signed = sign(context, [hashOf(1), hashOf(2)])
      const reordered = { ...signed.commitment, roots: [hashOf(2), hashOf(1)] }
      expect(refusal({ context, signed: { ...signed, commitment: reordered } })).to.equal('BAD_SIGNATURE')
      expect(refusal({ context, signed: { ...signed, signature: new Uint8Array(64) } })).to.equal(
        'BAD_SIGNATURE',
      )
      expect(refusal({ context, signed: { ...signed, signature: new Uint8Array(3) } })).to.equal(
        'BAD_SIGNATURE',
      )
      const elsewhere = { ...context, domain: { ...context.domain, chainId: 1 } }
      expect(refusal({ context: elsewhere, signed })).to.equal('BAD_SIGNATURE')
    })

    it('survives its encoding, and nothing shorter, longer or larger is read', () => {
      const signed = sign(context, [hashOf(1), hashOf(2)])
      const bytes = encodeCommitment(signed)
      expect(decodeCommitment(bytes)).to.deep.equal(signed)
      expect(reasonOf(() => decodeCommitment(bytes.slice(0, -1)))).to.equal('TOO_SHORT')
      expect(reasonOf(() => decodeCommitment(Uint8Array.from([...bytes, 0])))).to.equal('TOO_LONG')
      const odd = bytes.slice()
      odd[61] = 65
      expect(reasonOf(() => decodeCommitment(odd))).to.equal('BAD_VALUE')
      const long = bytes.slice()
      long.fill(0xff, 62, 64)
      expect(reasonOf(() => decodeCommitment(long))).to.equal('TOO_LONG')
    })

    it('is under one root with all others, in any order', () => {
      const digests = [1, 2, 3].map(n =>
        commitmentDigest(context.domain, sign(context, [hashOf(n)]).commitment),
      )
      expect(commitmentsRoot(digests)).to.equal(commitmentsRoot([...digests].reverse()))
      expect(commitmentsRoot(digests)).to.not.equal(commitmentsRoot(digests.slice(1)))
      expect(commitmentsRoot([])).to.equal(`0x${'00'.repeat(32)}`)
    })
  })

  describe('an opening', () => {
    const product = () => proof.drawn[1]?.index

    it('must lead to the committed root', () => {
      const leaf = changed(o => ({
        ...o,
        entries: withFirst(o.entries, e => ({ ...e, leaf: flip(e.leaf, 9) })),
      }))
      const path = changed(o => ({
        ...o,
        entries: withFirst(o.entries, e => ({ ...e, path: flip(e.path, 40) })),
      }))
      const row = changed(o => ({ ...o, rows: withFirst(o.rows, r => ({ ...r, row: flip(r.row, 4) })) }))
      const rowPath = changed(o => ({
        ...o,
        rows: withFirst(o.rows, r => ({ ...r, path: flip(r.path, 0) })),
      }))
      for (const [wrong, kind] of [
        [leaf, 'entry'],
        [path, 'entry'],
        [row, 'row'],
        [rowPath, 'row'],
      ] as const) {
        expect(verify(wrong)).to.deep.equal({
          ok: false,
          code: 'BAD_PATH',
          at: { product: product(), kind, opening: 0 },
        })
      }
    })

    it('must be of the product and place that were drawn', () => {
      const swapped = { ...proof, openings: [...proof.openings].reverse() }
      expect(verify(swapped)).to.deep.include({ ok: false, code: 'BAD_PATH' })
      const elsewhere = changed(o => ({ ...o, entries: [...o.entries].reverse() }))
      expect(verify(elsewhere)).to.deep.include({ ok: false, code: 'BAD_PATH' })
    })

    it('must have the drawn shape', () => {
      const shapes: Proof[] = [
        { ...proof, openings: proof.openings.slice(1) },
        { ...proof, openings: [...proof.openings, ...proof.openings] },
        changed(o => ({ ...o, entries: o.entries.slice(1) })),
        changed(o => ({ ...o, rows: [] })),
        changed(o => ({ ...o, entries: withFirst(o.entries, e => ({ ...e, path: e.path.slice(32) })) })),
        changed(o => ({ ...o, rows: withFirst(o.rows, r => ({ ...r, row: r.row.slice(4) })) })),
      ]
      for (const shape of shapes) expect(verify(shape)).to.deep.include({ ok: false, code: 'WRONG_SHAPE' })
    })

    it('survives its encoding, and nothing shorter or longer is read', () => {
      const bytes = encodeOpenings(proof.openings)
      const { size } = proof.context
      expect(bytes.length).to.equal(openingsBytes(RULE, size, 3))
      expect(decodeOpenings(bytes, proof.drawn, size)).to.deep.equal(proof.openings)
      expect(reasonOf(() => decodeOpenings(bytes.slice(1), proof.drawn, size))).to.equal('TOO_SHORT')
      expect(reasonOf(() => decodeOpenings(Uint8Array.from([...bytes, 0]), proof.drawn, size))).to.equal(
        'TOO_LONG',
      )
    })

    it('takes 53 kB for 64 entries of the largest product', () => {
      expect(openingsBytes(ENTRIES_ONLY, matrixSize(4_096), 10)).to.equal(53_248)
    })
  })

  describe('a device that cheats', () => {
    it('is found out by an entry when it made up the product', () => {
      const false1 = proveFalsely(kernel, { products: 1, entries: 1, rows: 0 }, c => c.map(() => 0))
      expect(verify(false1)).to.deep.equal({
        ok: false,
        code: 'WRONG_ENTRY',
        at: { product: 0, kind: 'entry', opening: 0 },
      })
    })

    it('is found out by a row when one entry of it is wrong by one', () => {
      const rule = { products: 1, entries: 0, rows: 64 }
      const wrong = proveFalsely(kernel, rule, c => c.map((x, i) => (i === 17 * 64 + 5 ? x + 1 : x)))
      expect(verify(wrong)).to.deep.equal({
        ok: false,
        code: 'WRONG_ROW',
        at: { product: 0, kind: 'row', opening: 17 },
      })
    })

    it('is found out when it opens an entry that no product can have', () => {
      const rule = { products: 1, entries: 0, rows: 64 }
      const wrong = proveFalsely(kernel, rule, c => c.map((x, i) => (i === 3 * 64 ? 2 ** 31 - 1 : x)))
      expect(verify(wrong)).to.deep.equal({
        ok: false,
        code: 'ENTRY_OUT_OF_RANGE',
        at: { product: 0, kind: 'row', opening: 3 },
      })
    })

    it('gains nothing from the work of another device, worker or window', () => {
      const { context, signed, drawn, openings } = proof
      const others: ChallengeContext[] = [
        { ...context, device: hashOf(5) },
        { ...context, worker: `0x${'05'.repeat(20)}` },
        { ...context, window: 8n },
        { ...context, beacon: hashOf(6) },
      ]
      for (const other of others) {
        const verdict = verifyOpenings(kernel, other, signed.commitment.roots, drawn, openings)
        expect(verdict.ok).to.equal(false)
      }
    })

    it('cannot state a product twice: the same root stands for other matrices in the next place', () => {
      const context = contextOf()
      const { roots } = makeProducts(kernel, context, 1)
      const twice = [...roots, ...roots]
      const drawn = draw(context, twice, { products: 2, entries: 4, rows: 0 })
      const honest = prove(kernel, { products: 2, entries: 4, rows: 0 }, 2)
      const verdict = verifyOpenings(kernel, context, twice, drawn, [
        ...honest.openings.slice(0, 1),
        ...honest.openings.slice(0, 1),
      ])
      expect(verdict.ok).to.equal(false)
    })
  })

  it('draws otherwise for another beacon or commitment', () => {
    const size = matrixSize(4_096)
    const of = (beacon: number, digest: number) =>
      drawOpenings(WITH_ROWS, hashOf(beacon), new Uint8Array(32).fill(digest), 100, size)
    expect(of(1, 1)).to.deep.equal(of(1, 1))
    expect(of(1, 1)).to.not.deep.equal(of(2, 1))
    expect(of(1, 1)).to.not.deep.equal(of(1, 2))
  })
})
