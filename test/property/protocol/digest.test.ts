import { expect } from 'chai'
import fc from 'fast-check'
import { hashTypedData } from 'viem'
import { type Hex, hexOf } from '../../../protocol/bytes.ts'
import { digestOf, eip712Domain, STRUCTS, type StructType } from '../../../protocol/domain.ts'

const bytes = (length: number): fc.Arbitrary<Hex> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map(hexOf)

/** A value of a field: at both ends of its range, and anywhere between. */
function fieldValue(type: string): fc.Arbitrary<bigint | Hex> {
  if (type === 'address') return bytes(20)
  const [, kind, size = ''] = /^(uint|bytes)(\d+)$/.exec(type) ?? []
  if (kind === 'bytes') return bytes(Number(size))
  const max = (1n << BigInt(size)) - 1n
  return fc.oneof(fc.constant(0n), fc.constant(max), fc.bigInt({ min: 0n, max }))
}

const EVERY_TYPE: StructType = {
  name: 'Everything',
  fields: ['uint8', 'uint40', 'uint256', 'bytes4', 'bytes32', 'address'].map(type => ({
    name: `a_${type}`,
    type,
  })),
}

const domains = fc.record({ chainId: fc.integer({ min: 1, max: 2 ** 40 }), registry: bytes(20) })

function messageOf(struct: StructType): fc.Arbitrary<Record<string, bigint | Hex>> {
  return fc.record(Object.fromEntries(struct.fields.map(({ name, type }) => [name, fieldValue(type)])))
}

describe('the digest of a struct', () => {
  for (const struct of [...Object.values(STRUCTS), EVERY_TYPE] as StructType[]) {
    it(`is the one that EIP-712 gives a ${struct.name}`, () => {
      fc.assert(
        fc.property(domains, messageOf(struct), (domain, message) => {
          const reference = hashTypedData({
            domain: eip712Domain(domain),
            types: { [struct.name]: [...struct.fields] },
            primaryType: struct.name,
            message,
          })
          expect(hexOf(digestOf(domain, struct, message))).to.equal(reference)
        }),
        { numRuns: 50 },
      )
    })
  }

  it('does not exist for a value that is missing, too large, negative or of another length', () => {
    const domain = { chainId: 1, registry: `0x${'ab'.repeat(20)}` } as const
    const digest = (type: string, value: bigint | Hex | undefined) => () =>
      digestOf(
        domain,
        { name: 'One', fields: [{ name: 'it', type }] },
        value === undefined ? {} : { it: value },
      )
    expect(digest('uint8', undefined)).to.throw(RangeError)
    expect(digest('uint8', 256n)).to.throw(RangeError)
    expect(digest('uint8', -1n)).to.throw(RangeError)
    expect(digest('bytes32', `0x${'00'.repeat(31)}`)).to.throw(RangeError)
    expect(digest('bytes32', 1n)).to.throw(RangeError)
    expect(digest('address', `0x${'00'.repeat(32)}`)).to.throw(RangeError)
    expect(digest('string', '0x00')).to.throw(RangeError)
  })
})
