import { join } from 'node:path'
import { expect } from 'chai'
import { Guard } from '../../../oracle-node/guard/guard.ts'
import { createGuardStore, GUARD_MIGRATIONS } from '../../../oracle-node/guard/guard-store.ts'
import { openDatabase, type SqliteDatabase } from '../../../runtime/sqlite.ts'
import { aQuote, crypto, DOMAIN, FEED_ID, party, ROUND } from '../../support/network/cast.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'

describe('a guard whose process is killed right after it has said something', () => {
  let directory: TemporaryDirectory
  let database: SqliteDatabase

  /** What the killed process had said, and a guard on what it left behind. */
  const killedAfter = async (deed: 'quote' | 'lock'): Promise<{ said: string; guard: Guard }> => {
    const path = join(directory.path, `${deed}.sqlite`)
    const child = spawnNode('test/support/network/guard-process.ts', [path, deed, String(ROUND)])
    await child.printed('\n')
    child.process.kill('SIGKILL')
    expect(await child.ended).to.equal('SIGKILL')
    database = openDatabase(path, GUARD_MIGRATIONS)
    const options = { domain: DOMAIN, feedId: FEED_ID, slot: 0, secret: party('member 0').secret }
    return { said: child.stdout().trim(), guard: new Guard(options, createGuardStore(database), crypto) }
  }

  before(() => {
    directory = temporaryDirectory()
  })
  afterEach(() => database.close())
  after(() => directory.remove())

  it('finds the quote again, byte for byte, and signs no other for the round', async () => {
    const { said, guard } = await killedAfter('quote')
    const stored = guard.quoteOf(ROUND)
    expect(Buffer.from(stored?.bytes ?? []).toString('hex')).to.equal(said)
    expect(() => guard.signQuote(aQuote({ confidence: 99 })))
      .to.throw()
      .with.property('code', 'ROUND_NOT_ABOVE_LAST')
  })

  it('finds the lock again and signs no other word for the round', async () => {
    const { said, guard } = await killedAfter('lock')
    expect(guard.lockOf(ROUND)?.word).to.equal(7n)
    expect(Buffer.from(guard.lockOf(ROUND)?.proposal ?? [])).to.deep.equal(Buffer.from([1, 2, 3]))
    const again = guard.lockAndSignReport(ROUND, { word: 7n, proposal: new Uint8Array() })
    expect(Buffer.from(again).toString('hex')).to.equal(said)
    expect(() => guard.lockAndSignReport(ROUND, { word: 8n, proposal: new Uint8Array() }))
      .to.throw()
      .with.property('code', 'OTHER_WORD_LOCKED')
  })
})
