/** Bytes of the bundle's smaller items. Keys stand first, so that sorting by bytes sorts by key. */
import { ByteReader, ByteWriter, DecodeError } from '../bytes.ts'
import { COUNTER_BYTES } from '../usage/wire.ts'
import { type ChallengeResult, OPENING, type Opening, type WindowRoot } from './availability.ts'
import type { BundleHeader } from './bundle.ts'
import type { DepositLine } from './deposits.ts'
import type { DebitLine, RewardLine } from './ledger.ts'
import { type EpochParameters, MAX_ROYALTY_BPS } from './parameters.ts'
import type { Model } from './settle-usage.ts'

export function encodeHeader(header: BundleHeader): Uint8Array {
  return new ByteWriter()
    .uint(header.domain.chainId, COUNTER_BYTES)
    .hex(header.domain.registry, 20)
    .uint(header.epoch, COUNTER_BYTES)
    .uint(header.snapshotBlock, COUNTER_BYTES)
    .hex(header.snapshotHash, 32)
    .uint(header.burned, 32)
    .uint(header.reserve, 32)
    .done()
}

/** @throws {DecodeError} */
export function decodeHeader(bytes: Uint8Array): BundleHeader {
  const reader = new ByteReader(bytes)
  return reader.done({
    domain: { chainId: reader.small(COUNTER_BYTES), registry: reader.hex(20) },
    epoch: reader.small(COUNTER_BYTES),
    snapshotBlock: reader.small(COUNTER_BYTES),
    snapshotHash: reader.hex(32),
    burned: reader.uint(32),
    reserve: reader.uint(32),
  })
}

export function encodeParameters(parameters: EpochParameters): Uint8Array {
  return new ByteWriter()
    .uint(parameters.version, 4)
    .uint(parameters.hireTaxBps, 2)
    .uint(parameters.hiredBps, 2)
    .uint(parameters.feeBps, 2)
    .uint(parameters.gatewayBps, 2)
    .uint(parameters.maxDebitBps, 2)
    .uint(parameters.targetWeight, 32)
    .uint(parameters.longestHoldEpochs, 4)
    .done()
}

/** @throws {DecodeError} */
export function decodeParameters(bytes: Uint8Array): EpochParameters {
  const reader = new ByteReader(bytes)
  return reader.done({
    version: reader.small(4),
    hireTaxBps: reader.small(2),
    hiredBps: reader.small(2),
    feeBps: reader.small(2),
    gatewayBps: reader.small(2),
    maxDebitBps: reader.small(2),
    targetWeight: reader.uint(32),
    longestHoldEpochs: reader.small(4),
  })
}

export function encodeModel(model: Model): Uint8Array {
  return new ByteWriter()
    .hex(model.id, 32)
    .uint(model.version, 4)
    .hex(model.owner, 20)
    .uint(model.royaltyBps, 2)
    .uint(model.active ? 1 : 0, 1)
    .done()
}

/** @throws {DecodeError} */
export function decodeModel(bytes: Uint8Array): Model {
  const reader = new ByteReader(bytes)
  const head = {
    id: reader.hex(32),
    version: reader.small(4),
    owner: reader.hex(20),
    royaltyBps: reader.small(2),
  }
  const active = reader.small(1)
  if (active > 1) throw new DecodeError('BAD_VALUE', `active is ${active}`)
  if (head.royaltyBps > MAX_ROYALTY_BPS) throw new DecodeError('BAD_VALUE', `royalty ${head.royaltyBps}`)
  return reader.done({ ...head, active: active === 1 })
}

export function encodeDeposit(line: DepositLine): Uint8Array {
  return new ByteWriter().hex(line.payer, 20).uint(line.io, 32).uint(line.iosd, 32).done()
}

/** @throws {DecodeError} */
export function decodeDeposit(bytes: Uint8Array): DepositLine {
  const reader = new ByteReader(bytes)
  return reader.done({ payer: reader.hex(20), io: reader.uint(32), iosd: reader.uint(32) })
}

export function encodeWindow({ window, root }: WindowRoot): Uint8Array {
  return new ByteWriter().uint(window, 4).hex(root, 32).done()
}

/** @throws {DecodeError} */
export function decodeWindow(bytes: Uint8Array): WindowRoot {
  const reader = new ByteReader(bytes)
  return reader.done({ window: reader.small(4), root: reader.hex(32) })
}

export function encodeResult(result: ChallengeResult): Uint8Array {
  return new ByteWriter()
    .uint(result.window, 4)
    .hex(result.worker, 20)
    .hex(result.device, 32)
    .uint(result.products, 4)
    .hex(result.commitment, 32)
    .uint(result.opening, 1)
    .hex(result.transcriptHash, 32)
    .done()
}

/** @throws {DecodeError} */
export function decodeResult(bytes: Uint8Array): ChallengeResult {
  const reader = new ByteReader(bytes)
  return reader.done({
    window: reader.small(4),
    worker: reader.hex(20),
    device: reader.hex(32),
    products: reader.small(4),
    commitment: reader.hex(32),
    opening: readOpening(reader),
    transcriptHash: reader.hex(32),
  })
}

function readOpening(reader: ByteReader): Opening {
  const opening = reader.small(1)
  if (opening !== OPENING.notDrawn && opening !== OPENING.passed && opening !== OPENING.failed)
    throw new DecodeError('BAD_VALUE', `opening ${opening}`)
  return opening
}

export function encodeReward({ account, cumulative }: RewardLine): Uint8Array {
  return new ByteWriter().hex(account, 20).uint(cumulative, 32).done()
}

/** @throws {DecodeError} */
export function decodeReward(bytes: Uint8Array): RewardLine {
  const reader = new ByteReader(bytes)
  return reader.done({ account: reader.hex(20), cumulative: reader.uint(32) })
}

export function encodeDebit(line: DebitLine): Uint8Array {
  return new ByteWriter().hex(line.payer, 20).uint(line.cumulativeIosd, 32).uint(line.cumulativeIo, 32).done()
}

/** @throws {DecodeError} */
export function decodeDebit(bytes: Uint8Array): DebitLine {
  const reader = new ByteReader(bytes)
  return reader.done({
    payer: reader.hex(20),
    cumulativeIosd: reader.uint(32),
    cumulativeIo: reader.uint(32),
  })
}
