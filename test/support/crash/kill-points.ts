/** Ends this very process at a numbered point, as a power switch would: nothing is flushed, closed or said after it. */
import { writeSync } from 'node:fs'

const STANDARD_OUTPUT = 1

/** What a process says to the test goes out before the call returns: it has left, whatever happens next. */
export function say(line: Readonly<Record<string, unknown>>): void {
  writeSync(STANDARD_OUTPUT, `${JSON.stringify(line)}\n`)
}

export class KillPoints {
  #left = Number.POSITIVE_INFINITY

  /** Counts from here, and dies at the `number`-th point, the first being 1. */
  arm(number: number): void {
    this.#left = number
  }

  disarm(): void {
    this.#left = Number.POSITIVE_INFINITY
  }

  pass(name: string): void {
    this.#left -= 1
    if (this.#left > 0) return
    say({ killed: name })
    process.kill(process.pid, 'SIGKILL')
    // The signal may take a moment; not one more instruction may run meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  }
}
