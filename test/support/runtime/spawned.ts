import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** A process under test; everything that it printed so far can be waited for. */
export interface Spawned {
  readonly process: ChildProcessWithoutNullStreams
  readonly pid: number
  stdout(): string
  stderr(): string
  /** Resolves when standard output holds `text`; rejects when the process ends without it. */
  printed(text: string): Promise<void>
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>
}

/** Runs a file of the repository under this Node.js. */
export function spawnNode(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Spawned {
  return spawnProgram(
    process.execPath,
    [fileURLToPath(new URL(`../../../${file}`, import.meta.url)), ...args],
    env,
  )
}

export function spawnProgram(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Spawned {
  const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env } })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // A process that is gone does not read what is still written to it.
  child.stdin.on('error', () => {})
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string)
  const printed = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (stdout.includes(text)) resolve()
      }
      child.stdout.on('data', look)
      void ended.then(code =>
        reject(new Error(`ended with ${code} before it printed "${text}":\n${stdout}\n${stderr}`)),
      )
      look()
    })
  if (child.pid === undefined) throw new Error(`${command} cannot be started`)
  return { process: child, pid: child.pid, stdout: () => stdout, stderr: () => stderr, printed, ended }
}

/** Whether a process exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
