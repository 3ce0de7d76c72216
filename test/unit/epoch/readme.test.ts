import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { AUDIT_REFUSALS } from '../../../protocol/epoch/audit-types.ts'
import { EPOCH_PHASES } from '../../../protocol/epoch/machine.ts'
import { BATCH_REFUSALS } from '../../../protocol/usage/admit.ts'

const read = (path: string) => readFileSync(new URL(`../../../protocol/${path}`, import.meta.url), 'utf8')
const readme = read('epoch/README.md')
const source = read('epoch/machine.ts')

function section(title: string): string {
  return readme.split(/^## /m).find(part => part.startsWith(title)) ?? ''
}

/** The names in one column of all tables of a text, each once, in order. */
function column(text: string, index: number): string[] {
  const rows = text.split('\n').filter(line => line.startsWith('| '))
  const cells = rows.flatMap(row => [...(row.split('|')[index] ?? '').matchAll(/`([^`]+)`/g)])
  return [...new Set(cells.map(match => match[1] ?? ''))]
}

describe('the tables of an epoch', () => {
  const [transitions = '', effects = ''] = section('The machine').split('\n\n| In')

  it('have every event, in the order of the switch', () => {
    const cases = [
      ...(source.match(/switch \(event\.type\)[\s\S]*?default:/)?.[0] ?? '').matchAll(/case '(\S+)'/g),
    ]
    expect(column(transitions, 2)).to.deep.equal(cases.map(match => match[1]))
  })

  it('have every phase, and the effect of each', () => {
    const entered = column(transitions, 4)
    expect(EPOCH_PHASES.filter(phase => phase !== 'open' && !entered.includes(phase))).to.deep.equal([])
    expect(column(effects, 1)).to.deep.equal(EPOCH_PHASES.slice(1))
    const types = source.match(/export type EpochEffect[\s\S]*?export interface/)?.[0] ?? ''
    expect(column(effects, 2)).to.deep.equal([...types.matchAll(/type: '([^']+)'/g)].map(match => match[1]))
  })

  it('have every refusal of an auditor, in the order of its checks, and no other', () => {
    expect(column(section('The auditor'), 3)).to.deep.equal([...AUDIT_REFUSALS])
  })

  it('name every refusal of a batch', () => {
    const usage = read('usage/README.md')
    expect(BATCH_REFUSALS.filter(code => !usage.includes(`\`${code}\``))).to.deep.equal([])
  })
})
