import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { BundleCopies } from '../../../../oracle-node/auditing/bundle-copies.ts'
import { hash } from '../../../support/epoch/cast.ts'

const bundleOf = (epoch: number) => hash(`bundle of ${epoch}`)

describe('copies of bundles', () => {
  let directory: string
  let copies: BundleCopies
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ionet-copies-'))
    for (const epoch of [99, 100, 127, 128, 199])
      writeFileSync(join(directory, `epoch-${epoch}-${bundleOf(epoch)}`), 'a bundle')
    const network = { request: async () => Promise.reject(new Error('nobody is asked')) }
    copies = new BundleCopies(directory, { network, isSigned: () => false })
    copies.open()
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const kept = () =>
    [99, 100, 127, 128, 199].filter(epoch => {
      const path = join(directory, `epoch-${epoch}-${bundleOf(epoch)}`)
      expect(copies.has(bundleOf(epoch)), String(epoch)).to.equal(existsSync(path))
      return copies.has(bundleOf(epoch))
    })

  it('are kept for three days of hours', () => {
    copies.forgetBefore(200, 200)
    expect(kept()).to.deep.equal([128, 199])
  })

  it('are kept for longer when the next epoch starts from an older one, as all since were emptied', () => {
    copies.forgetBefore(200, 101)
    expect(kept()).to.deep.equal([100, 127, 128, 199])
  })
})
