import { expect } from 'chai'
import {
  checkPromised,
  decodePromised,
  encodePromised,
  FreeNumbers,
  INCLUSION_BYTES,
  MAX_PROMISED_BYTES,
  type PromiseContext,
  type PromisedBatch,
} from '../../../protocol/epoch/promised-batch.ts'
import { batchIdentity, MAX_BATCH_RECORDS, type UsageBatch } from '../../../protocol/usage/batch.ts'
import { addressOf, promised } from '../../support/epoch/cast.ts'
import { hire, WORKER } from '../../support/epoch/world.ts'
import { crypto } from '../../support/network/cast.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

const batchOf = (seqFrom: number, count = 2, units = 1n): UsageBatch => ({
  worker: WORKER,
  seqFrom,
  records: Array.from({ length: count }, () => hire({ cumulativeUnits: units })),
})

describe('a promised batch', () => {
  const context: PromiseContext = {
    domain: DOMAIN,
    crypto,
    isRelayer: address => address === addressOf('relayer'),
    isWorker: address => address === WORKER,
  }
  const codeOf = (given: PromisedBatch, changes: Partial<PromiseContext> = {}) => {
    const checked = checkPromised(given, { ...context, ...changes })
    return 'refused' in checked ? checked.refused : checked.relayer
  }

  it('comes back from its bytes: the promise first, of a fixed length', () => {
    const given = promised(batchOf(1))
    const bytes = encodePromised(given)
    expect(decodePromised(bytes)).to.deep.equal(given)
    expect(() => decodePromised(bytes.slice(0, INCLUSION_BYTES))).to.throw()
    expect(encodePromised(promised(batchOf(1, MAX_BATCH_RECORDS))).length).to.equal(MAX_PROMISED_BYTES)
    expect(() => decodePromised(new Uint8Array(MAX_PROMISED_BYTES + 1))).to.throw()
  })

  it('binds when a registered relayer promised exactly this batch of a registered worker', () => {
    const given = promised(batchOf(1))
    expect(codeOf(given)).to.equal(addressOf('relayer'))
    expect(codeOf(given, { isRelayer: () => false })).to.equal('NOT_PROMISED')
    expect(codeOf(given, { isWorker: () => false })).to.equal('UNKNOWN_WORKER')
    expect(codeOf({ ...given, batch: promised(batchOf(1, 3)).batch })).to.equal('OTHER_BATCH')
    expect(codeOf({ ...given, batch: promised(batchOf(1, 2, 7n)).batch })).to.equal('OTHER_BATCH')
    expect(codeOf({ ...given, batch: promised(batchOf(2)).batch })).to.equal('OTHER_BATCH')
    expect(codeOf(promised(batchOf(1), 0, { worker: 'stranger' }))).to.equal('BAD_SIGNATURE')
  })
})

describe('the numbers that an epoch has left', () => {
  const identity = (seqFrom: number, count?: number) => batchIdentity(batchOf(seqFrom, count))
  const free = () => new FreeNumbers([{ worker: WORKER, sequence: { next: 11, gaps: [{ from: 3, to: 4 }] } }])

  it('are those that were not settled before, each to be taken once', () => {
    const numbers = free()
    expect([1, 3, 9, 11, 30].map(seqFrom => numbers.admits(identity(seqFrom)))).to.deep.equal([
      false,
      true,
      false,
      true,
      true,
    ])
    expect(numbers.take(identity(11))).to.equal(true)
    expect(numbers.take(identity(11)), 'again').to.equal(false)
    expect(numbers.take(identity(12)), 'one of two').to.equal(false)
  })

  it('are not those of what is in already, in whatever order it came', () => {
    const numbers = free()
    // Each leaves a gap of one.
    for (let seqFrom = 20 + 3 * 50; seqFrom >= 20; seqFrom -= 3) numbers.note(identity(seqFrom))
    expect(numbers.admits(identity(20))).to.equal(false)
    expect(numbers.admits(identity(22, 1)), 'between two of them').to.equal(true)
  })
})
