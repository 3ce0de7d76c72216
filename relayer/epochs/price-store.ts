/** The certificate with the highest price of each epoch, as far as this relayer knows. */
import {
  type CertifiedReport,
  decodeCertifiedReport,
  encodeCertifiedReport,
} from '../../protocol/certificate.ts'
import { unpackReport } from '../../protocol/report.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

/** Epochs are settled within a few; an outage may make it a day of hours, or more of shorter ones. */
const KEPT_PRICES = 4_096

export interface PriceStore {
  highest(epoch: number): CertifiedReport | undefined
  newest(): CertifiedReport | undefined
  /** Keeps a verified report when its price is above what is known of the epoch. */
  offer(epoch: number, report: CertifiedReport): void
}

/** In a database opened with EPOCH_MIGRATIONS. */
export function createPriceStore(database: SqliteDatabase): PriceStore {
  const one = database.prepare<[number], { report: Buffer }>('SELECT report FROM prices WHERE epoch = ?')
  const last = database.prepare<[], { report: Buffer }>(
    'SELECT report FROM prices ORDER BY epoch DESC LIMIT 1',
  )
  const put = database.prepare('INSERT OR REPLACE INTO prices (epoch, report) VALUES (?, ?)')
  const forget = database.prepare('DELETE FROM prices WHERE epoch <= ?')
  const read = (row: { report: Buffer } | undefined) =>
    row === undefined ? undefined : decodeCertifiedReport(new Uint8Array(row.report))
  const highest = (epoch: number) => read(one.get(epoch))

  return {
    highest,
    newest: () => read(last.get()),
    offer: (epoch, report) => {
      const known = highest(epoch)
      if (known !== undefined && priceOf(known) >= priceOf(report)) return
      put.run(epoch, Buffer.from(encodeCertifiedReport(report)))
      if (known === undefined) forget.run(epoch - KEPT_PRICES)
    },
  }
}

export function priceOf(report: CertifiedReport): bigint {
  return unpackReport(report.word).price
}
