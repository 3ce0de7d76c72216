/**
 * What a process that runs for months is started with. The defaults are those of a program that has a machine to itself:
 * of a node with 19 venues they hold a third in pages that are empty or full of garbage.
 */
import { accessSync, constants } from 'node:fs'

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
  /** Whether it has a channel to its parent, as `fork` makes it. The environment does not tell: Node.js takes it out. */
  readonly isConnected: boolean
}

/** How this process should have been started; undefined when it may go on as it is. Pure. */
export function leanStart({
  argv,
  execArgv,
  execPath,
  env,
  isConnected,
}: Started):
  | { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> }
  | undefined {
  const [, file = '', command = '', ...rest] = argv
  // Whoever says how large what is young may be has said so, and it is also how the second start is known. V8 takes
  // underscores for hyphens.
  const isTold = [...execArgv, env['NODE_OPTIONS'] ?? ''].some(flags =>
    flags.replaceAll('_', '-').includes('max-semi-space-size'),
  )
  // A channel to the parent would not live through it.
  if (!LASTING.has(command) || isTold || isConnected) return undefined
  const kept = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
  return {
    args: [execPath, ...execArgv, ...LEAN_FLAGS, file, command, ...rest],
    env: { ...LEAN_ENVIRONMENT, ...Object.fromEntries(kept) },
  }
}

/**
 * Puts a process with {@link leanStart} in the place of this one, under the same id. To be called before anything is
 * opened. Where Node.js cannot (Windows, below 22.15) or may not (`--permission`), or its file is gone, this one goes on.
 * Where the kernel refuses (seccomp, AppArmor), Node.js ends this one, and nothing here can keep it from that: who runs it
 * there gives the flag in NODE_OPTIONS.
 */
export function startLean(): void {
  const { argv, execArgv, execPath, env, execve } = process
  const lean = leanStart({ argv, execArgv, execPath, env, isConnected: process.connected === true })
  if (lean === undefined || execve === undefined || process.platform === 'win32') return
  // Undefined without the flag, whatever its type says.
  const permission: NodeJS.ProcessPermission | undefined = process.permission
  if (permission !== undefined && !permission.has('child')) return
  try {
    accessSync(execPath, constants.X_OK)
    execve(execPath, lean.args, lean.env)
  } catch {
    // It is a matter of memory, never of whether a node runs.
  }
}
