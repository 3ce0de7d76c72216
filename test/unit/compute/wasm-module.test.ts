import { expect } from 'chai'
import { countUp, i32, type Local, v128 } from '../../../compute/wasm/code.ts'
import { signed, unsigned } from '../../../compute/wasm/encoding.ts'
import { instantiate } from '../../../compute/wasm/instantiate.ts'
import { assembleModule, defineFunction, nth } from '../../../compute/wasm/module.ts'

describe('the assembler', () => {
  it('encodes numbers as LEB128', () => {
    expect(unsigned(0)).to.deep.equal([0])
    expect(unsigned(127)).to.deep.equal([0x7f])
    expect(unsigned(128)).to.deep.equal([0x80, 0x01])
    expect(unsigned(624_485)).to.deep.equal([0xe5, 0x8e, 0x26])
    expect(unsigned(0xffffffff)).to.deep.equal([0xff, 0xff, 0xff, 0xff, 0x0f])
    expect(signed(63)).to.deep.equal([0x3f])
    expect(signed(64)).to.deep.equal([0xc0, 0x00])
    expect(signed(-64)).to.deep.equal([0x40])
    expect(signed(-123_456)).to.deep.equal([0xc0, 0xbb, 0x78])
  })

  it('makes a module that runs, with its constants at address 0', async () => {
    const double = defineFunction(
      { name: 'double', params: ['i32'], results: ['i32'] },
      ([x]: readonly Local[]) => [i32.add(x?.get ?? [], x?.get ?? [])],
    )
    const sum = defineFunction({ name: 'sum', params: ['i32'], results: ['i32'] }, (params, local) => {
      const [total, counter] = [local('i32'), local('i32')]
      return [
        countUp(counter, nth(params, 0).get, i32.const(1), [total.set(i32.add(total.get, counter.get))]),
        total.get,
      ]
    })
    const copy = defineFunction({ name: 'copy', params: [] }, () => [
      v128.store(i32.const(64), v128.load(i32.const(0))),
    ])
    const { exports, memory } = await instantiate(assembleModule([double, sum, copy], [1, 2, 3]))
    expect(exports['double']?.(21)).to.equal(42)
    expect(exports['sum']?.(5)).to.equal(10)
    exports['copy']?.()
    expect([...new Uint8Array(memory.buffer, 64, 4)]).to.deep.equal([1, 2, 3, 0])
  })

  it('refuses a kernel that names an operand it does not have', () => {
    expect(() => nth([], 0)).to.throw(RangeError)
  })
})
