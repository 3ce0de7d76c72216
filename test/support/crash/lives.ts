/** Processes that live one after the other on the same disk, spoken to in lines of JSON. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ROOT } from '../runtime/spawned.ts'

export type Line = Readonly<Record<string, unknown>>

/** Half of a short life goes into reading the same modules. */
export const COMPILE_CACHE = { NODE_COMPILE_CACHE: join(tmpdir(), 'ionet-test-modules') }

export class Life {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #ended: Promise<unknown>
  readonly #heard: (line: Line) => void
  #waiting: ((line: Line | undefined) => void) | undefined
  #stderr = ''
  /** Name of the point at which it was killed. */
  killedAt: string | undefined

  /** @param heard gets every line that leaves the process, in order */
  constructor(file: string, args: readonly string[], heard: (line: Line) => void) {
    this.#heard = heard
    this.#child = spawn(process.execPath, [join(ROOT, file), ...args], {
      cwd: ROOT,
      env: { ...process.env, ...COMPILE_CACHE },
    })
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    this.#child.stdin.on('error', () => {})
    createInterface({ input: this.#child.stdout }).on('line', line => this.#onLine(JSON.parse(line)))
    this.#ended = once(this.#child, 'close').then(([code, signal]) => {
      this.#waiting?.(undefined)
      this.#waiting = undefined
      return code ?? signal
    })
  }

  /**
   * Asks one thing, and waits for its answer; undefined when the process was killed over it.
   *
   * @throws {Error} when it ended otherwise
   */
  async ask(line: Line): Promise<Line | undefined> {
    const answer = await new Promise<Line | undefined>(resolve => {
      this.#waiting = resolve
      this.#child.stdin.write(`${JSON.stringify(line)}\n`)
    })
    if (answer === undefined && this.killedAt === undefined)
      throw new Error(`the process ended by itself:\n${this.#stderr}`)
    return answer
  }

  /** Takes the power away, if it still has some, and waits until it is gone. */
  async end(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  #onLine(line: Line): void {
    if (typeof line['killed'] === 'string') this.killedAt = line['killed']
    else this.#heard(line)
    if ('done' in line) {
      const waiting = this.#waiting
      this.#waiting = undefined
      waiting?.(line)
    }
  }
}
