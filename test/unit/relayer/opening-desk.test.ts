import { setImmediate } from 'node:timers/promises'
import { expect } from 'chai'
import { commitmentDigest } from '../../../compute/challenge/commitment.ts'
import type { Kernel } from '../../../compute/matrix/kernel.ts'
import { matrixSize } from '../../../compute/matrix/size.ts'
import { createWasmKernel } from '../../../compute/matrix/wasm-kernel.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import { OPENING, windowRootOf } from '../../../protocol/epoch/availability.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { EMPTY_ROOT } from '../../../protocol/merkle.ts'
import { type Judgement, judgeOpenings, type OpeningCase } from '../../../relayer/challenge/judge.ts'
import { OpeningDesk } from '../../../relayer/challenge/opening-desk.ts'
import {
  type ClosedWindow,
  createWindowStore,
  resultOf,
  type WindowStore,
} from '../../../relayer/challenge/window-store.ts'
import { createEpochStore, type EpochStore } from '../../../relayer/intake/epoch-store.ts'
import { GroupCommit } from '../../../relayer/intake/group-commit.ts'
import { INTAKE_MIGRATIONS } from '../../../relayer/intake/migrations.ts'
import { openDatabase, type SqliteDatabase } from '../../../runtime/sqlite.ts'
import { addressOf } from '../../support/epoch/cast.ts'
import { START_SEC } from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'
import { ChallengedDevice } from '../../support/relayer/challenged-device.ts'
import { FakeBeacons } from '../../support/relayer/fake-beacons.ts'
import { FakeChain } from '../../support/relayer/fake-chain.ts'
import { windowTermsOf } from '../../support/relayer/intake-world.ts'

const WINDOW = 1
const DRAWN = START_SEC + 14

describe('openings at the relayer', () => {
  let kernel: Kernel
  let chain: FakeChain
  let database: SqliteDatabase
  let windows: WindowStore
  let epochs: EpochStore
  let desk: OpeningDesk
  let closed: ClosedWindow
  let judged: number
  let judge: (opened: OpeningCase) => Promise<Judgement>

  before(async () => {
    kernel = await createWasmKernel()
  })
  beforeEach(() => {
    chain = new FakeChain(DRAWN)
    database = openDatabase(':memory:', INTAKE_MIGRATIONS)
    windows = createWindowStore(database)
    epochs = createEpochStore(database)
    judged = 0
    judge = honestJudge
    desk = new OpeningDesk(
      { domain: DOMAIN, terms: windowTermsOf(chain), size: matrixSize(64) },
      {
        ...{ windows, epochs, crypto: nobleIdentityCrypto },
        commit: new GroupCommit(database, () => 0),
        judge: { judge: opened => judge(opened) },
        beacons: new FakeBeacons(chain),
      },
    )
  })
  afterEach(() => database.close())

  const honestJudge = async (opened: OpeningCase): Promise<Judgement> => {
    judged += 1
    return judgeOpenings(kernel, opened)
  }
  const busyJudge = async (): Promise<Judgement> => 'BUSY'

  /** A device that has committed in the window, which has been closed over it. */
  const committed = (work?: (product: Int32Array) => Int32Array): ChallengedDevice => {
    const device = new ChallengedDevice(kernel, WINDOW, { work })
    const { worker, roots } = device.signed.commitment
    const line = {
      ...{ window: WINDOW, worker, device: device.device, products: roots.length },
      commitment: hexOf(commitmentDigest(DOMAIN, device.signed.commitment)),
      opening: undefined,
      transcriptHash: EMPTY_ROOT,
    }
    windows.add(line, device.commitment)
    closed = {
      ...{ window: WINDOW, epoch: 0, count: 1, published: true },
      root: windowRootOf([resultOf(line)]),
    }
    windows.close(closed)
    return device
  }
  const lie = (product: Int32Array): Int32Array => product.map(entry => entry + 1)
  const of = (device: ChallengedDevice) => ({
    window: WINDOW,
    worker: addressOf('worker'),
    device: device.device,
  })
  const open = (device: ChallengedDevice, openings = device.openings(closed.root)) =>
    desk.open(of(device), device.signedOpenings(openings))
  const seal = (): void => {
    epochs.setSealedThrough(0)
    desk.forgetBefore(8)
  }
  const result = () => windows.ofWindow(WINDOW).map(resultOf)[0]

  it('never fail a device that was told to wait until it was too late', async () => {
    const device = committed()
    judge = busyJudge
    expect(await open(device)).to.deep.equal({ refused: 'BUSY' })
    expect(await open(device)).to.deep.equal({ refused: 'BUSY' })
    seal()
    expect(await open(device)).to.deep.equal({ refused: 'SEALED' })
    expect(await desk.confirm([closed])).to.equal(false)
    judge = honestJudge
    expect(await desk.confirm([closed])).to.equal(true)
    expect(result()?.opening).to.equal(OPENING.passed)
    expect(windows.waiting(of(device))).to.equal(undefined)
  })

  it('fail who was told to wait and had nothing true to show', async () => {
    const device = committed()
    judge = busyJudge
    await open(device, device.openings(closed.root).fill(1))
    seal()
    judge = honestJudge
    expect(await desk.confirm([closed])).to.equal(true)
    expect(result()).to.include({ opening: OPENING.failed, transcriptHash: EMPTY_ROOT })
  })

  it('count when they came before the seal and are judged after', async () => {
    const device = committed()
    const gate = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    judge = async opened => {
      reached.resolve()
      await gate.promise
      return await honestJudge(opened)
    }
    const answer = open(device)
    await reached.promise
    seal()
    let isConfirmed = false
    const confirmed = desk.confirm([closed]).finally(() => {
      isConfirmed = true
    })
    for (let turn = 0; turn < 4; turn++) await setImmediate()
    expect(isConfirmed).to.equal(false)
    gate.resolve()
    expect(await answer).to.equal('PASSED')
    expect(await confirmed).to.equal(true)
    expect(result()?.opening).to.equal(OPENING.passed)
  })

  it('are judged once: beacons do not change', async () => {
    const device = committed()
    expect(await open(device)).to.equal('PASSED')
    seal()
    const before = result()
    expect(await desk.confirm([closed])).to.equal(true)
    expect(result()).to.deep.equal(before)
    expect(judged).to.equal(1)
  })

  it('fail for good when a wrong product was shown', async () => {
    const device = committed(lie)
    expect(await open(device)).to.deep.equal({ refused: 'WRONG_ENTRY' })
    seal()
    expect(await desk.confirm([closed])).to.equal(true)
    expect(result()?.opening).to.equal(OPENING.failed)
  })

  it('are looked at three times, and no more', async () => {
    const device = committed()
    const openings = device.openings(closed.root)
    for (const at of [1, 2, 3])
      await open(
        device,
        openings.map((byte, i) => (i === at ? byte ^ 1 : byte)),
      )
    expect(await open(device, openings)).to.deep.equal({ refused: 'TOO_MANY_OPENINGS' })
  })
})
