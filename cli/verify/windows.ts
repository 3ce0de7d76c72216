/**
 * Whether the windows of a bundle were challenge windows, and whether enough members drew what was opened of them, by
 * proofs that anybody may show: the chain names the keys.
 */
import type { SettlementReader } from '../../chain/settlement/reader.ts'
import type { NetworkConfig } from '../../config/network.ts'
import { valueOfProof } from '../../protocol/beacon/combine.ts'
import type { BeaconInput } from '../../protocol/beacon/input.ts'
import { decodeProof } from '../../protocol/beacon/messages.ts'
import type { BeaconPublic } from '../../protocol/beacon/public.ts'
import { namedBeacon } from '../../protocol/beacon/transcript.ts'
import { DecodeError, type Hash } from '../../protocol/bytes.ts'
import { OPENING } from '../../protocol/epoch/availability.ts'
import type { EpochBundle } from '../../protocol/epoch/bundle.ts'
import {
  epochOfSlot,
  isWindow,
  mayBeWindow,
  slotStartSec,
  type WindowTerms,
} from '../../protocol/epoch/windows.ts'
import type { BeaconSource } from './beacon-source.ts'

export interface WindowCheck {
  /** A sentence about the first that is wrong. */
  readonly wrong: string | undefined
  /** What nobody showed a proof for, a sentence each. */
  readonly notChecked: readonly string[]
}

type Network = Pick<NetworkConfig, 'challengeSlotSec' | 'challengeEvery' | 'challengeGraceSec'>
type Reader = Pick<SettlementReader, 'clock' | 'keyEpochAt' | 'groupKeyOf'>

export async function checkWindows(
  { header, windows, results }: Pick<EpochBundle, 'header' | 'windows' | 'results'>,
  network: Network,
  reader: Reader,
  sources: readonly BeaconSource[],
): Promise<WindowCheck> {
  const terms: WindowTerms = {
    clock: reader.clock,
    slotSec: network.challengeSlotSec,
    every: network.challengeEvery,
    graceSec: network.challengeGraceSec,
  }
  const keys = new Map<number, BeaconPublic | undefined>()
  const valueFor = async (input: BeaconInput, keyEpoch: number): Promise<Hash | undefined> => {
    if (!keys.has(keyEpoch)) keys.set(keyEpoch, await keyFrom(sources, keyEpoch, reader))
    const pub = keys.get(keyEpoch)
    if (pub === undefined) return undefined
    for (const source of sources) {
      const bytes = await source.proof(input)
      const value =
        bytes === undefined
          ? undefined
          : shownBy(bytes, keyEpoch, proof => valueOfProof(header.domain, input, pub, proof))
      if (value !== undefined) return value
    }
    return undefined
  }
  const passed = new Set(
    results.filter(({ opening }) => opening === OPENING.passed).map(({ window }) => window),
  )
  const saidUndrawn = new Set(
    results.filter(({ opening }) => opening === OPENING.notDrawn).map(({ window }) => window),
  )
  const unknown: number[] = []
  const undrawn: number[] = []
  const withheld: number[] = []
  const wrong = async (): Promise<string | undefined> => {
    for (const { window, root } of windows) {
      if (epochOfSlot(terms, window) !== header.epoch)
        return `window ${window} is of epoch ${epochOfSlot(terms, window)}, not ${header.epoch}`
      if (!mayBeWindow(terms, window)) return `slot ${window} is the last of its epoch, and no window`
      const keyEpoch = reader.keyEpochAt(slotStartSec(terms, window))
      if (keyEpoch === undefined) return `window ${window} began before there was a key to make its beacon`
      const beacon = await valueFor({ kind: 'window', slot: window }, keyEpoch)
      if (beacon === undefined) unknown.push(window)
      else if (!isWindow(terms, window, beacon)) return `slot ${window} was no challenge window by its beacon`
      if (!passed.has(window) && !saidUndrawn.has(window)) continue
      const draw = await valueFor({ kind: 'draw', slot: window, root }, keyEpoch)
      if (draw === undefined && passed.has(window)) undrawn.push(window)
      if (draw !== undefined && saidUndrawn.has(window)) withheld.push(window)
    }
    return undefined
  }
  return {
    wrong: await wrong(),
    notChecked: [
      ...(unknown.length > 0
        ? [
            `whether these were challenge windows, for nobody showed the proof of their beacons: ${unknown.join(', ')}`,
          ]
        : []),
      ...(undrawn.length > 0
        ? [
            `that a quorum had the roots of these windows in time, for nobody showed the proof of their draws: ${undrawn.join(', ')}`,
          ]
        : []),
      // An honest relayer may have got them after it had sealed the epoch: this alone convicts nobody.
      ...(withheld.length > 0
        ? [
            `why nothing was opened of these windows, although there are proofs of their draws: ${withheld.join(', ')}`,
          ]
        : []),
    ],
  }
}

/** The first transcript that is the one on chain. */
async function keyFrom(
  sources: readonly BeaconSource[],
  keyEpoch: number,
  reader: Reader,
): Promise<BeaconPublic | undefined> {
  const hash = reader.groupKeyOf(keyEpoch)?.transcriptHash
  for (const source of sources) {
    const bytes = await source.transcript(keyEpoch)
    const pub = bytes === undefined ? undefined : namedBeacon(hash, bytes)
    if (pub !== undefined) return pub
  }
  return undefined
}

function shownBy<T>(
  bytes: Uint8Array,
  keyEpoch: number,
  read: (proof: ReturnType<typeof decodeProof>) => T,
): T | undefined {
  try {
    const proof = decodeProof(bytes)
    return proof.keyEpoch === keyEpoch ? read(proof) : undefined
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
