import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { GeneratedKey } from '../../../oracle-node/keygen/dealer.ts'
import { KeyHolder } from '../../../oracle-node/keygen/key-holder.ts'
import { KeyStore, type StoredKey } from '../../../oracle-node/keygen/key-store.ts'
import type { Membership, RegistryView } from '../../../protocol/membership.ts'
import { writeKeystore } from '../../../runtime/keystore.ts'
import { Secret } from '../../../runtime/secret.ts'
import { at, castOf, registryView } from '../../support/network/cast.ts'
import { type DealtKey, dealKey } from '../../support/network/dealt-keys.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'

const SLOT = 1
const SIGNING = /-[0-9a-f]{16}\.json$/
const BEACON = /\.beacon\.json$/

describe('the store of key shares', () => {
  let directory: TemporaryDirectory
  let dealt: DealtKey
  let key: GeneratedKey

  const open = (password = 'right'): KeyStore =>
    new KeyStore({
      directory: join(directory.path, 'shares'),
      slot: SLOT,
      password: new Secret(password),
      scryptN: 1_024,
    })
  const files = (): string[] => readdirSync(join(directory.path, 'shares')).sort()

  before(() => {
    dealt = dealKey([0, 1, 2, 3], 3)
    key = at(dealt.keys, SLOT)
  })
  beforeEach(() => {
    directory = temporaryDirectory()
  })
  afterEach(() => directory.remove())

  it('gives a share back after it was opened again', async () => {
    await open().save(1, key)
    const stored = await open().load(1, key.px)
    expect(stored).to.deep.include({ keyEpoch: 1, px: key.px, transcriptHash: key.transcriptHash })
    expect(stored?.secret).to.deep.equal(key.secret)
    expect(stored?.beacon).to.deep.equal(key.beacon)
    expect(stored?.public.verifyingShares).to.deep.equal(key.public.verifyingShares)
  })

  it('has nothing of a key that this node took no part in', async () => {
    await open().save(1, key)
    expect(await open().load(1, key.px + 1n)).to.equal(undefined)
    expect(await open().load(2, key.px)).to.equal(undefined)
  })

  it('is not opened by another password', async () => {
    await open().save(1, key)
    const failure = await open('wrong')
      .load(1, key.px)
      .catch((error: unknown) => error)
    expect(failure).to.include({ code: 'KEYSTORE_WRONG_PASSWORD' })
  })

  it('holds nothing that can be loaded when the process died between its two files', async () => {
    await open().save(1, key)
    for (const name of files().filter(file => SIGNING.test(file)))
      rmSync(join(directory.path, 'shares', name))
    expect(await open().load(1, key.px)).to.equal(undefined)
    await open().save(1, key)
    expect((await open().load(1, key.px))?.secret).to.deep.equal(key.secret)
  })

  it('does not take a transcript of another key for its own', async () => {
    await open().save(1, key)
    const other = Buffer.from(at(dealKey([0, 1, 2, 3], 3).keys, SLOT).transcript).toString('hex')
    const name = at(
      files().filter(file => file.endsWith('.transcript')),
      0,
    )
    writeFileSync(join(directory.path, 'shares', name), other)
    expect(await open().load(1, key.px)).to.equal(undefined)
  })

  it('says so when the share in the file is not the one of this slot and key', async () => {
    await open().save(1, key)
    const name = at(
      files().filter(file => SIGNING.test(file)),
      0,
    )
    const path = join(directory.path, 'shares', name)
    rmSync(path)
    const another = at(dealt.keys, SLOT + 1).secret.signingShare
    await writeKeystore(path, another, new Secret('right'), { scryptN: 1_024 })
    const failure = await open()
      .load(1, key.px)
      .catch((error: unknown) => error)
    expect(failure).to.include({ code: 'SHARE_MISMATCH' })
  })

  it('never writes over the transcript of a share that it holds', async () => {
    await open().save(1, key)
    const other = at(dealKey([0, 1, 2, 3], 3).keys, SLOT).transcript
    await open().save(1, { ...key, transcript: other })
    expect((await open().load(1, key.px))?.transcript).to.deep.equal(key.transcript)
  })

  it('keeps the keys of several attempts for one epoch apart', async () => {
    const other = at(dealKey([0, 1, 2, 3], 3).keys, SLOT)
    await open().save(1, key)
    await open().save(1, other)
    expect((await open().load(1, key.px))?.secret).to.deep.equal(key.secret)
    expect((await open().load(1, other.px))?.secret).to.deep.equal(other.secret)
  })

  it('says so when the share in the beacon’s file is another one', async () => {
    await open().save(1, key)
    const name = at(
      files().filter(file => BEACON.test(file)),
      0,
    )
    const path = join(directory.path, 'shares', name)
    for (const another of [at(dealt.keys, SLOT + 1).beacon.secret, key.secret.signingShare]) {
      rmSync(path)
      await writeKeystore(path, another, new Secret('right'), { scryptN: 1_024 })
      const failure = await open()
        .load(1, key.px)
        .catch((error: unknown) => error)
      expect(failure).to.include({ code: 'SHARE_MISMATCH' })
    }
  })

  it('writes the beacon’s share again when the process died before the other was written', async () => {
    await open().save(1, at(dealt.keys, SLOT + 1))
    for (const name of files().filter(file => SIGNING.test(file)))
      rmSync(join(directory.path, 'shares', name))
    await open().save(1, key)
    expect((await open().load(1, key.px))?.beacon.secret).to.deep.equal(key.beacon.secret)
  })

  it('forgets every key up to the newest but those that the registry names', async () => {
    const store = open()
    const other = at(dealKey([0, 1, 2, 3], 3).keys, SLOT)
    for (const epoch of [1, 2, 3, 4]) await store.save(epoch, key)
    for (const epoch of [2, 3]) await store.save(epoch, other)
    store.forgetAllBut([
      { keyEpoch: 3, px: key.px },
      { keyEpoch: 2, px: other.px },
    ])
    const left = await Promise.all(
      [1, 2, 3, 4].flatMap(epoch => [key, other].map(({ px }) => store.load(epoch, px))),
    )
    expect(left.map(stored => stored !== undefined)).to.deep.equal([
      ...[false, false],
      ...[false, true],
      ...[true, false],
      ...[true, false],
    ])
  })

  it('forgets nothing where nothing was ever stored', () => {
    expect(() => open().forgetAllBut([{ keyEpoch: 9, px: key.px }])).to.not.throw()
  })

  describe('as the holder follows the registry', () => {
    const cast = castOf(4)

    const viewOf = (newest: Membership, previous?: Membership): RegistryView => ({
      ...{ newest, previous },
      switchAtSec: 0,
      pending: undefined,
    })
    const under = (keyEpoch: number, of: DealtKey) => registryView(cast, { groupKey: of.groupKey, keyEpoch })

    it('holds the share of the installed key only', async () => {
      await open().save(1, key)
      const holder = new KeyHolder(open(), recordLogger())
      expect(holder.current(1)).to.equal(undefined)
      await holder.follow(viewOf(under(1, dealt)))
      expect(holder.current(1)?.px).to.equal(key.px)
      expect(holder.current(2)).to.equal(undefined)
      expect(holder.transcriptOf(key.transcriptHash)).to.deep.equal(key.transcript)
    })

    it('holds the shares of both keys around a rotation, and after the next one no longer the oldest', async () => {
      const others = [dealKey([0, 1, 2, 3], 3), dealKey([0, 1, 2, 3], 3)] as const
      const store = open()
      await store.save(1, key)
      await store.save(2, at(others[0].keys, SLOT))
      await store.save(3, at(others[1].keys, SLOT))
      const holder = new KeyHolder(store, recordLogger())
      await holder.follow(viewOf(under(2, others[0]), under(1, dealt)))
      expect([1, 2, 3].map(epoch => holder.current(epoch)?.px)).to.deep.equal([
        key.px,
        others[0].groupKey.px,
        undefined,
      ])
      await holder.follow(viewOf(under(3, others[1]), under(2, others[0])))
      expect([1, 2, 3].map(epoch => holder.current(epoch) !== undefined)).to.deep.equal([false, true, true])
      expect(await store.load(1, key.px)).to.equal(undefined)
    })

    it('says so when it has no share of the installed key', async () => {
      const logger = recordLogger()
      await new KeyHolder(open(), logger).follow(viewOf(under(1, dealt)))
      expect(logger.lines.map(line => line.level)).to.deep.equal(['warn'])
    })

    it('ends with the newest key although an older one takes longer to open', async () => {
      const slow = Promise.withResolvers<StoredKey | undefined>()
      const store = open()
      await store.save(1, key)
      await store.save(2, key)
      const [first, second] = [await store.load(1, key.px), await store.load(2, key.px)]
      const slowStore = Object.assign(open(), {
        load: (epoch: number) => (epoch === 1 ? slow.promise : Promise.resolve(second)),
      })
      const holder = new KeyHolder(slowStore, recordLogger())
      const older = holder.follow(viewOf(under(1, dealt)))
      await holder.follow(viewOf(under(2, dealt)))
      slow.resolve(first)
      await older
      expect(holder.current(2)?.keyEpoch).to.equal(2)
    })
  })
})
