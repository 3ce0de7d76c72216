import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import type { Command } from 'commander'
import { createProgram } from '../../../cli/program.ts'
import { ROOT } from '../../support/runtime/spawned.ts'

const DOCUMENTS = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  ...globSync('{docs,protocol,contracts,dashboard,devnet}/**/*.md', {
    cwd: ROOT,
    exclude: path => path.includes('node_modules') || path.startsWith('contracts/lib'),
  }),
]
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')
/** What `pattern`'s first group matches in a document, with the document's name for the message. */
const allOf = (pattern: RegExp): [document: string, found: string][] =>
  DOCUMENTS.flatMap(file =>
    [...read(file).matchAll(pattern)].map(match => [file, match[1] ?? ''] as [string, string]),
  )

describe('what the documents say', () => {
  it('names only npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json'))
    const named = allOf(/\bnpm run ([\w:-]+)/g)
    expect(named.length).to.be.greaterThan(5)
    expect(named.filter(([, script]) => !(script in scripts))).to.deep.equal([])
    expect(scripts).to.include.all.keys('start', 'test')
  })

  it('shows only commands and options that the program has', () => {
    const shown = [
      ...allOf(/\bnpm start -- ([^`#\n]+)/g).map(([file, words]) => [file, `devnet ${words}`] as const),
      ...allOf(/\bnpm run ionet -- ([^`#\n]+)/g),
    ]
    expect(shown.length).to.be.greaterThan(4)
    expect(shown.flatMap(([file, words]) => unknownIn(words).map(word => `${file}: ${word}`))).to.deep.equal(
      [],
    )
  })

  it('links to files that exist', () => {
    const links = allOf(/\]\(((?!\w+:)[^)#\s]+)[^)]*\)/g)
    expect(links.length).to.be.greaterThan(3)
    expect(links.filter(([file, path]) => !existsSync(join(ROOT, dirname(file), path)))).to.deep.equal([])
  })

  it('has a table of folders with every folder that holds something, and no other', () => {
    const rows = read('README.md').matchAll(/^\| ((?:`[\w-]+\/`(?:, )?)+) \|/gm)
    const listed = [...rows].flatMap(row =>
      [...(row[1] ?? '').matchAll(/`([\w-]+)\/`/g)].map(match => match[1]),
    )
    const folders = readdirSync(ROOT, { withFileTypes: true })
      .filter(entry => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
      // What is generated or empty is nobody's room.
      .filter(({ name }) => name !== 'dist' && globSync(`${name}/**/*.*`, { cwd: ROOT }).length > 0)
      .map(({ name }) => name)
    expect(listed.sort()).to.deep.equal(folders.sort())
  })

  it('orders folders so that none may import from one to its right', () => {
    const [, chain = ''] = /`(protocol, compute ←[^`]+)`/.exec(read('ARCHITECTURE.md')) ?? []
    const groups = chain.split('←').map(group => group.split(',').map(name => name.trim()))
    expect(groups.length).to.be.greaterThan(5)
    const allowed = importTable()
    const wrong = groups.flatMap((group, index) =>
      group.flatMap(from => {
        const may = allowed.get(from)
        if (may === undefined) return [`${from} is not in scripts/check-imports.ts`]
        return groups
          .slice(index + 1)
          .flat()
          .filter(to => may.includes(to))
          .map(to => `${from} may import from ${to}`)
      }),
    )
    expect(wrong).to.deep.equal([])
  })
})

/** Options, and a command, that do not exist in the words of a command line. */
function unknownIn(line: string): string[] {
  const words = line.trim().split(/\s+/)
  let command: Command = createProgram()
  // A command takes the options of the one it belongs to.
  const options = new Set(['--help'])
  while (words[0] !== undefined) {
    const next = command.commands.find(each => each.name() === words[0])
    if (next === undefined) break
    command = next
    words.shift()
    for (const { long } of command.options) options.add(long ?? '')
  }
  const unknown = words.filter(word => word.startsWith('--') && !options.has(word))
  const isCommand = command.commands.length === 0 || words[0]?.startsWith('-') !== false
  return isCommand ? unknown : [words[0] ?? '', ...unknown]
}

/** The table of the script that checks imports: folder → folders it may import from. */
function importTable(): Map<string, string[]> {
  const source = read('scripts/check-imports.ts')
  const lists = new Map<string, string[]>()
  const namesIn = (list: string): string[] =>
    list.split(',').flatMap(item => {
      const name = item.trim().replaceAll("'", '')
      return name.startsWith('...') ? (lists.get(name.slice(3)) ?? []) : name === '' ? [] : [name]
    })
  for (const [, name, list] of source.matchAll(/const (\w+) = \[([^\]]*)\]/g)) {
    lists.set(name ?? '', namesIn(list ?? ''))
  }
  const [, table = ''] = /const MAY_IMPORT[^=]*= \{([\s\S]*?)\n\}/.exec(source) ?? []
  return new Map(
    [...table.matchAll(/^ {2}'?([\w-]+)'?: (\w+|\[[^\]]*\]),/gm)].map(([, folder = '', list = '']) => [
      folder,
      list.startsWith('[') ? namesIn(list.slice(1, -1)) : (lists.get(list) ?? []),
    ]),
  )
}
