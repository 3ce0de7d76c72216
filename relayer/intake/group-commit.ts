/**
 * Many requests, one commit. A commit waits for the disk; requests that arrive meanwhile share the next one, so the rate
 * does not depend on how long the disk takes. Nobody is answered before the commit.
 */
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

/** Work of one commit goes on for so long, then it is written: the event loop is others' too. */
const COMMIT_WORK_MS = 5
/** Waiting requests hold their bodies in memory. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024
const MAX_WAITING = 4_096

/** More work is waiting than is kept. A retry helps soon. */
export class IntakeBusyError extends Error {
  readonly code = 'BUSY'
  constructor() {
    super('more requests wait than are kept in memory: try again in a second')
    this.name = 'IntakeBusyError'
  }
}

/** The relayer is stopping; nothing more is taken in. A retry helps once it runs again. */
export class IntakeStoppedError extends Error {
  readonly code = 'STOPPED'
  constructor() {
    super('the relayer is stopping: try again when it is back')
    this.name = 'IntakeStoppedError'
  }
}

interface Job {
  readonly bytes: number
  run(): void
  settle(failure?: unknown): void
}

export class GroupCommit {
  readonly #database: SqliteDatabase
  readonly #now: () => number
  #waiting: Job[] = []
  #waitingBytes = 0
  #scheduled = false
  #stopped = false
  #idle: (() => void)[] = []

  /** @param now monotonic milliseconds */
  constructor(database: SqliteDatabase, now: () => number) {
    this.#database = database
    this.#now = now
  }

  /**
   * Runs `work` inside a transaction with others', in the order of calls; resolves with its result when that has been
   * committed. What one work throws undoes its own writes alone.
   *
   * @param bytes that stay in memory until then
   * @throws {IntakeBusyError} @throws {IntakeStoppedError}
   */
  async submit<T>(work: () => T, bytes: number): Promise<T> {
    if (this.#stopped) throw new IntakeStoppedError()
    const full = this.#waiting.length >= MAX_WAITING || this.#waitingBytes + bytes > MAX_WAITING_BYTES
    if (full) throw new IntakeBusyError()
    return await new Promise<T>((resolve, reject) => {
      let end: () => void = () => reject(new IntakeStoppedError())
      this.#waiting.push({
        bytes,
        run: () => {
          try {
            const value = this.#database.transaction(work)()
            end = () => resolve(value)
          } catch (error) {
            end = () => reject(error)
          }
        },
        settle: failure => (failure === undefined ? end() : reject(failure)),
      })
      this.#waitingBytes += bytes
      this.#schedule()
    })
  }

  /** Refuses what comes from now on; resolves when everything that was waiting has been committed. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#waiting.length > 0) await new Promise<void>(resolve => this.#idle.push(resolve))
  }

  /** A turn of the event loop later, so that everything that has arrived is in. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#commit()
      if (this.#waiting.length > 0) this.#schedule()
      else for (const resolve of this.#idle.splice(0)) resolve()
    })
  }

  #commit(): void {
    const until = this.#now() + COMMIT_WORK_MS
    let done = 0
    let failure: unknown
    try {
      this.#database
        .transaction(() => {
          do {
            this.#waiting[done]?.run()
            done += 1
          } while (done < this.#waiting.length && this.#now() < until)
        })
        .immediate()
    } catch (error) {
      failure = error
      done = Math.max(done, 1)
    }
    const jobs = this.#waiting.splice(0, done)
    for (const job of jobs) {
      this.#waitingBytes -= job.bytes
      job.settle(failure)
    }
  }
}
