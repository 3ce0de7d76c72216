import { expect } from 'chai'
import { createLogger } from '../../../runtime/logger.ts'

describe('logger', () => {
  it('writes one JSON line: constant sentence, fields, bigints as digits, errors with code and cause', () => {
    const lines: string[] = []
    const logger = createLogger({
      level: 'info',
      name: 'oracle-1',
      destination: { write: line => lines.push(line) },
    })
    const error = Object.assign(new Error('outer', { cause: new Error('inner') }), { code: 'TOO_LATE' })
    logger.child({ slot: 3 }).warn('a round was missed', { price: 10n ** 18n, error })
    logger.debug('not shown')

    expect(lines).to.have.length(1)
    const record = JSON.parse(lines[0] ?? '')
    expect(record).to.include({
      level: 'warn',
      name: 'oracle-1',
      slot: 3,
      msg: 'a round was missed',
      price: '1000000000000000000',
    })
    expect(record.error).to.include({ message: 'outer', code: 'TOO_LATE' })
    expect(record.error.cause).to.include({ message: 'inner' })
  })
})
