import { format, inspect } from 'node:util'
import { expect } from 'chai'
import { createLogger } from '../../../runtime/logger.ts'
import { Secret } from '../../../runtime/secret.ts'

describe('secret', () => {
  const secret = new Secret('hunter2')

  it('gives its value only when it is asked for by name', () => {
    expect(secret.reveal()).to.equal('hunter2')
  })

  it('prints as [redacted] in text, JSON, inspection and logs', () => {
    const lines: string[] = []
    const logger = createLogger({
      level: 'info',
      name: 'test',
      destination: { write: line => lines.push(line) },
    })
    logger.info('a line', { secret, nested: { secret } })
    const shown = [
      String(secret),
      JSON.stringify({ secret }),
      inspect({ secret }),
      format('%o', secret),
      ...lines,
    ]
    for (const text of shown) {
      expect(text).to.include('[redacted]')
      expect(text).to.not.include('hunter2')
    }
  })
})
