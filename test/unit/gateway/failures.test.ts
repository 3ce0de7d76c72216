import { expect } from 'chai'
import { REFUSED_BEFORE_WORK, wasNotBegun } from '../../../gateway/workers/failures.ts'
import { ProblemError } from '../../../sdk/problem.ts'
import { REFUSAL_STATUS } from '../../../worker/refused.ts'

const failed = (status: number, code: string, cause?: unknown) =>
  wasNotBegun(new ProblemError('failed', { code, status }, cause))

describe('a failed request to a worker', () => {
  it('was not begun when the worker refused it', () => {
    expect([failed(409, 'HIRED'), failed(503, 'BACKLOG'), failed(402, 'HOLD_USED_UP')]).to.deep.equal([
      true,
      true,
      true,
    ])
  })

  it('was not begun when nobody was there', () => {
    expect(failed(0, 'UNREACHABLE', Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))).to.equal(
      true,
    )
  })

  it('may have been charged for after any other end', () => {
    const ends: readonly [number, string][] = [
      [500, 'INTERNAL'],
      [499, 'GONE'],
      [503, 'BAD_ANSWER'],
      [503, 'SOMETHING_NEW'],
      [0, 'TIMEOUT'],
      [0, 'UNREACHABLE'],
    ]
    for (const [status, code] of ends) expect(failed(status, code), code).to.equal(false)
  })

  it('was refused with one of the codes that workers have for inferences', () => {
    const ofHires = ['NO_LEASE', 'LEASE_TAKEN', 'NOT_THE_PAYER']
    for (const [code, status] of Object.entries(REFUSAL_STATUS)) {
      if (status < 499 && !ofHires.includes(code)) expect(REFUSED_BEFORE_WORK.has(code), code).to.equal(true)
    }
  })
})
