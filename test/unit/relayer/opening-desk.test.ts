import { setImmediate } from 'node:timers/promises'
import { expect } from 'chai'
import { commitmentDigest } from '../../../compute/challenge/commitment.ts'
import type { Kernel } from '../../../compute/matrix/kernel.ts'
import { matrixSize } from '../../../compute/matrix/size.ts'
import { createWasmKernel } from '../../../compute/matrix/wasm-kernel.ts'
import { type Hash, hexOf } from '../../../protocol/bytes.ts'
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
import { addressOf, hash } from '../../support/epoch/cast.ts'
import { START_SEC } from '../../support/epoch/world.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { DOMAIN } from '../../support/protocol/network.ts'
import { ChallengedDevice } from '../../support/relayer/challenged-device.ts'
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
  /** Hash that the block of the draw has, if another than at first. */
  let drawHash: Hash | undefined
  let final: boolean
  let logger: ReturnType<typeof recordLogger>

  before(async () => {
    kernel = await createWasmKernel()
  })
  beforeEach(() => {
    chain = new FakeChain(DRAWN)
    database = openDatabase(':memory:', INTAKE_MIGRATIONS)
    windows = createWindowStore(database)
    epochs = createEpochStore(database)
    logger = recordLogger()
    judged = 0
    judge = honestJudge
    drawHash = undefined
    final = true
    const { lastBlockBefore } = chain.view()
    desk = new OpeningDesk(
      { domain: DOMAIN, terms: windowTermsOf(chain), size: matrixSize(64) },
      {
        ...{ windows, epochs, logger, crypto: nobleIdentityCrypto },
        commit: new GroupCommit(database, () => 0),
        judge: { judge: opened => judge(opened) },
        chain: {
          lastBlockBefore,
          firstBlockFrom: async sec => {
            const block = chain.block(sec)
            return { ...block, hash: drawHash ?? block.hash, finalised: final }
          },
        },
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
    const device = new ChallengedDevice(kernel, chain, WINDOW, { work })
    const { worker, roots } = device.signed.commitment
    const line = {
      ...{ window: WINDOW, worker, device: device.device, products: roots.length },
      commitment: hexOf(commitmentDigest(DOMAIN, device.signed.commitment)),
      opening: undefined,
      transcriptHash: EMPTY_ROOT,
      judgedBy: undefined,
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

  it('are not judged again while the chain stays as it was', async () => {
    const device = committed()
    expect(await open(device)).to.equal('PASSED')
    seal()
    const before = result()
    expect(await desk.confirm([closed])).to.equal(true)
    expect(result()).to.deep.equal(before)
    expect(judged).to.equal(1)
  })

  it('wait for the block of the draw to be final', async () => {
    committed()
    final = false
    expect(await desk.confirm([closed])).to.equal(false)
  })

  it('are judged again when the block of the draw was replaced: to have passed by that one is no failure', async () => {
    const device = committed()
    expect(await open(device)).to.equal('PASSED')
    drawHash = hash('another block')
    seal()
    expect(await desk.confirm([closed])).to.equal(true)
    expect(result()).to.include({ opening: OPENING.notDrawn, transcriptHash: EMPTY_ROOT })
    expect(logger.lines.map(({ fields }) => fields)).to.deep.include({ window: WINDOW, devices: 1 })
    expect(await desk.confirm([closed])).to.equal(true)
    expect(judged).to.equal(2)
  })

  it('stand when a wrong product was shown, whichever block draws in the end', async () => {
    const device = committed(lie)
    expect(await open(device)).to.deep.equal({ refused: 'WRONG_ENTRY' })
    drawHash = hash('another block')
    seal()
    expect(await desk.confirm([closed])).to.equal(true)
    expect(result()?.opening).to.equal(OPENING.failed)
  })

  it('may be shown anew when the block of the draw is replaced in time', async () => {
    const device = committed()
    const stale = device.openings(closed.root)
    drawHash = hash('a block of a moment')
    for (const at of [1, 2, 3])
      await open(
        device,
        stale.map((byte, i) => (i === at ? byte ^ 1 : byte)),
      )
    expect(await open(device, stale)).to.deep.equal({ refused: 'TOO_MANY_OPENINGS' })
    drawHash = undefined
    expect(await open(device, stale)).to.equal('PASSED')
  })
})
