import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ROOT } from '../../support/runtime/spawned.ts'

interface LockedPackage {
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: boolean
  readonly inBundle?: boolean
}

const read = (name: string) => JSON.parse(readFileSync(join(ROOT, name), 'utf8'))

describe('package.json and its lock', () => {
  it('name no host to fetch from, so that any mirror will do, and the hash of every package', () => {
    const packages = read('package-lock.json').packages as Readonly<Record<string, LockedPackage>>
    const installed = Object.entries(packages).filter(([path]) => path !== '')
    expect(installed.length).to.be.greaterThan(50)
    expect(
      installed.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path),
    ).to.deep.equal([])
    const unhashed = installed.filter(([, { integrity, link, inBundle }]) => !integrity && !link && !inBundle)
    expect(unhashed.map(([path]) => path)).to.deep.equal([])
  })

  it('fix every dependency to one version', () => {
    const { dependencies, devDependencies, optionalDependencies } = read('package.json')
    const loose = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+$/.test(String(version)),
    )
    expect(loose).to.deep.equal([])
  })

  it('have only scripts whose files exist', () => {
    const scripts = read('package.json').scripts as Readonly<Record<string, string>>
    const missing = Object.values(scripts)
      .flatMap(script => [...script.matchAll(/\bnode ([\w./-]+)/g)].map(match => match[1] ?? ''))
      .filter(file => !existsSync(join(ROOT, file)))
    expect(missing).to.deep.equal([])
  })
})
