import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { openDatabase } from '../../../runtime/sqlite.ts'

const FIRST = 'CREATE TABLE item (name TEXT NOT NULL) STRICT'
const SECOND = 'ALTER TABLE item ADD COLUMN size INTEGER'

describe('sqlite', () => {
  let path: string
  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), 'ionet-sqlite-')), 'new', 'state.db')
  })
  afterEach(() => rmSync(join(path, '..', '..'), { recursive: true }))

  it('opens for durable writing', () => {
    const database = openDatabase(path, [FIRST])
    expect(database.pragma('journal_mode', { simple: true })).to.equal('wal')
    // 2 is FULL.
    expect(database.pragma('synchronous', { simple: true })).to.equal(2)
    database.close()
  })

  it('waits neither for the disk nor for other writers where it is told so', () => {
    const database = openDatabase(path, [FIRST], { durability: 'none', busyTimeoutMs: 0 })
    // 0 is OFF: with 1, NORMAL, a commit waits for the disk whenever it is its turn to make a checkpoint.
    expect(database.pragma('synchronous', { simple: true })).to.equal(0)
    expect(database.pragma('busy_timeout', { simple: true })).to.equal(0)
    database.close()
  })

  it('runs each migration once, and keeps what was stored before a later one', () => {
    const before = openDatabase(path, [FIRST])
    before.exec("INSERT INTO item VALUES ('kept')")
    before.close()
    const after = openDatabase(path, [FIRST, SECOND])
    expect(after.prepare('SELECT * FROM item').all()).to.deep.equal([{ name: 'kept', size: null }])
    after.close()
    openDatabase(path, [FIRST, SECOND]).close()
  })

  it('leaves the old schema alone when a migration fails', () => {
    openDatabase(path, [FIRST]).close()
    expect(() => openDatabase(path, [FIRST, SECOND, 'NOT SQL'])).to.throw('syntax error')
    const database = openDatabase(path, [FIRST])
    expect(database.pragma('user_version', { simple: true })).to.equal(1)
    database.close()
  })

  it('refuses a file that a newer program wrote', () => {
    openDatabase(path, [FIRST, SECOND]).close()
    expect(() => openDatabase(path, [FIRST]))
      .to.throw()
      .with.property('code', 'DATABASE_TOO_NEW')
  })
})
