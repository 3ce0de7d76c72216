import { expect } from 'chai'
import type { BeaconSource } from '../../../cli/verify/beacon-source.ts'
import { checkWindows } from '../../../cli/verify/windows.ts'
import type { BeaconInput } from '../../../protocol/beacon/input.ts'
import { OPENING } from '../../../protocol/epoch/availability.ts'
import type { EpochBundle } from '../../../protocol/epoch/bundle.ts'
import { isWindow } from '../../../protocol/epoch/windows.ts'
import { transcriptHashOf } from '../../../protocol/keygen/transcript.ts'
import { hash } from '../../support/epoch/cast.ts'
import { caseOf, inputsOf, START_SEC } from '../../support/epoch/world.ts'
import { beaconValue, dealBeacon, proofBytes } from '../../support/protocol/beacon-key.ts'

const KEY_EPOCH = 3
const key = dealBeacon([0, 1, 2, 3], 3, 'verify')
const network = { challengeSlotSec: 20, challengeEvery: 2, challengeGraceSec: 5 }
const clock = { startSec: START_SEC, lengthSec: 3_600 }
const terms = { clock, slotSec: 20, every: 2, graceSec: 5 }
const slots = [...Array(20).keys()]
const dueAt = (due: boolean): number =>
  slots.find(slot => isWindow(terms, slot, beaconValue(key, { kind: 'window', slot })) === due) ?? -1
const [DUE, NOT_DUE] = [dueAt(true), dueAt(false)]
const reader = {
  clock,
  keyEpochAt: (): number | undefined => KEY_EPOCH,
  groupKeyOf: () => ({
    ...{ px: 1n, participants: [0, 1, 2, 3], memberSet: 1, members: [] },
    transcriptHash: transcriptHashOf(key.transcript),
  }),
}
const honest: BeaconSource = {
  proof: async input => proofBytes(key, KEY_EPOCH, input, [0, 1, 3]),
  transcript: async () => key.transcript,
}

function epochWith(window: number): Pick<EpochBundle, 'header' | 'windows' | 'results'> {
  const { bundle } = caseOf(inputsOf())
  const results = bundle.results.map(result => ({ ...result, window, opening: OPENING.passed }))
  return { header: bundle.header, windows: [{ window, root: hash('root') }], results }
}

describe('challenge windows of a settled epoch', () => {
  it('are believed by proofs under the key that the chain names', async () => {
    expect(await checkWindows(epochWith(DUE), network, reader, [honest])).to.deep.equal({
      wrong: undefined,
      notChecked: [],
    })
  })

  it('are wrong when their beacon does not call for them, or they are of another epoch or time', async () => {
    const wrong = async (window: number, by = reader) =>
      (await checkWindows(epochWith(window), network, by, [honest])).wrong
    expect(await wrong(NOT_DUE)).to.contain('was no challenge window')
    expect(await wrong(179)).to.contain('the last of its epoch')
    expect(await wrong(180)).to.contain('is of epoch 1, not 0')
    expect(await wrong(DUE, { ...reader, keyEpochAt: () => undefined })).to.contain('before there was a key')
  })

  it('are told to be unchecked when nobody shows a proof, or only a false one', async () => {
    const other = dealBeacon([0, 1, 2, 3], 3, 'another key')
    const sources: BeaconSource[][] = [
      [],
      [{ ...honest, proof: async () => undefined }],
      [{ ...honest, proof: async () => Uint8Array.of(1) }],
      [{ ...honest, transcript: async () => other.transcript }],
      [{ ...honest, proof: async input => proofBytes(other, KEY_EPOCH, input, [0, 1, 2]) }],
      [{ ...honest, proof: async input => proofBytes(key, KEY_EPOCH + 1, input, [0, 1, 2]) }],
      [{ ...honest, proof: async input => proofBytes(key, KEY_EPOCH, input, [0, 1]) }],
    ]
    for (const given of sources) {
      const { wrong, notChecked } = await checkWindows(epochWith(DUE), network, reader, given)
      expect(wrong).to.equal(undefined)
      expect(notChecked).to.have.length(2)
      const found = await checkWindows(epochWith(DUE), network, reader, [...given, honest])
      expect(found.notChecked, 'the next one has it').to.deep.equal([])
    }
  })

  it('need no draw when nothing is said to have passed', async () => {
    const noDraw = {
      ...honest,
      proof: async (input: BeaconInput) => (input.kind === 'draw' ? undefined : honest.proof(input)),
    }
    const epoch = epochWith(DUE)
    const failed = epoch.results.map(result => ({ ...result, opening: OPENING.notDrawn }))
    const check = (results: typeof epoch.results) =>
      checkWindows({ ...epoch, results }, network, reader, [noDraw])
    expect((await check(failed)).notChecked).to.deep.equal([])
    expect((await check(epoch.results)).notChecked).to.have.length(1)
  })

  it('are named when nothing is said to be drawn of them, and somebody has their draw', async () => {
    const epoch = epochWith(DUE)
    const results = epoch.results.map(result => ({ ...result, opening: OPENING.notDrawn }))
    const { wrong, notChecked } = await checkWindows({ ...epoch, results }, network, reader, [honest])
    expect(wrong).to.equal(undefined)
    expect(notChecked).to.deep.equal([
      `why nothing was opened of these windows, although there are proofs of their draws: ${DUE}`,
    ])
  })
})
