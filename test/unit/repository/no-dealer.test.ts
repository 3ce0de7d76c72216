import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ROOT } from '../../support/runtime/spawned.ts'

/** What one process calls to make everybody's shares: in the FROST library, and whatever we might name it. */
const TRUSTED_DEALER = /trusted_?dealer/i
const LIBRARY = 'node_modules/@noble/curves/abstract/frost.js'

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')
/** All that can run outside tests and benchmarks. */
const sources = globSync('**/*.{ts,tsx,js,mjs,sol,sh}', {
  cwd: ROOT,
  exclude: path => /(^|\/)(node_modules|dist|out|cache|\..*)$/.test(path) || /^(test|bench)$/.test(path),
})

describe('key shares', () => {
  it('come from no trusted dealer outside tests', () => {
    expect(read(LIBRARY)).to.match(TRUSTED_DEALER)
    expect(sources.length).to.be.greaterThan(150)
    expect(sources.filter(file => TRUSTED_DEALER.test(read(file)))).to.deep.equal([])
  })

  it('are made by a dealer that only an oracle node has, one for each attempt and its own slot', () => {
    const makers = sources.filter(file => /\bnew Dealer\(/.test(read(file)))
    expect(makers).to.have.length(1)
    expect(makers[0]).to.match(/^oracle-node\/keygen\//)
    expect(read(makers[0] ?? '').match(/\bnew Dealer\([^)]*\)/g)).to.have.length(1)
    expect(read(makers[0] ?? '')).to.match(/\bnew Dealer\([^)]*\bslot\)/)
  })
})
