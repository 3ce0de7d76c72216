import { expect } from 'chai'
import { NotListedError } from '../../../oracle-node/sources/connection.ts'
import { DeadlineError } from '../../../oracle-node/sources/deadline.ts'
import {
  codeOf,
  retryAfterOf,
  VENUE_ERROR_CODES,
  VenueError,
} from '../../../oracle-node/sources/venue-error.ts'

describe('what was thrown while a venue was used', () => {
  it('has the code that it says, whichever of them', () => {
    const codes = VENUE_ERROR_CODES.map(code => codeOf(new VenueError('okx', code)))
    expect(codes).to.deep.equal([...VENUE_ERROR_CODES])
    expect(codeOf(new DeadlineError(5))).to.equal('TIMEOUT')
    expect(codeOf(new NotListedError('okx', 'IO/USDT'))).to.equal('NOT_LISTED')
  })

  it('is a bad answer when it is none of ours', () => {
    for (const error of [
      new TypeError('x'),
      Object.assign(new Error('x'), { code: 'ECONNRESET' }),
      'NETWORK',
      null,
    ])
      expect(codeOf(error)).to.equal('BAD_ANSWER')
  })

  it('says how long to wait only where the venue did', () => {
    expect(retryAfterOf(new VenueError('okx', 'NETWORK', undefined, 77_000))).to.equal(77_000)
    expect(retryAfterOf(new VenueError('okx', 'NETWORK'))).to.equal(0)
    expect(retryAfterOf(Object.assign(new Error('x'), { retryAfterMs: -5 }))).to.equal(0)
  })
})
