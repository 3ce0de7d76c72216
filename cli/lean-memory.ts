/**
 * What a process that runs for months is started with. The defaults are those of a program that has a machine to itself:
 * of a node with 19 venues they hold a third in pages that are empty or full of garbage.
 */

/** Two halves of 4 MB for what is young. By default they grow to 64 MB each and stay so, whatever lives in them. */
export const LEAN_FLAGS: readonly string[] = ['--max-semi-space-size=4']
/** Of glibc's allocator: else each thread of V8 and libuv fills a pool of its own, and gives nothing back. */
export const LEAN_ENVIRONMENT: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '2' }

const LASTING: ReadonlySet<string> = new Set([
  'oracle',
  'aggregator',
  'relayer',
  'worker',
  'gateway',
  'record',
])

/** What is looked at of the running process. */
export interface Started {
  readonly argv: readonly string[]
  readonly execArgv: readonly string[]
  readonly execPath: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** How this process should have been started; undefined when it may go on as it is. Pure. */
export function leanStart({
  argv,
  execArgv,
  execPath,
  env,
}: Started):
  | { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> }
  | undefined {
  const [, file = '', command = '', ...rest] = argv
  // Whoever says how large what is young may be has said so, and it is also how the second start is known.
  const isTold = [...execArgv, env['NODE_OPTIONS'] ?? ''].some(flags => flags.includes('max-semi-space-size'))
  // A channel to the parent would not live through it.
  if (!LASTING.has(command) || isTold || env['NODE_CHANNEL_FD'] !== undefined) return undefined
  const kept = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
  return {
    args: [execPath, ...execArgv, ...LEAN_FLAGS, file, command, ...rest],
    env: { ...LEAN_ENVIRONMENT, ...Object.fromEntries(kept) },
  }
}

/**
 * Puts a process with {@link leanStart} in the place of this one, under the same id; where the system or Node.js cannot
 * (Windows, Node.js below 22.15) this one goes on. To be called before anything is opened.
 */
export function startLean(): void {
  const lean = leanStart(process)
  if (lean === undefined || process.platform === 'win32') return
  process.execve?.(process.execPath, lean.args, lean.env)
}
