/**
 * Bytes of the state that epochs hand on.
 *
 * ```
 * channel   channel 97 | asset 1 | units 32 | claimed 32 | settled 32 | feeSettled 32
 * hold      hold 124 | used 32
 * sequence  worker 20 | next 6 | gaps 1 | (from 6 | to 6) …
 * ```
 */
import { ByteReader, ByteWriter, DecodeError } from '../bytes.ts'
import { readHold, writeHold } from '../usage/hold.ts'
import { readChannel, writeChannel } from '../usage/receipt.ts'
import { isSequenceState, MAX_GAPS } from '../usage/sequence.ts'
import { COUNTER_BYTES, readAsset } from '../usage/wire.ts'
import type { ChannelState, HoldState, WorkerSequence } from './state.ts'

export function encodeChannelState(state: ChannelState): Uint8Array {
  return writeChannel(new ByteWriter(), state.channel)
    .uint(state.asset, 1)
    .uint(state.units, 32)
    .uint(state.claimed, 32)
    .uint(state.settled, 32)
    .uint(state.feeSettled, 32)
    .done()
}

/** @throws {DecodeError} */
export function decodeChannelState(bytes: Uint8Array): ChannelState {
  const reader = new ByteReader(bytes)
  const state = {
    channel: readChannel(reader),
    asset: readAsset(reader),
    units: reader.uint(32),
    claimed: reader.uint(32),
    settled: reader.uint(32),
    feeSettled: reader.uint(32),
  }
  if (state.settled > state.claimed || state.feeSettled > state.settled)
    throw new DecodeError('BAD_VALUE', 'a channel that has been paid more than was charged')
  return reader.done(state)
}

export function encodeHoldState({ hold, used }: HoldState): Uint8Array {
  return writeHold(new ByteWriter(), hold).uint(used, 32).done()
}

/** @throws {DecodeError} */
export function decodeHoldState(bytes: Uint8Array): HoldState {
  const reader = new ByteReader(bytes)
  const state = { hold: readHold(reader), used: reader.uint(32) }
  if (state.used > state.hold.maxAmount)
    throw new DecodeError('BAD_VALUE', 'a hold that is used above its maximum')
  return reader.done(state)
}

export function encodeWorkerSequence({ worker, sequence }: WorkerSequence): Uint8Array {
  const writer = new ByteWriter()
    .hex(worker, 20)
    .uint(sequence.next, COUNTER_BYTES)
    .uint(sequence.gaps.length, 1)
  for (const gap of sequence.gaps) writer.uint(gap.from, COUNTER_BYTES).uint(gap.to, COUNTER_BYTES)
  return writer.done()
}

/** @throws {DecodeError} */
export function decodeWorkerSequence(bytes: Uint8Array): WorkerSequence {
  const reader = new ByteReader(bytes)
  const worker = reader.hex(20)
  const next = reader.small(COUNTER_BYTES)
  const gaps = reader.list(MAX_GAPS, item => ({
    from: item.small(COUNTER_BYTES),
    to: item.small(COUNTER_BYTES),
  }))
  if (!isSequenceState({ next, gaps })) throw new DecodeError('BAD_VALUE', 'gaps that cannot be')
  return reader.done({ worker, sequence: { next, gaps } })
}
