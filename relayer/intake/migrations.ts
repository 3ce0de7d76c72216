/** Never edited, only added to. Amounts of wei are decimal text: SQLite's integers end at 9.2 tokens. */
export const INTAKE_MIGRATIONS: readonly string[] = [
  `CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE epoch_totals (epoch INTEGER PRIMARY KEY, records INTEGER NOT NULL) STRICT;

   CREATE TABLE batches (
     id INTEGER PRIMARY KEY,
     epoch INTEGER NOT NULL,
     worker TEXT NOT NULL,
     seq_from INTEGER NOT NULL,
     seq_to INTEGER NOT NULL,
     root TEXT NOT NULL,
     bytes BLOB NOT NULL,
     promise BLOB NOT NULL
   ) STRICT;
   CREATE INDEX batches_by_epoch ON batches (epoch, worker, seq_from);
   CREATE INDEX batches_by_worker ON batches (worker, seq_from);
   CREATE TABLE sequences (
     worker TEXT PRIMARY KEY,
     state BLOB NOT NULL,
     epoch INTEGER NOT NULL,
     records INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;

   CREATE TABLE holds (
     id TEXT PRIMARY KEY,
     payer TEXT NOT NULL,
     payee TEXT NOT NULL,
     kind INTEGER NOT NULL,
     asset INTEGER NOT NULL,
     max TEXT NOT NULL,
     used TEXT NOT NULL,
     epoch INTEGER NOT NULL,
     expires INTEGER NOT NULL,
     acceptance BLOB,
     open INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX holds_by_payer ON holds (payer, open);
   CREATE INDEX holds_by_epoch ON holds (epoch);
   CREATE TABLE payers (
     payer TEXT PRIMARY KEY,
     debited_io TEXT NOT NULL,
     debited_iosd TEXT NOT NULL,
     unsettled_io TEXT NOT NULL,
     unsettled_iosd TEXT NOT NULL,
     fee_base TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;

   CREATE TABLE channels (key TEXT PRIMARY KEY, units TEXT NOT NULL, claimed TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE receipts (
     id INTEGER PRIMARY KEY,
     channel TEXT NOT NULL,
     payer TEXT NOT NULL,
     valid_until INTEGER NOT NULL,
     bytes BLOB NOT NULL
   ) STRICT;
   CREATE INDEX receipts_by_channel ON receipts (channel);
   CREATE INDEX receipts_by_payer ON receipts (payer, channel);

   CREATE TABLE windows (
     window INTEGER PRIMARY KEY,
     epoch INTEGER NOT NULL,
     root TEXT NOT NULL,
     count INTEGER NOT NULL,
     published INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX windows_by_epoch ON windows (epoch);
   CREATE TABLE commitments (
     window INTEGER NOT NULL,
     worker TEXT NOT NULL,
     device TEXT NOT NULL,
     products INTEGER NOT NULL,
     digest TEXT NOT NULL,
     bytes BLOB NOT NULL,
     opening INTEGER,
     transcript TEXT,
     PRIMARY KEY (window, worker, device)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE transcripts (hash TEXT PRIMARY KEY, window INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
   CREATE INDEX transcripts_by_window ON transcripts (window);`,
  `ALTER TABLE commitments ADD COLUMN window_beacon TEXT;
   ALTER TABLE commitments ADD COLUMN draw_beacon TEXT;
   CREATE TABLE waiting_openings (
     window INTEGER NOT NULL,
     worker TEXT NOT NULL,
     device TEXT NOT NULL,
     window_beacon TEXT NOT NULL,
     draw_beacon TEXT NOT NULL,
     bytes BLOB NOT NULL,
     PRIMARY KEY (window, worker, device)
   ) STRICT;`,
  // Beacons no longer change once they are there.
  `ALTER TABLE commitments DROP COLUMN window_beacon;
   ALTER TABLE commitments DROP COLUMN draw_beacon;
   DROP TABLE waiting_openings;
   CREATE TABLE waiting_openings (
     window INTEGER NOT NULL,
     worker TEXT NOT NULL,
     device TEXT NOT NULL,
     bytes BLOB NOT NULL,
     PRIMARY KEY (window, worker, device)
   ) STRICT;`,
]
