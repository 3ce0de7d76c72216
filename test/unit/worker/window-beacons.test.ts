import { expect } from 'chai'
import type { BeaconInput } from '../../../protocol/beacon/input.ts'
import { isWindow } from '../../../protocol/epoch/windows.ts'
import { transcriptHashOf } from '../../../protocol/keygen/transcript.ts'
import type { Membership } from '../../../protocol/membership.ts'
import { createWindowBeacons, type WindowBeacons } from '../../../worker/challenge/window-beacons.ts'
import { hash, network } from '../../support/epoch/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { beaconValue, dealBeacon, proofBytes } from '../../support/protocol/beacon-key.ts'
import { DOMAIN, KEY_EPOCH } from '../../support/protocol/network.ts'

const terms = { clock: { startSec: 1_000, lengthSec: 400 }, slotSec: 5, every: 2, graceSec: 2 }
const key = dealBeacon([0, 1, 2, 3], 3, 'worker')
const other = dealBeacon([0, 1, 2, 3], 3, 'another')
const signal = new AbortController().signal
const slots = [...Array(20).keys()]
const dueAt = (due: boolean): number =>
  slots.find(slot => isWindow(terms, slot, beaconValue(key, { kind: 'window', slot })) === due) ?? -1
const [DUE, NOT_DUE] = [dueAt(true), dueAt(false)]
const ROOT = hash('root')

describe("a worker's view of the beacon", () => {
  const log = recordLogger()
  let asked: { transcripts: number; proofs: number }
  let transcript: Uint8Array
  let proof: (input: BeaconInput) => Uint8Array | undefined
  let keyEpoch: number
  let beacons: WindowBeacons

  const membership = (): Membership => {
    const { groupKey } = network.membership
    if (groupKey === undefined) throw new Error('the network has a key')
    const transcriptHash = transcriptHashOf(key.transcript)
    return { ...network.membership, keyEpoch, groupKey: { ...groupKey, transcriptHash } }
  }

  beforeEach(() => {
    asked = { transcripts: 0, proofs: 0 }
    log.lines.length = 0
    keyEpoch = KEY_EPOCH
    transcript = key.transcript
    proof = input => proofBytes(key, KEY_EPOCH, input, [0, 2, 3])
    beacons = createWindowBeacons(
      { domain: DOMAIN, terms },
      {
        logger: log,
        membershipAt: membership,
        relayer: {
          beacon: async slot => beaconValue(key, { kind: 'window', slot }),
          beaconProof: async (slot, root) => {
            asked.proofs++
            return proof(root === undefined ? { kind: 'window', slot } : { kind: 'draw', slot, root })
          },
          transcript: async () => {
            asked.transcripts++
            return transcript
          },
        },
      },
    )
  })

  it('has the beacon of a window once it is proven, and asks for the key once', async () => {
    const input = { kind: 'window', slot: DUE } as const
    expect(await beacons.window(DUE, signal)).to.deep.equal({ beacon: beaconValue(key, input) })
    const draw = { kind: 'draw', slot: DUE, root: ROOT } as const
    expect(await beacons.draw(DUE, ROOT, signal)).to.equal(beaconValue(key, draw))
    expect(asked).to.deep.equal({ transcripts: 1, proofs: 2 })
  })

  it('asks for no proof that a slot is no window', async () => {
    expect(await beacons.window(NOT_DUE, signal)).to.deep.equal({ beacon: undefined })
    expect(asked.proofs).to.equal(0)
  })

  it('works from nothing that the relayer cannot prove', async () => {
    const lies: ((input: BeaconInput) => Uint8Array | undefined)[] = [
      () => undefined,
      () => new Uint8Array(5),
      input => proofBytes(key, KEY_EPOCH, input, [0, 1]),
      input => proofBytes(other, KEY_EPOCH, input, [0, 1, 2]),
      input => proofBytes(key, KEY_EPOCH + 1, input, [0, 1, 2]),
      input => proofBytes(key, KEY_EPOCH, { ...input, slot: input.slot + 1 }, [0, 1, 2]),
    ]
    for (const lie of lies) {
      proof = lie
      expect(await beacons.window(DUE, signal)).to.equal(undefined)
      expect(await beacons.draw(DUE, ROOT, signal)).to.equal(undefined)
    }
    expect(log.lines.filter(({ level }) => level === 'error')).to.have.length(2 * (lies.length - 1))
  })

  it('believes no transcript but the one of the registry', async () => {
    transcript = other.transcript
    proof = input => proofBytes(other, KEY_EPOCH, input, [0, 1, 2])
    expect(await beacons.window(DUE, signal)).to.equal(undefined)
  })
})
