/** `npm run bench -- NAME [--json]`: runs one benchmark and prints its figures. */
import { parseArgs } from 'node:util'
import { type Bench, type BenchOptions, jsonLine, table } from './result.ts'

/** Loaded only when they run: some need a chain, others start dozens of processes. */
const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  consensus: () => import('./consensus/consensus.ts'),
  gas: () => import('./gas/gas.ts'),
  settle: () => import('./settle/settle.ts'),
  sources: () => import('./sources/sources.ts'),
}

const USAGE = `usage: npm run bench -- NAME [--json] [--n 4,21] [--rounds N] [--profile DIR]
NAME is one of: ${Object.keys(BENCHES).join(', ')}`

const WRONG_USAGE = 2

class UsageError extends Error {}

interface Call {
  readonly name: string
  readonly json: boolean
  readonly options: BenchOptions
}

function parse(args: readonly string[]): Call {
  const { values, positionals } = read(args)
  const [name, ...more] = positionals
  if (name === undefined) throw new UsageError('which benchmark?')
  if (more.length > 0 || !Object.hasOwn(BENCHES, name)) {
    throw new UsageError(`there is no benchmark named ${positionals.join(' ')}`)
  }
  const json = values.json === true
  return {
    name,
    json,
    options: {
      sizes: values.n?.split(',').map(text => wholeNumber('n', text)),
      rounds: values.rounds === undefined ? undefined : wholeNumber('rounds', values.rounds),
      profileDirectory: values.profile,
      // What people read goes to the other stream when a program reads this one.
      say: line => (json ? console.error(line) : console.log(line)),
    },
  }
}

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        n: { type: 'string' },
        rounds: { type: 'string' },
        profile: { type: 'string' },
      },
    })
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

function wholeNumber(option: string, text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UsageError(`--${option} takes whole numbers, not ${text}`)
  return Number(text)
}

async function main(args: readonly string[]): Promise<number> {
  let call: Call
  try {
    call = parse(args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`${error.message}\n${USAGE}`)
    return WRONG_USAGE
  }
  const bench = await BENCHES[call.name]?.()
  const results = (await bench?.run(call.options)) ?? []
  call.options.say(`\n${table(results)}`)
  if (call.json) console.log(jsonLine(call.name, results))
  return 0
}

process.exitCode = await main(process.argv.slice(2))
