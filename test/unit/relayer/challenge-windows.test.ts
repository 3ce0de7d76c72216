import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { commitmentDigest } from '../../../compute/challenge/commitment.ts'
import { decodeTranscript } from '../../../compute/challenge/transcript.ts'
import type { Kernel } from '../../../compute/matrix/kernel.ts'
import { createWasmKernel } from '../../../compute/matrix/wasm-kernel.ts'
import { type Hash, type Hex, hexOf } from '../../../protocol/bytes.ts'
import { commitmentLeaf, OPENING, windowRootOf } from '../../../protocol/epoch/availability.ts'
import { decodeWindowSeal, SEALED_WINDOW_BYTES } from '../../../protocol/epoch/messages.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { EMPTY_ROOT, verifyMerkleProof } from '../../../protocol/merkle.ts'
import { MESSAGE_KIND, openMessage } from '../../../protocol/message.ts'
import { addressOf } from '../../support/epoch/cast.ts'
import { START_SEC } from '../../support/epoch/world.ts'
import { temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { DOMAIN } from '../../support/protocol/network.ts'
import { ChallengedDevice } from '../../support/relayer/challenged-device.ts'
import { IntakeWorld, RELAYER } from '../../support/relayer/intake-world.ts'

/** Slots are of 5 s and every one is a window, the last of an epoch of 40 s aside; roots have 4 s to arrive. */
const WINDOW = 1
const OPENS = START_SEC + 5
const CLOSES = START_SEC + 10
const DRAWN = START_SEC + 14
const ENDS = START_SEC + 40

describe('a challenge window at the relayer', () => {
  let kernel: Kernel
  let world: IntakeWorld
  let honest: ChallengedDevice

  before(async () => {
    kernel = await createWasmKernel()
  })
  beforeEach(async () => {
    world = await new IntakeWorld().start()
    honest = device()
    await world.goTo(OPENS)
  })
  afterEach(() => world.stop())

  function device(options: { worker?: string; window?: number; lie?: boolean } = {}): ChallengedDevice {
    const { worker = 'worker', window = WINDOW, lie = false } = options
    const made = new ChallengedDevice(kernel, window, {
      worker,
      work: lie ? product => product.map(entry => entry + 1) : undefined,
    })
    world.register(addressOf(worker), made.device)
    return made
  }
  const commit = async (of: ChallengedDevice): Promise<unknown> => {
    const { status, json } = await world.post('/v1/commitments', of.commitment)
    return status === 204 ? 'TAKEN' : json['code']
  }
  const look = (of: ChallengedDevice, window = WINDOW) => world.get(`/v1/windows/${window}?${of.query}`)
  const open = async (of: ChallengedDevice, openings: Uint8Array, signer?: string): Promise<unknown> => {
    const body = of.signedOpenings(openings, signer)
    const { status, json } = await world.post(`/v1/windows/${WINDOW}/openings?${of.query}`, body)
    return status === 204 ? 'PASSED' : json['code']
  }
  const sealOf = (seal: Uint8Array) =>
    decodeWindowSeal(openMessage(DOMAIN, MESSAGE_KIND.windowSeal, seal, nobleIdentityCrypto).body)
  const rootOf = async (of: ChallengedDevice): Promise<Hash> => (await look(of)).json['root'] as Hash
  const lineOf = (of: ChallengedDevice) => {
    const { worker, roots } = of.signed.commitment
    const commitment = hexOf(commitmentDigest(DOMAIN, of.signed.commitment))
    return { window: WINDOW, worker, device: of.device, products: roots.length, commitment }
  }

  it('takes commitments while it is open, and sends one root over them all', async () => {
    const other = device({ worker: 'other worker' })
    expect(await commit(honest)).to.equal('TAKEN')
    expect(await commit(other)).to.equal('TAKEN')
    expect((await look(honest)).json['code']).to.equal('NOT_CLOSED')
    await world.goTo(CLOSES)

    const [seal] = world.seals
    expect(seal).to.have.length(SEALED_WINDOW_BYTES)
    const { sender, body } = openMessage(
      DOMAIN,
      MESSAGE_KIND.windowSeal,
      seal ?? new Uint8Array(),
      nobleIdentityCrypto,
    )
    const lines = [lineOf(honest), lineOf(other)]
    const root = windowRootOf(
      lines.map(line => ({ ...line, opening: OPENING.failed, transcriptHash: EMPTY_ROOT })),
    )
    expect(sender).to.equal(RELAYER)
    expect(decodeWindowSeal(body)).to.deep.equal({ window: WINDOW, root, count: 2, repeat: 0 })
    expect(world.intake.windows(0)).to.deep.equal([{ window: WINDOW, root }])
    for (const [at, line] of lines.entries()) {
      const { json } = await look(at === 0 ? honest : other)
      expect(verifyMerkleProof(json['root'] as Hash, commitmentLeaf(line), json['proof'] as Hex[])).to.equal(
        true,
      )
      expect([json['window'], json['count']]).to.deep.equal([WINDOW, 2])
    }
  })

  it('sends the root again each second, each time as another message, until the draw, and then no more', async () => {
    await commit(honest)
    for (let sec = CLOSES; sec <= DRAWN + 3; sec++) await world.goTo(sec)
    expect(world.seals.length).to.be.within(3, 5)
    expect(new Set(world.seals.map(hexOf)).size).to.equal(world.seals.length)
    expect(new Set(world.seals.map(seal => sealOf(seal).root)).size).to.equal(1)
  })

  it('without commitments leaves nothing behind', async () => {
    await world.goTo(DRAWN)
    expect(world.seals).to.deep.equal([])
    expect(world.intake.windows(0)).to.deep.equal([])
  })

  it('takes none before it opens, after it closes, or for a slot that is no window', async () => {
    expect(await commit(device({ window: WINDOW + 1 }))).to.equal('NOT_OPEN')
    await world.goTo(CLOSES)
    expect(await commit(honest)).to.equal('NOT_OPEN')
    await world.goTo(ENDS - 1)
    expect(await commit(device({ window: 7 }))).to.equal('NOT_OPEN')
  })

  it('takes one commitment of a registered device, and the same one again', async () => {
    expect(await commit(honest)).to.equal('TAKEN')
    expect(await commit(honest)).to.equal('TAKEN')
    expect(world.intake.stats().commitments).to.equal(1)
    expect(await commit(device({ lie: true }))).to.equal('ALREADY_COMMITTED')
    const stranger = device({ worker: 'stranger' })
    world.chain.devices.delete(stranger.device)
    expect(await commit(stranger)).to.equal('UNKNOWN_DEVICE')
    const forged = device({ worker: 'other worker' })
    forged.signed.signature.fill(1)
    expect(await commit(forged)).to.equal('BAD_SIGNATURE')
    expect((await world.post('/v1/commitments', Uint8Array.of(1))).json['code']).to.equal('MALFORMED')
  })

  it('passes a device that opens what was drawn, and keeps the transcript by its hash', async () => {
    await commit(honest)
    await world.goTo(CLOSES)
    const openings = honest.openings(await rootOf(honest))
    expect(await open(honest, openings)).to.equal('NOT_DRAWN')
    await world.goTo(DRAWN)
    expect(await open(honest, openings)).to.equal('PASSED')
    expect(await open(honest, openings)).to.equal('PASSED')
    const [result] = world.intake.results(0)
    const transcript = world.intake.transcript(result?.transcriptHash ?? EMPTY_ROOT) ?? new Uint8Array()
    expect(result).to.deep.equal({
      ...lineOf(honest),
      opening: OPENING.passed,
      transcriptHash: hexOf(createHash('sha256').update(transcript).digest()),
    })
    const { signed, openings: shown } = decodeTranscript(transcript)
    expect(signed).to.deep.equal(honest.signed)
    expect(Buffer.from(shown)).to.deep.equal(Buffer.from(openings))
  })

  it('fails a device whose own root stands over a wrong product, for good', async () => {
    const liar = device({ lie: true })
    await commit(liar)
    await world.goTo(DRAWN)
    expect(await open(liar, liar.openings(await rootOf(liar)))).to.equal('WRONG_ENTRY')
    expect(await open(liar, liar.openings(await rootOf(liar)))).to.equal('FAILED_BEFORE')
    const [result] = world.intake.results(0)
    expect(result?.opening).to.equal(OPENING.failed)
    expect(world.intake.transcript(result?.transcriptHash ?? EMPTY_ROOT)).to.not.equal(undefined)
  })

  it('takes openings only under the signature of the worker, for what it has committed to', async () => {
    const other = device({ worker: 'other worker' })
    await commit(honest)
    await commit(other)
    await world.goTo(DRAWN)
    const openings = honest.openings(await rootOf(honest))
    expect(await open(honest, openings, 'stranger')).to.equal('BAD_SIGNATURE')
    const path = `/v1/windows/${WINDOW}/openings?${honest.query}`
    expect((await world.post(path, other.signedOpenings(openings, 'worker'))).json['code']).to.equal(
      'BAD_SIGNATURE',
    )
    expect((await world.post(path, openings)).json['code']).to.equal('WRONG_SHAPE')
    expect((await world.post(path, new Uint8Array())).json['code']).to.equal('WRONG_SHAPE')
    expect(await open(honest, openings)).to.equal('PASSED')
  })

  it('judges three different openings of a device, one at a time, and says the same of the same', async () => {
    await commit(honest)
    await world.goTo(DRAWN)
    const openings = honest.openings(await rootOf(honest))
    const bent = (at: number): Uint8Array => openings.map((byte, i) => (i === at ? byte ^ 1 : byte))
    const [first, second] = await Promise.all([open(honest, bent(3)), open(honest, bent(4))])
    expect([first, second].sort()).to.deep.equal(['BAD_PATH', 'BUSY'])
    const judged = first === 'BAD_PATH' ? 3 : 4
    for (let times = 0; times < 5; times++) expect(await open(honest, bent(judged))).to.equal('BAD_PATH')
    expect(await open(honest, bent(5))).to.equal('BAD_PATH')
    expect(await open(honest, bent(6))).to.equal('BAD_PATH')
    expect(await open(honest, bent(7))).to.equal('TOO_MANY_OPENINGS')
  })

  it('lets nobody fail a device by sending openings that anybody can make up', async () => {
    await commit(honest)
    await world.goTo(DRAWN)
    const openings = honest.openings(await rootOf(honest))
    const bent = Uint8Array.from(openings)
    bent[3] = (bent[3] ?? 0) ^ 1
    expect(await open(honest, bent)).to.equal('BAD_PATH')
    expect(await open(honest, openings.subarray(1))).to.equal('WRONG_SHAPE')
    expect(
      (await world.post(`/v1/windows/${WINDOW}/openings?${honest.query}`, new Uint8Array(1e6))).status,
    ).to.equal(413)
    expect(await open(honest, openings)).to.equal('PASSED')
  })

  it('fails whoever has opened nothing by the time its epoch is sealed', async () => {
    await commit(honest)
    await world.goTo(ENDS + 6)
    const openings = honest.openings(await rootOf(honest))
    world.intake.seal(0)
    expect(await open(honest, openings)).to.equal('SEALED')
    expect(world.intake.results(0)).to.deep.equal([
      { ...lineOf(honest), opening: OPENING.failed, transcriptHash: EMPTY_ROOT },
    ])
  })

  it('fails nobody when too few nodes had its root to draw, and passes nobody', async () => {
    await commit(honest)
    world.beacons.silent = 'draw'
    await world.goTo(DRAWN)
    expect(await open(honest, honest.openings(await rootOf(honest)))).to.equal('NOT_DRAWN')
    expect(world.beacons.wanted).to.deep.include({ kind: 'draw', slot: WINDOW, root: await rootOf(honest) })
    world.intake.seal(0)
    // Whoever draws now draws too late.
    world.beacons.silent = undefined
    expect(await world.intake.confirmOpenings(0)).to.equal(true)
    expect(world.intake.results(0)).to.deep.equal([
      { ...lineOf(honest), opening: OPENING.notDrawn, transcriptHash: EMPTY_ROOT },
    ])
    expect(world.intake.windows(0)).to.have.length(1)
  })

  it('is none while too few nodes are up to say so', async () => {
    world.beacons.silent = 'window'
    expect(await commit(honest)).to.equal('NOT_OPEN')
    expect(world.beacons.wanted).to.deep.equal([{ kind: 'window', slot: WINDOW }])
    world.beacons.silent = undefined
    expect(await commit(honest)).to.equal('TAKEN')
  })

  it('counts for nobody when the deadline was noticed too late for the root to reach everyone', async () => {
    await commit(honest)
    // The chain stood still, as seen from here, until the last second of the grace.
    await world.clock.advance((DRAWN - 1 - OPENS) * 1_000)
    await world.goTo(DRAWN - 1)
    expect(world.seals).to.deep.equal([])
    expect(world.intake.windows(0)).to.deep.equal([])
    expect(world.intake.results(0)).to.deep.equal([])
    expect([(await look(honest)).status, (await look(honest)).json['code']]).to.deep.equal([
      410,
      'WINDOW_MISSED',
    ])
    expect(world.logger.lines.filter(({ level }) => level === 'warn')).to.have.length(1)
  })

  it('keeps its commitments and its root over a restart, in the middle of it and after', async () => {
    const directory = temporaryDirectory()
    const path = `${directory.path}/intake.sqlite`
    const first = await new IntakeWorld(path, OPENS).start()
    first.register(addressOf('worker'), honest.device)
    expect((await first.post('/v1/commitments', honest.commitment)).status).to.equal(204)
    await first.stop()

    const second = await new IntakeWorld(path, CLOSES).start()
    await second.goTo(CLOSES)
    const before = second.intake.windows(0)
    expect(before).to.have.length(1)
    expect(second.seals).to.have.length(1)
    await second.stop()

    const third = await new IntakeWorld(path, CLOSES + 2).start()
    await third.goTo(CLOSES + 2)
    expect(third.intake.windows(0)).to.deep.equal(before)
    const [sent, sentAgain] = [second, third].map(each => sealOf(each.seals[0] ?? new Uint8Array()))
    expect(sentAgain).to.deep.equal({ ...sent, repeat: 2 })
    third.intake.prune(1)
    expect(third.intake.windows(0)).to.deep.equal([])
    await third.stop()
    directory.remove()
  })

  it('answers questions that cannot be answered with what is wrong', async () => {
    const codeOf = async (path: string) => (await world.get(path)).json['code']
    expect(await codeOf(`/v1/windows/x?${honest.query}`)).to.equal('BAD_REQUEST')
    expect(await codeOf('/v1/windows/1?worker=me')).to.equal('BAD_REQUEST')
    expect(await codeOf(`/v1/windows/1?${honest.query}`)).to.equal('NO_COMMITMENT')
  })
})
