/**
 * How much of each hold has been promised to workers. Workers share the holds of a gateway's payers, so only the
 * gateway can keep two of them from counting on the same wei. Durable before a request goes to a worker: a restart
 * must not hand the same wei out again.
 */
import type { Address, Hash } from '../../protocol/bytes.ts'
import { type Channel, channelKey } from '../../protocol/usage/receipt.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'
import { type AccountFault, type LastStatement, type StatedAnswer, settleAnswer } from './channel-account.ts'

/** Never edited; a change is a new entry. Amounts are decimal text: SQLite's integers end at 64 bits. */
export const HOLD_BOOK_MIGRATIONS: readonly string[] = [
  `CREATE TABLE holds (
     id TEXT PRIMARY KEY,
     used TEXT NOT NULL,
     expires_epoch INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX holds_by_epoch ON holds (expires_epoch);`,
  // charge, units, work_hash: of the last statement, null before the first. open: wei set aside for requests that no
  // statement accounts for yet. closed: 1 after a statement that does not fit the one before it.
  `CREATE TABLE channels (
     key TEXT PRIMARY KEY,
     payer TEXT NOT NULL,
     worker TEXT NOT NULL,
     charge TEXT,
     units TEXT,
     work_hash TEXT,
     open TEXT NOT NULL,
     closed INTEGER NOT NULL,
     expires_epoch INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX channels_by_epoch ON channels (expires_epoch);
   CREATE INDEX channels_by_payer ON channels (payer) WHERE closed = 1;`,
]

export interface HeldAmount {
  readonly id: Hash
  /** Wei, from the hold itself. */
  readonly maxAmount: bigint
  readonly expiresEpoch: number
}

/** A request that is with a worker, and the wei that were set aside for it. One at a time on a channel. */
export interface Reservation {
  readonly hold: Hash
  readonly channel: Channel
  readonly wei: bigint
}

/** Who neither gives back nor settles a reservation leaves it set aside until the hold expires. */
export interface HoldBook {
  /** Sets wei aside; undefined when the hold has less left. */
  reserve(hold: HeldAmount, channel: Channel, wei: bigint): Reservation | undefined
  /** The worker has not begun. */
  giveBack(reservation: Reservation): void
  /**
   * What the signed statement says takes the place of the reservation. After a fault the reservation stays, and the
   * channel is closed.
   */
  settle(
    reservation: Reservation,
    answer: Pick<StatedAnswer, 'statement' | 'units' | 'chargedWei'>,
  ): AccountFault | undefined
  usedOf(id: Hash): bigint
  /** Workers whose channel with this payer is closed. */
  closedFor(payer: Address): Set<Address>
  /**
   * Holds that expired before an epoch cannot be charged any more; channels are remembered as long as the last hold
   * that was shown for them.
   */
  forgetBefore(epoch: number): void
}

interface ChannelRow {
  readonly charge: string | null
  readonly units: string | null
  readonly work_hash: string | null
  readonly open: string
}

export function createHoldBook(database: SqliteDatabase): HoldBook {
  const readHold = database.prepare<[string], { used: string }>('SELECT used FROM holds WHERE id = ?')
  const addHold = database.prepare<[string, string, number]>(
    'INSERT INTO holds (id, used, expires_epoch) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET used = excluded.used',
  )
  const updateHold = database.prepare<[string, string]>('UPDATE holds SET used = ? WHERE id = ?')
  const readChannel = database.prepare<[string], ChannelRow>(
    'SELECT charge, units, work_hash, open FROM channels WHERE key = ?',
  )
  const addChannel = database.prepare<[string, string, string, string, number]>(
    `INSERT INTO channels (key, payer, worker, open, closed, expires_epoch) VALUES (?, ?, ?, ?, 0, ?)
     ON CONFLICT (key) DO UPDATE SET open = excluded.open, expires_epoch = max(expires_epoch, excluded.expires_epoch)`,
  )
  const setOpen = database.prepare<[string, string]>('UPDATE channels SET open = ? WHERE key = ?')
  const setStatement = database.prepare<[string, string, string, string]>(
    'UPDATE channels SET charge = ?, units = ?, work_hash = ? WHERE key = ?',
  )
  const close = database.prepare<[string]>('UPDATE channels SET closed = 1 WHERE key = ?')
  const closed = database.prepare<[string], { worker: Address }>(
    'SELECT worker FROM channels WHERE payer = ? AND closed = 1',
  )
  const forgetHolds = database.prepare<[number]>('DELETE FROM holds WHERE expires_epoch < ?')
  const forgetChannels = database.prepare<[number]>('DELETE FROM channels WHERE expires_epoch < ?')

  const usedOf = (id: Hash): bigint => BigInt(readHold.get(id)?.used ?? '0')
  const replace = (id: Hash, wei: bigint, by: bigint): void => {
    updateHold.run(String(notNegative(usedOf(id) - wei + by)), id)
  }
  const openOf = (key: string): bigint => BigInt(readChannel.get(key)?.open ?? '0')

  return {
    usedOf,
    reserve: database.transaction((hold: HeldAmount, channel: Channel, wei: bigint) => {
      const { id, maxAmount, expiresEpoch } = hold
      const used = usedOf(id) + wei
      if (used > maxAmount) return undefined
      addHold.run(id, String(used), expiresEpoch)
      const key = channelKey(channel)
      addChannel.run(key, channel.payer, channel.worker, String(openOf(key) + wei), expiresEpoch)
      return { hold: id, channel, wei }
    }),
    giveBack: database.transaction(({ hold, channel, wei }: Reservation) => {
      const key = channelKey(channel)
      replace(hold, wei, 0n)
      setOpen.run(String(notNegative(openOf(key) - wei)), key)
    }),
    settle: database.transaction(
      (
        { hold, channel, wei }: Reservation,
        answer: Pick<StatedAnswer, 'statement' | 'units' | 'chargedWei'>,
      ) => {
        const key = channelKey(channel)
        const row = readChannel.get(key)
        const lostWei = notNegative(BigInt(row?.open ?? '0') - wei)
        const settled = settleAnswer({ last: lastOf(row), lostWei }, { ...answer, reservedWei: wei })
        replace(hold, wei, settled.keptWei)
        if (!settled.ok) {
          close.run(key)
          return settled.code
        }
        const { cumulativeCharge, cumulativeUnits, workHash } = answer.statement
        setOpen.run(String(settled.lostWei), key)
        setStatement.run(String(cumulativeCharge), String(cumulativeUnits), workHash, key)
        return undefined
      },
    ),
    closedFor: payer => new Set(closed.all(payer).map(({ worker }) => worker)),
    forgetBefore: epoch => {
      forgetHolds.run(epoch)
      forgetChannels.run(epoch)
    },
  }
}

function lastOf(row: ChannelRow | undefined): LastStatement | undefined {
  if (row === undefined || row.charge === null || row.units === null || row.work_hash === null)
    return undefined
  return {
    cumulativeCharge: BigInt(row.charge),
    cumulativeUnits: BigInt(row.units),
    workHash: row.work_hash as Hash,
  }
}

function notNegative(wei: bigint): bigint {
  return wei > 0n ? wei : 0n
}
