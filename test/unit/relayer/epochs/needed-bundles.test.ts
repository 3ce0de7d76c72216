import { expect } from 'chai'
import { openEpoch } from '../../../../protocol/epoch/machine.ts'
import {
  createEpochStore,
  EPOCH_MIGRATIONS,
  type EpochStore,
} from '../../../../relayer/epochs/epoch-store.ts'
import { KEPT_BUNDLES, neededBundles } from '../../../../relayer/epochs/needed-bundles.ts'
import { openDatabase, type SqliteDatabase } from '../../../../runtime/sqlite.ts'
import { hash } from '../../../support/epoch/cast.ts'

describe('bundles that are still needed', () => {
  let database: SqliteDatabase
  let store: EpochStore
  const bundleOf = (epoch: number) => hash(`bundle of ${epoch}`)
  const settle = (epoch: number) =>
    store.save({ ...openEpoch(epoch), phase: 'final', bundleHash: bundleOf(epoch) }, epoch)
  const empty = (epoch: number) => store.save({ ...openEpoch(epoch), phase: 'emptied' }, epoch)

  beforeEach(() => {
    database = openDatabase(':memory:', EPOCH_MIGRATIONS)
    store = createEpochStore(database)
  })
  afterEach(() => database.close())

  it('are those of the newest epochs', () => {
    const last = KEPT_BUNDLES + 2
    for (let epoch = 0; epoch <= last; epoch++) settle(epoch)
    const kept = Array.from({ length: KEPT_BUNDLES }, (_, index) => bundleOf(last - index))
    expect([...neededBundles(store, last + 1)]).to.have.members(kept)
  })

  it('are, after more emptied epochs than are kept, still the one that the next report starts from', () => {
    settle(0)
    settle(1)
    for (let epoch = 2; epoch < 2 + KEPT_BUNDLES; epoch++) empty(epoch)
    expect([...neededBundles(store, 2)]).to.deep.equal([bundleOf(1)])
  })

  it('are none before the first epoch', () => {
    expect(neededBundles(store, 0).size).to.equal(0)
  })
})
