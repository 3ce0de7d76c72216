import type { Address } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { decodeSignedQuote } from '../../protocol/quote.ts'
import type { Equivocation } from '../../protocol/round/quote-book.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

/**
 * How evidence ended:
 *
 * - `SUSPENDED`, `RECORDED`: the registry's answer to our transaction
 * - `ALREADY_SUSPENDED`: another's transaction was first
 */
export type EvidenceEnd = 'SUSPENDED' | 'RECORDED' | 'ALREADY_SUSPENDED'

/** Proofs of equivocation: one a member and key epoch is as good as many. */
export interface EvidenceStore {
  /** Keeps evidence; the first of a slot and key epoch stays. Whether this was it. */
  add(evidence: Equivocation): boolean
  /** What has not ended yet, oldest key epoch first. */
  pending(): Equivocation[]
  end(evidence: Equivocation, how: EvidenceEnd): void
  /** Deletes what ended in earlier key epochs, which keeps the table below the number of members. */
  forgetBefore(keyEpoch: number): void
}

interface Row {
  readonly slot: number
  readonly signer: string
  readonly first: Buffer
  readonly second: Buffer
}

/** The table is of `FEED_MIGRATIONS`. Evidence of another network, left in the same directory, is not seen. */
export function createEvidenceStore(database: SqliteDatabase, domain: Domain): EvidenceStore {
  const network = `${domain.chainId}:${domain.registry}`
  const insert = database.prepare(
    `INSERT INTO evidence (network, key_epoch, slot, signer, first, second) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  )
  const open = database.prepare<[string], Row>(
    `SELECT slot, signer, first, second FROM evidence WHERE network = ? AND ended IS NULL
     ORDER BY key_epoch, slot`,
  )
  const close = database.prepare(
    'UPDATE evidence SET ended = ? WHERE network = ? AND key_epoch = ? AND slot = ?',
  )
  const forget = database.prepare(
    'DELETE FROM evidence WHERE network = ? AND key_epoch < ? AND ended IS NOT NULL',
  )

  /** The row was written by `add`, in a database that only this process writes. */
  const parse = ({ slot, signer, first, second }: Row): Equivocation => ({
    slot,
    signer: signer as Address,
    first: decodeSignedQuote(domain, Uint8Array.from(first)),
    second: decodeSignedQuote(domain, Uint8Array.from(second)),
  })

  return {
    add: ({ slot, signer, first, second }) => {
      const { keyEpoch } = first.quote
      return insert.run(network, keyEpoch, slot, signer, first.bytes, second.bytes).changes > 0
    },
    pending: () => open.all(network).map(parse),
    end: ({ slot, first }, how) => {
      close.run(how, network, first.quote.keyEpoch, slot)
    },
    forgetBefore: keyEpoch => {
      forget.run(network, keyEpoch)
    },
  }
}
