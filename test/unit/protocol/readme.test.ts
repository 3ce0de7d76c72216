import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { AGGREGATOR_FAULTS, MEMBER_FAULTS } from '../../../protocol/round/faults.ts'
import { REFUSALS } from '../../../protocol/round/messages.ts'

function read(path: string): string {
  return readFileSync(new URL(`../../../protocol/round/${path}`, import.meta.url), 'utf8')
}

const readme = read('README.md')

/** What stands between two marks of a file, both of which must be there. */
function between(text: string, from: string, to: string): string {
  const start = text.indexOf(from)
  const end = text.indexOf(to, start)
  if (start < 0 || end < 0) throw new Error(`"${from}" … "${to}" is not in the file`)
  return text.slice(start, end)
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, name = '']) => name)
}

/** The names in one column of a table's rows, each once, in order. */
function column(table: string, index: number): string[] {
  const cells = table
    .split('\n')
    .filter(line => line.startsWith('| '))
    .flatMap(line => matches(line.split('|')[index] ?? '', /`([^`]+)`/g))
  return [...new Set(cells)]
}

describe('the table of the aggregator', () => {
  const source = read('aggregator.ts')
  const table = between(readme, '| From', '**Propose**')

  it('has every event, in the order of the switch', () => {
    const events = matches(
      between(source, 'export type RoundEvent', 'export type RoundEffect'),
      /readonly type: '([^']+)'/g,
    )
    const cases = matches(between(source, 'switch (event.type)', 'default:'), /case '([^']+)'/g)
    expect(events).to.have.length(10)
    expect(column(table, 2)).to.deep.equal(cases)
    expect(cases).to.deep.equal(events)
  })

  it('has every effect and every reason to give up, and no other', () => {
    const effects = matches(
      between(source, 'export type RoundEffect', 'export type AbandonReason'),
      /readonly type: '([^']+)'/g,
    )
    const reasons = matches(
      between(source, 'export type AbandonReason', 'export interface RoundContext'),
      /'([^']+)'/g,
    )
    const propose = between(readme, '**Propose**', 'What holds')
    const named = [...column(table, 5), ...column(propose, 3)]
    expect(effects).to.have.length(4)
    expect([...new Set(named)].sort()).to.deep.equal([...effects, ...reasons].sort())
  })

  it('has every phase', () => {
    const phases = matches(between(source, 'readonly phase:', '\n'), /'([^']+)'/g)
    const propose = between(readme, '**Propose**', 'What holds')
    const named = [...column(table, 1), ...column(table, 4), ...column(propose, 2)]
    expect(phases).to.have.length(5)
    for (const phase of phases) expect(named).to.include(phase)
  })
})

describe('the list of the signer’s checks', () => {
  const list = between(readme, '## The signer', 'After *sign*')

  it('has every refusal, and no other', () => {
    expect(column(list, 3).sort()).to.deep.equal([...REFUSALS].sort())
  })

  it('names the codes in the order in which the decision asks for them', () => {
    const source = read('signer.ts')
    const listed = column(list, 3).filter(code => source.includes(`'${code}'`))
    const functions = ['checkTurn', 'checkRound', 'checkSigners', 'checkQuotes']
    const asked = functions.flatMap(name =>
      matches(between(source, `function ${name}(`, '\n}\n'), /'([A-Z_]{4,})'/g),
    )
    expect(listed).to.deep.equal([...new Set([...asked, 'WRONG_WORD'])])
  })
})

describe('the list of the quote book’s checks', () => {
  it('has every code that ignores or rejects, and no other', () => {
    const source = read('quote-book.ts')
    const list = readme.slice(readme.indexOf('## The quote book'))
    const codes = (verdict: string, from: string, to: string) =>
      matches(between(source, from, to), /'([^']+)'/g).map(code => `${verdict} ${code}`)
    const named = [...list.matchAll(/(ignore|reject) `([A-Z_]+)`/g)].map(
      ([, verdict, code]) => `${verdict} ${code}`,
    )
    expect(named.sort()).to.deep.equal(
      [
        ...codes('ignore', 'export type IgnoreCode', '/** No honest node'),
        ...codes('reject', 'export type RejectCode', '/** Two quotes'),
      ].sort(),
    )
  })
})

describe('the tables of faults', () => {
  it('have every fault of members and of aggregators, and no other', () => {
    const members = between(readme, '| member, seen by', '| aggregator, seen by')
    const aggregators = between(readme, '| aggregator, seen by', 'Two words of one aggregator')
    expect(column(members, 1)).to.deep.equal([...MEMBER_FAULTS])
    expect(column(aggregators, 1)).to.deep.equal([...AGGREGATOR_FAULTS])
  })
})
