import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ROOT } from '../../support/runtime/spawned.ts'

const CONTRACTS = join(ROOT, 'contracts')

const read = (file: string) => readFileSync(join(CONTRACTS, file), 'utf8')
const tests = globSync('test/**/*.sol', { cwd: CONTRACTS })

/** Every error of ours as a test names it: `IEscrow.NothingToWithdraw`. */
const errors = globSync('src/**/*.sol', { cwd: CONTRACTS }).flatMap(file => {
  const source = read(file)
  const [, owner] = source.match(/^(?:abstract contract|contract|interface|library) (\w+)/m) ?? []
  return [...source.matchAll(/^ *error (\w+)\(/gm)].map(([, name]) => `${owner}.${name}`)
})

describe('contract tests', () => {
  it('expect every custom error of the contracts by its full name', () => {
    const named = new Set(tests.flatMap(file => read(file).match(/\w+\.\w+(?=\.selector)/g) ?? []))
    expect(errors.length).to.be.greaterThan(80)
    expect(errors.filter(error => !named.has(error))).to.deep.equal([])
  })

  it('import interfaces and libraries, and no contract: it would be compiled twice', () => {
    const imports = tests.flatMap(file => [...read(file).matchAll(/from "((?:\.\.\/)+src\/[^"]+)"/g)])
    expect(imports.length).to.be.greaterThan(80)
    expect(
      imports.map(([, path]) => path).filter(path => !/src\/(interfaces|libraries)\//.test(path ?? '')),
    ).to.deep.equal([])
  })
})
