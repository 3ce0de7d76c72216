import type { Hex } from '../../protocol/bytes.ts'
import type { Receipt } from '../../protocol/usage/receipt.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

/** The most that receipts of a lease have said. */
export interface LeaseMark {
  readonly units: bigint
  /** Wei. */
  readonly ceiling: bigint
}

/** What leases were begun and gone on with: it begins none again. */
export interface LeaseStore {
  /** Of receipts that may still be valid; undefined for a lease that never was. */
  mark(key: Hex): LeaseMark | undefined
  shown(key: Hex, receipt: Receipt): void
  /** Receipts that count no longer begin nothing. */
  forgetLeasesBefore(epoch: number): void
}

/** Receipts may be valid for ever. This many leases take days of beginning one a second under accepted holds. */
const MAX_LEASES = 262_144

export function createLeaseStore(database: SqliteDatabase): LeaseStore {
  const read = database.prepare('SELECT units, ceiling, until FROM leases WHERE key = ?')
  const write = database.prepare(
    `INSERT INTO leases (key, units, ceiling, until) VALUES (@key, @units, @ceiling, @until)
       ON CONFLICT (key) DO UPDATE SET units = @units, ceiling = @ceiling, until = @until`,
  )
  const forget = database.prepare('DELETE FROM leases WHERE until < ?')
  const prune = database.prepare(
    `DELETE FROM leases WHERE rowid IN (SELECT rowid FROM leases ORDER BY rowid DESC LIMIT 10 OFFSET ${MAX_LEASES})`,
  )
  const find = (key: Hex): (LeaseMark & { readonly until: number }) | undefined => {
    const row = read.get(key) as { units: string; ceiling: string; until: number } | undefined
    if (row === undefined) return undefined
    return { units: BigInt(row.units), ceiling: BigInt(row.ceiling), until: row.until }
  }
  return {
    mark: key => {
      const found = find(key)
      return found === undefined ? undefined : { units: found.units, ceiling: found.ceiling }
    },
    shown: (key, { cumulativeUnits, cumulativeCeiling, validUntilEpoch }) => {
      const before = find(key) ?? { units: 0n, ceiling: 0n, until: 0 }
      write.run({
        key,
        units: largest(before.units, cumulativeUnits).toString(),
        ceiling: largest(before.ceiling, cumulativeCeiling).toString(),
        until: Math.max(before.until, validUntilEpoch),
      })
      prune.run()
    },
    forgetLeasesBefore: epoch => {
      forget.run(epoch)
    },
  }
}

function largest(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
