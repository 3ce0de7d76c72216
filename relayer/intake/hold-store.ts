/** Open holds, and what else of each payer's deposit is spoken for, as the last computed epoch left it. */
import type { Address, Hash } from '../../protocol/bytes.ts'
import {
  type AcceptedHold,
  decodeAcceptedHold,
  encodeAcceptedHold,
  type Hold,
} from '../../protocol/usage/hold.ts'
import { ASSET, type Asset } from '../../protocol/usage/wire.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'

/** Wei of one payer at the end of an epoch. */
export interface PayerBase {
  readonly debitedIo: bigint
  readonly debitedIosd: bigint
  readonly unsettledIo: bigint
  readonly unsettledIosd: bigint
  /** Wei of IO charged of which no fee has been taken. */
  readonly feeBase: bigint
}

export const NOTHING_TAKEN: PayerBase = {
  debitedIo: 0n,
  debitedIosd: 0n,
  unsettledIo: 0n,
  unsettledIosd: 0n,
  feeBase: 0n,
}

/** What open holds of one payer may still take, wei, and how many they are. */
export interface OpenHolds {
  readonly io: bigint
  readonly iosd: bigint
  readonly count: number
}

export interface HoldStore {
  /** Undefined when there is none; `acceptance` is undefined when another relayer accepted it. */
  find(id: Hash): { readonly acceptance: AcceptedHold | undefined } | undefined
  add(id: Hash, accepted: AcceptedHold): void
  openOf(payer: Address): OpenHolds
  baseOf(payer: Address): PayerBase
  /** Whether any hold, open or expired but not yet forgotten, could be charged through a channel of these parties. */
  covers(payer: Address, payee: Address, kind: number): boolean
  /** Sorted by encoded bytes. */
  acceptedIn(epoch: number): AcceptedHold[]
  /**
   * What an epoch left: holds accepted up to it and not among these are over; those accepted after it are open, whole.
   */
  replace(
    epoch: number,
    holds: Iterable<{ readonly id: Hash; readonly hold: Hold; readonly used: bigint }>,
    bases: ReadonlyMap<Address, PayerBase>,
  ): void
  prune(beforeEpoch: number): void
}

interface PayerRow {
  readonly debited_io: string
  readonly debited_iosd: string
  readonly unsettled_io: string
  readonly unsettled_iosd: string
  readonly fee_base: string
}

/** The epoch of holds that another relayer accepted: unknown, and never one's own to answer for. */
const ELSEWHERE = -1

export function createHoldStore(database: SqliteDatabase): HoldStore {
  const find = database.prepare<[Hash], { acceptance: Buffer | null }>(
    'SELECT acceptance FROM holds WHERE id = ?',
  )
  const insert = database.prepare(
    `INSERT INTO holds (id, payer, payee, kind, asset, max, used, epoch, expires, acceptance, open)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
     ON CONFLICT (id) DO UPDATE SET used = excluded.used, open = 1`,
  )
  const open = database.prepare<[Address], { asset: Asset; max: string; used: string }>(
    'SELECT asset, max, used FROM holds WHERE payer = ? AND open = 1',
  )
  const base = database.prepare<[Address], PayerRow>(
    'SELECT debited_io, debited_iosd, unsettled_io, unsettled_iosd, fee_base FROM payers WHERE payer = ?',
  )
  const covers = database.prepare<[Address, Address, number], { id: string }>(
    'SELECT id FROM holds WHERE payer = ? AND payee = ? AND kind = ? LIMIT 1',
  )
  const acceptedIn = database.prepare<[number], { acceptance: Buffer }>(
    'SELECT acceptance FROM holds WHERE epoch = ? AND acceptance IS NOT NULL ORDER BY acceptance',
  )
  const closeAll = database.prepare('UPDATE holds SET open = 0 WHERE epoch <= ?')
  const reopen = database.prepare("UPDATE holds SET open = 1, used = '0' WHERE epoch > ?")
  const forgetPayers = database.prepare('DELETE FROM payers')
  const insertPayer = database.prepare(
    `INSERT INTO payers (payer, debited_io, debited_iosd, unsettled_io, unsettled_iosd, fee_base)
     VALUES (?, ?, ?, ?, ?, ?)`,
  )
  const prune = database.prepare('DELETE FROM holds WHERE open = 0 AND epoch < ?')

  const put = (id: Hash, hold: Hold, used: bigint, epoch: number, acceptance: Buffer | null): void => {
    const { payer, payee, kind, asset, maxAmount, expiresEpoch } = hold
    insert.run(
      id,
      payer,
      payee,
      kind,
      asset,
      String(maxAmount),
      String(used),
      epoch,
      expiresEpoch,
      acceptance,
    )
  }

  return {
    find: id => {
      const row = find.get(id)
      if (row === undefined) return undefined
      return { acceptance: row.acceptance === null ? undefined : decodeAcceptedHold(row.acceptance) }
    },
    add: (id, accepted) =>
      put(id, accepted.hold, 0n, accepted.epoch, Buffer.from(encodeAcceptedHold(accepted))),
    openOf: payer => {
      const rows = open.all(payer)
      const left = (asset: Asset) =>
        rows
          .filter(row => row.asset === asset)
          .reduce((sum, row) => sum + BigInt(row.max) - BigInt(row.used), 0n)
      return { io: left(ASSET.io), iosd: left(ASSET.iosd), count: rows.length }
    },
    baseOf: payer => {
      const row = base.get(payer)
      if (row === undefined) return NOTHING_TAKEN
      return {
        debitedIo: BigInt(row.debited_io),
        debitedIosd: BigInt(row.debited_iosd),
        unsettledIo: BigInt(row.unsettled_io),
        unsettledIosd: BigInt(row.unsettled_iosd),
        feeBase: BigInt(row.fee_base),
      }
    },
    covers: (payer, payee, kind) => covers.get(payer, payee, kind) !== undefined,
    acceptedIn: epoch => acceptedIn.all(epoch).map(row => decodeAcceptedHold(row.acceptance)),
    replace: (epoch, holds, bases) => {
      closeAll.run(epoch)
      reopen.run(epoch)
      for (const { id, hold, used } of holds) put(id, hold, used, ELSEWHERE, null)
      forgetPayers.run()
      for (const [payer, taken] of bases) {
        const { debitedIo, debitedIosd, unsettledIo, unsettledIosd, feeBase } = taken
        const amounts = [debitedIo, debitedIosd, unsettledIo, unsettledIosd, feeBase].map(String)
        insertPayer.run(payer, ...amounts)
      }
    },
    prune: beforeEpoch => {
      prune.run(beforeEpoch)
    },
  }
}
