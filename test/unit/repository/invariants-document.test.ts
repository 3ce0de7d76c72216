import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ROOT } from '../../support/runtime/spawned.ts'

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const rows = read('docs/INVARIANTS.md')
  .split('\n')
  .filter(line => /^\| \d+ \|/.test(line))
  .map(line => line.split('|').map(cell => cell.trim()))
const codeIn = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(match => match[1] ?? '')

describe('the invariants document', () => {
  it('has the twenty of them, in order', () => {
    expect(rows.map(([, number]) => Number(number))).to.deep.equal(
      Array.from({ length: 20 }, (_, i) => i + 1),
    )
  })

  it('names files that decide them', () => {
    for (const [, number, , decided] of rows) {
      expect(codeIn(decided), `invariant ${number}`).to.not.be.empty
      expect(codeIn(decided).filter(file => !existsSync(join(ROOT, file)))).to.deep.equal([])
    }
  })

  it('names tests that exist, by file and title', () => {
    for (const [, number, , , tests] of rows) {
      expect(codeIn(tests), `invariant ${number}`).to.not.be.empty
      for (const test of codeIn(tests)) {
        const [file = '', title = ''] = test.split(/: (.*)/)
        expect(existsSync(join(ROOT, file)), file).to.equal(true)
        expect(read(file)).to.include(title)
      }
    }
  })

  it('is what security and the contracts speak of: files that they name exist', () => {
    const named = codeIn(read('docs/SECURITY.md')).filter(code => /^[\w-]+(\/[\w.-]+)+\.\w+$/.test(code))
    expect(named.length).to.be.greaterThan(1)
    expect(named.filter(file => !existsSync(join(ROOT, file)))).to.deep.equal([])
  })
})
