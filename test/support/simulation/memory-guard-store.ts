/** A guard's tables in memory, with a disk that is explicit: what was committed survives a crash, nothing else does. */
import type { GuardClosure, GuardStore } from '../../../oracle-node/guard/guard-store.ts'
import type { ReportLock } from '../../../protocol/round/signer.ts'
import { asRound, type Round } from '../../../protocol/rounds.ts'

/** What is left after the power has gone. */
export interface Disk {
  readonly quotes: Map<Round, Uint8Array>
  readonly locks: Map<Round, ReportLock>
  closure: GuardClosure | undefined
}

export type CrashPoint = 'before commit' | 'after commit'

export function emptyDisk(): Disk {
  return { quotes: new Map(), locks: new Map(), closure: undefined }
}

/** @param at called at each point where a process may die; it dies by throwing */
export function memoryGuardStore(disk: Disk, at: (point: CrashPoint) => void): GuardStore {
  let staged: Disk | undefined
  const writable = (): Disk => {
    if (staged === undefined) throw new Error('a write outside a transaction')
    return staged
  }
  return {
    transaction: work => {
      const written = emptyDisk()
      staged = written
      try {
        const result = work()
        if (written.quotes.size + written.locks.size === 0 && written.closure === undefined) return result
        at('before commit')
        for (const [round, bytes] of written.quotes) disk.quotes.set(round, bytes)
        for (const [round, lock] of written.locks) disk.locks.set(round, lock)
        disk.closure ??= written.closure
        at('after commit')
        return result
      } finally {
        staged = undefined
      }
    },
    highestQuoteRound: () => asRound(Math.max(0, ...disk.quotes.keys(), ...(staged?.quotes.keys() ?? []))),
    quoteBytes: round => staged?.quotes.get(round) ?? disk.quotes.get(round),
    addQuote: (round, bytes) => {
      if (disk.quotes.has(round)) throw new Error('a quote of this round is stored')
      writable().quotes.set(round, Uint8Array.from(bytes))
    },
    closure: () => disk.closure ?? staged?.closure,
    addClosure: closure => {
      writable().closure ??= closure
    },
    acknowledge: () => {
      disk.closure = undefined
    },
    acknowledgedAtMs: () => 0,
    lockOf: round => staged?.locks.get(round) ?? disk.locks.get(round),
    addLock: (round, lock) => {
      if (disk.locks.has(round)) throw new Error('a lock of this round is stored')
      writable().locks.set(round, { word: lock.word, proposal: Uint8Array.from(lock.proposal) })
    },
  }
}
