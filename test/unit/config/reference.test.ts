import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { FILE_KINDS } from '../../../config/kinds.ts'
import { renderEnvironment, renderReference } from '../../../config/reference.ts'

const read = (name: string) => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8')

describe('configuration reference', () => {
  it('is what the entries say', () => {
    expect(read('docs/configuration.md')).to.equal(renderReference(FILE_KINDS))
    expect(read('.env.example')).to.equal(renderEnvironment(FILE_KINDS))
  })

  it('names every variable once in the example environment', () => {
    const variables = renderEnvironment(FILE_KINDS).match(/^# IONET_\w+=/gm) ?? []
    const known = new Set(
      FILE_KINDS.flatMap(kind => Object.values(kind.entries)).flatMap(({ variable }) => variable ?? []),
    )
    expect(variables).to.have.length(known.size)
  })
})
