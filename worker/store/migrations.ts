/** Never edited, only added to. Wei and units are decimal digits: SQLite's integers end at 9.2 IO. */
export const WORKER_MIGRATIONS: readonly string[] = [
  // The next sequence number is a row of its own: it must outlive all records.
  `CREATE TABLE sequence (one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER NOT NULL) STRICT;
   INSERT INTO sequence (one, next) VALUES (1, 1);
   CREATE TABLE records (sequence INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
   CREATE TABLE batches (
     seq_from INTEGER PRIMARY KEY,
     seq_to INTEGER NOT NULL,
     bytes BLOB NOT NULL,
     state TEXT NOT NULL CHECK (state IN ('waiting', 'included', 'refused')),
     refusal TEXT,
     inclusion BLOB
   ) STRICT;
   CREATE INDEX waiting_batches ON batches (seq_from) WHERE state = 'waiting';
   CREATE TABLE shows (
     seq_from INTEGER NOT NULL,
     url TEXT NOT NULL,
     attempts INTEGER NOT NULL,
     PRIMARY KEY (seq_from, url)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE channels (
     key TEXT PRIMARY KEY,
     units TEXT NOT NULL,
     charge TEXT NOT NULL,
     receipt BLOB NOT NULL,
     receipt_waits INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX waiting_receipts ON channels (key) WHERE receipt_waits = 1;
   CREATE TABLE holds (id TEXT PRIMARY KEY, used TEXT NOT NULL, expires INTEGER NOT NULL) STRICT;
   CREATE TABLE windows (
     window INTEGER PRIMARY KEY,
     beacon TEXT NOT NULL,
     commitment BLOB NOT NULL
   ) STRICT;`,
  // From which record on the receipt is needed, how often it was sent, and how often the relayer did not take it.
  `ALTER TABLE channels ADD COLUMN receipt_since INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE channels ADD COLUMN receipt_tries INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE channels ADD COLUMN receipt_refusals INTEGER NOT NULL DEFAULT 0;
   DROP INDEX waiting_receipts;
   CREATE INDEX waiting_receipts ON channels (receipt_tries, receipt_since) WHERE receipt_waits = 1;
   CREATE TABLE leases (
     key TEXT PRIMARY KEY,
     units TEXT NOT NULL,
     ceiling TEXT NOT NULL,
     until INTEGER NOT NULL
   ) STRICT;`,
]
