/**
 * How partials and proofs are sent. Nothing is sealed: a proof of equal logarithms names its maker better than a
 * signature would.
 *
 * ```
 * partial  tag 4 | kind 1 | keyEpoch 4 | slot 6 | root 32 | member 1 | point 33 | challenge 32 | response 32
 * query    kind 1 | slot 6 | root 32
 * proof    keyEpoch 4 | count 1 | count × (member 1 | point 33 | challenge 32 | response 32)
 * ```
 */
import { ByteReader, ByteWriter, DecodeError, equalBytes } from '../bytes.ts'
import { type Domain, domainTag } from '../domain.ts'
import type { BeaconProof, SlotPartial } from './combine.ts'
import { BEACON_KIND, type BeaconInput, NO_ROOT, rootOf } from './input.ts'
import { type BeaconPartial, POINT_BYTES, SCALAR_BYTES } from './partial.ts'

/** One member's partial of one input, under one key. */
export interface PartialMessage extends SlotPartial {
  readonly keyEpoch: number
  readonly input: BeaconInput
}

const SLOT_PARTIAL_BYTES = 1 + POINT_BYTES + 2 * SCALAR_BYTES
export const QUERY_BYTES = 1 + 6 + 32
export const PARTIAL_MESSAGE_BYTES = 4 + 4 + QUERY_BYTES + SLOT_PARTIAL_BYTES
/** As many members as one registry lists. */
const MAX_PARTIALS = 255
export const MAX_PROOF_BYTES = 4 + 1 + MAX_PARTIALS * SLOT_PARTIAL_BYTES

export function encodePartialMessage(domain: Domain, message: PartialMessage): Uint8Array {
  const writer = new ByteWriter().fixed(domainTag(domain), 4)
  writeKind(writer, message.input).uint(message.keyEpoch, 4)
  return writeSlotPartial(writeRest(writer, message.input), message).done()
}

/** @throws {DecodeError} when it is of another network, or not canonical */
export function decodePartialMessage(domain: Domain, bytes: Uint8Array): PartialMessage {
  const reader = new ByteReader(bytes)
  if (!equalBytes(reader.fixed(4), domainTag(domain)))
    throw new DecodeError('BAD_VALUE', 'a partial of another network')
  const kind = reader.small(1)
  const keyEpoch = reader.small(4)
  const input = readRest(reader, kind)
  return reader.done({ keyEpoch, input, ...readSlotPartial(reader) })
}

/** Asks for the proof of an input's value. */
export function encodeQuery(input: BeaconInput): Uint8Array {
  return writeRest(writeKind(new ByteWriter(), input), input).done()
}

/** @throws {DecodeError} */
export function decodeQuery(bytes: Uint8Array): BeaconInput {
  const reader = new ByteReader(bytes)
  const kind = reader.small(1)
  return reader.done(readRest(reader, kind))
}

export function encodeProof({ keyEpoch, partials }: BeaconProof): Uint8Array {
  const writer = new ByteWriter().uint(keyEpoch, 4).uint(partials.length, 1)
  for (const partial of partials) writeSlotPartial(writer, partial)
  return writer.done()
}

/** Ascending by slot; how many there must be is the key's to say. @throws {DecodeError} */
export function decodeProof(bytes: Uint8Array): BeaconProof {
  const reader = new ByteReader(bytes)
  const keyEpoch = reader.small(4)
  const partials = reader.list(MAX_PARTIALS, readSlotPartial)
  if (partials.some(({ slot }, index) => index > 0 && slot <= (partials[index - 1]?.slot ?? 0)))
    throw new DecodeError('BAD_VALUE', 'partials must ascend by slot')
  return reader.done({ keyEpoch, partials })
}

function writeKind(writer: ByteWriter, input: BeaconInput): ByteWriter {
  return writer.uint(BEACON_KIND[input.kind], 1)
}

function writeRest(writer: ByteWriter, input: BeaconInput): ByteWriter {
  return writer.uint(input.slot, 6).hex(rootOf(input), 32)
}

function readRest(reader: ByteReader, kind: number): BeaconInput {
  const slot = reader.small(6)
  const root = reader.hex(32)
  if (kind === BEACON_KIND.draw) return { kind: 'draw', slot, root }
  if (kind !== BEACON_KIND.window) throw new DecodeError('BAD_KIND', `a beacon of kind ${kind}`)
  if (root !== NO_ROOT) throw new DecodeError('BAD_VALUE', 'a window has no root yet when its beacon is made')
  return { kind: 'window', slot }
}

function writeSlotPartial(writer: ByteWriter, { slot, partial }: SlotPartial): ByteWriter {
  return writer
    .uint(slot, 1)
    .fixed(partial.point, POINT_BYTES)
    .fixed(partial.challenge, SCALAR_BYTES)
    .fixed(partial.response, SCALAR_BYTES)
}

function readSlotPartial(reader: ByteReader): SlotPartial {
  const slot = reader.small(1)
  const partial: BeaconPartial = {
    point: reader.fixed(POINT_BYTES),
    challenge: reader.fixed(SCALAR_BYTES),
    response: reader.fixed(SCALAR_BYTES),
  }
  return { slot, partial }
}
