import { expect } from 'chai'
import { GroupCommit, IntakeBusyError, IntakeStoppedError } from '../../../relayer/intake/group-commit.ts'
import { openDatabase, type SqliteDatabase } from '../../../runtime/sqlite.ts'
import { rejectionOf } from '../../support/relayer/rejection.ts'

describe('a group commit', () => {
  let database: SqliteDatabase
  let commit: GroupCommit
  let nowMs: number
  const put = (value: number) => () => {
    database.prepare('INSERT INTO things (value) VALUES (?)').run(value)
    return value
  }
  const values = () =>
    database
      .prepare<[], { value: number }>('SELECT value FROM things ORDER BY value')
      .all()
      .map(row => row.value)

  beforeEach(() => {
    nowMs = 0
    database = openDatabase(':memory:', ['CREATE TABLE things (value INTEGER PRIMARY KEY) STRICT'])
    commit = new GroupCommit(database, () => nowMs)
  })
  afterEach(() => database.close())

  it('answers in the order of calls, and only after the commit', async () => {
    const seen: number[] = []
    const all = [3, 1, 2].map(async value => {
      seen.push(await commit.submit(put(value), 1))
      expect(database.inTransaction).to.equal(false)
    })
    expect(seen).to.deep.equal([])
    await Promise.all(all)
    expect(seen).to.deep.equal([3, 1, 2])
    expect(values()).to.deep.equal([1, 2, 3])
  })

  it('undoes what a failing work wrote, and nothing else', async () => {
    const before = commit.submit(put(1), 1)
    const failing = commit.submit(() => {
      put(2)()
      throw new Error('no')
    }, 1)
    const after = commit.submit(put(3), 1)
    expect((await rejectionOf(failing)).message).to.equal('no')
    expect(await before).to.equal(1)
    expect(await after).to.equal(3)
    expect(values()).to.deep.equal([1, 3])
  })

  it('fails everybody whose work was in a commit that failed', async () => {
    database.exec('CREATE TABLE parents (id INTEGER PRIMARY KEY)')
    database.exec('CREATE TABLE children (id INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)')
    const works = [put(1), () => database.exec('INSERT INTO children VALUES (9)'), put(2)]
    const failed = await Promise.allSettled(works.map(work => commit.submit<unknown>(work, 1)))
    expect(failed.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected', 'rejected'])
    expect(values()).to.deep.equal([])
    expect(await commit.submit(put(5), 1)).to.equal(5)
  })

  it('writes after a while even when more is waiting, and lets others have a turn', async () => {
    const slow = (value: number) => () => {
      nowMs += 6
      return put(value)()
    }
    let others = 0
    const all = Promise.all([1, 2, 3].map(value => commit.submit(slow(value), 1)))
    const turn = (): void => {
      others += 1
      if (others < 10) setImmediate(turn)
    }
    setImmediate(turn)
    await all
    expect(others).to.be.within(2, 4)
  })

  it('refuses to keep more in memory than its bound', async () => {
    const large = commit.submit(put(1), 32 * 1024 * 1024)
    expect(await rejectionOf(commit.submit(put(2), 1))).to.be.instanceOf(IntakeBusyError)
    await large
    expect(await commit.submit(put(3), 1)).to.equal(3)
  })

  it('finishes what was waiting when it is stopped, and takes nothing more', async () => {
    const waiting = [1, 2].map(value => commit.submit(put(value), 1))
    const stopped = commit.stop()
    expect(await rejectionOf(commit.submit(put(3), 1))).to.be.instanceOf(IntakeStoppedError)
    await stopped
    expect(values()).to.deep.equal([1, 2])
    expect(await Promise.all(waiting)).to.deep.equal([1, 2])
  })
})
