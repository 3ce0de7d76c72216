/** All that a worker must not forget, in one database, so that a charge and its record are one transaction. */
import { openDatabase } from '../../runtime/sqlite.ts'
import { type ChannelStore, createChannelStore } from './channel-store.ts'
import { createLeaseStore, type LeaseStore } from './lease-store.ts'
import { WORKER_MIGRATIONS } from './migrations.ts'
import { createOutboxStore, type OutboxStore } from './outbox-store.ts'
import { createWindowStore, type WindowStore } from './window-store.ts'

export interface WorkerStore {
  readonly outbox: OutboxStore
  readonly channels: ChannelStore
  readonly leases: LeaseStore
  readonly windows: WindowStore
  /** All or nothing, on disk when it returns. */
  transaction<T>(work: () => T): T
  close(): void
}

/** @param path a file, or `:memory:` */
export function openWorkerStore(path: string): WorkerStore {
  const database = openDatabase(path, WORKER_MIGRATIONS)
  return {
    outbox: createOutboxStore(database),
    channels: createChannelStore(database),
    leases: createLeaseStore(database),
    windows: createWindowStore(database),
    transaction: work => database.transaction(work).immediate(),
    close: () => {
      database.close()
    },
  }
}
