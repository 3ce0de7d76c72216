import type { Command } from 'commander'
import { z } from 'zod'
import { InputError } from '../input-error.ts'
import { print, printJson } from '../output.ts'
import { url } from '../parsers.ts'

interface StatusOptions {
  readonly url: string
  readonly json?: boolean
}

const healthSchema = z.looseObject({ healthy: z.boolean() })
const TIMEOUT_MS = 3_000

/** `ionet status`: whether a running process is well. */
export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .summary('ask a running process whether it is well')
    .description('ask a running process whether it is well; exit code 1 when it is not')
    .option('--url <url>', 'http address of the process', url, 'http://127.0.0.1:4730')
    .option('--json', 'print its answer as one JSON object')
    .action(async (options: StatusOptions) => {
      const health = await readHealth(options.url)
      process.exitCode = health.healthy ? 0 : 1
      if (options.json === true) return printJson(health)
      const { healthy, ...details } = health
      print(healthy ? 'healthy' : 'not healthy')
      for (const [key, value] of Object.entries(details)) {
        print(`  ${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
      }
    })
}

async function readHealth(base: string): Promise<z.infer<typeof healthSchema>> {
  let response: Response
  try {
    response = await fetch(new URL('/health', base), { signal: AbortSignal.timeout(TIMEOUT_MS) })
  } catch {
    throw new InputError(`nothing answers at ${base}: is the process running, and is this its http address?`)
  }
  const parsed = healthSchema.safeParse(await response.json().catch(() => undefined))
  if (!parsed.success) throw new InputError(`what answers at ${base} is not a process of this network`)
  return parsed.data
}
