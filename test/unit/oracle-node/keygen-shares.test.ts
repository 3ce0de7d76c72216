import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { attemptRecord } from '../../../oracle-node/keygen/attempt-record.ts'
import { KeyHolder } from '../../../oracle-node/keygen/key-holder.ts'
import { KeyStore } from '../../../oracle-node/keygen/key-store.ts'
import type { RegistryView } from '../../../protocol/membership.ts'
import { Secret } from '../../../runtime/secret.ts'
import { at, castOf, registryView } from '../../support/network/cast.ts'
import { type DealtKey, dealKey } from '../../support/network/dealt-keys.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'

const SLOT = 1

describe('what a key generation leaves on disk', () => {
  let directory: TemporaryDirectory
  let older: DealtKey
  let newest: DealtKey
  before(() => {
    older = dealKey([0, 1, 2], 2)
    newest = dealKey([0, 1, 2], 2)
  })
  beforeEach(() => {
    directory = temporaryDirectory()
  })
  afterEach(() => directory.remove())

  const shares = (): string => join(directory.path, 'shares')
  const open = (): KeyStore =>
    new KeyStore({ directory: shares(), slot: SLOT, password: new Secret('right'), scryptN: 1_024 })
  const cast = castOf(3)
  const viewOf = (newest: DealtKey, previous: DealtKey): RegistryView => ({
    newest: registryView(cast, { groupKey: newest.groupKey, keyEpoch: 2 }),
    previous: registryView(cast, { groupKey: previous.groupKey, keyEpoch: 1 }),
    ...{ switchAtSec: 0, pending: undefined },
  })
  const damage = (epoch: number, kind: RegExp): void => {
    const name = readdirSync(shares()).find(file => file.startsWith(`epoch-${epoch}-`) && kind.test(file))
    writeFileSync(join(shares(), name ?? ''), 'no share')
  }

  for (const kind of [/[0-9a-f]{16}\.json$/, /\.beacon\.json$/, /\.transcript$/]) {
    it(`serves under the newest key although ${kind} of the one before is damaged`, async () => {
      await open().save(1, at(older.keys, SLOT))
      await open().save(2, at(newest.keys, SLOT))
      damage(1, kind)
      const logger = recordLogger()
      const holder = new KeyHolder(open(), logger)
      await holder.follow(viewOf(newest, older))
      expect(holder.current(2)?.px).to.equal(newest.groupKey.px)
      expect(holder.current(1)).to.equal(undefined)
      expect(logger.lines.map(({ level }) => level)).to.include('error')
      // It may still be mended.
      expect(readdirSync(shares()).filter(file => file.startsWith('epoch-1-'))).to.have.length(3)
    })
  }

  it('is an error when it is the newest share that is damaged, and the one before is held', async () => {
    await open().save(1, at(older.keys, SLOT))
    await open().save(2, at(newest.keys, SLOT))
    damage(2, /[0-9a-f]{16}\.json$/)
    const holder = new KeyHolder(open(), recordLogger())
    const failure = await holder.follow(viewOf(newest, older)).catch((error: unknown) => error)
    expect(failure).to.be.an.instanceOf(Error)
    expect(holder.current(1)?.px).to.equal(older.groupKey.px)
  })

  it('is the last few shares of attempts that failed, and every one that may be installed', async () => {
    const key = at(newest.keys, SLOT)
    // Seven keys to the store, which names files by px.
    const keys = Array.from({ length: 7 }, (_, index) => ({ ...key, px: BigInt(index + 1) << 240n }))
    await open().save(5, at(keys, 0))
    const store = open()
    for (const each of keys.slice(1)) {
      await store.save(5, each)
      if (each === keys[1]) store.promised(5, each.px)
    }
    const left = readdirSync(shares()).filter(file => /[0-9a-f]{16}\.json$/.test(file))
    // What an earlier process left, what was promised, and the newest four of the rest.
    expect(
      left.map(file => Number(file.slice('epoch-5-'.length, 'epoch-5-'.length + 4))).sort(),
    ).to.deep.equal([...[1, 2, 4, 5, 6, 7]])
    expect(readdirSync(shares())).to.have.length(6 * 3)
  })

  it('is the highest attempt of each caller, in a file that a restart reads', () => {
    const path = join(directory.path, 'attempts.json')
    const record = attemptRecord(path)
    expect(record.highest(0)).to.equal(0)
    record.note(0, 1_700_000_000_000)
    record.note(3, 7)
    const again = attemptRecord(path)
    expect([0, 1, 3].map(caller => again.highest(caller))).to.deep.equal([1_700_000_000_000, 0, 7])
    expect(JSON.parse(readFileSync(path, 'utf8'))).to.have.property('0', 1_700_000_000_000)
    writeFileSync(path, '{"0": "much"}')
    expect(() => attemptRecord(path)).to.throw()
  })
})
