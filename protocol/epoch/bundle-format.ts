/**
 * How a bundle is cut into blocks, and what each section holds.
 *
 * ```
 * stream  magic 8 | block … | end
 * block   section 1 | first item's index 4 | items 2 | payload bytes 4 | payload | CRC-32 of all before 4
 * item    length 4 | bytes
 * end     a block of section 255 without items
 * ```
 *
 * Sections come in the order of their numbers, empty ones not at all; items ascend strictly by raw bytes. A block
 * is closed by the first item that brings it to 256 items or 64 KiB. So a bundle has one encoding, whoever makes
 * it, and a damaged byte is found and named before the whole has arrived.
 */
import { decodeCertifiedReport, encodeCertifiedReport } from '../certificate.ts'
import { decodeSignedBatch, encodeSignedBatch, MAX_BATCH_BYTES } from '../usage/batch.ts'
import { decodeAcceptedHold, encodeAcceptedHold } from '../usage/hold.ts'
import { decodeSignedReceipt, encodeSignedReceipt } from '../usage/receipt.ts'
import { type EpochBundle, SECTIONS, type SectionName } from './bundle.ts'
import {
  decodeDebit,
  decodeDeposit,
  decodeHeader,
  decodeModel,
  decodeParameters,
  decodeResult,
  decodeReward,
  decodeWindow,
  encodeDebit,
  encodeDeposit,
  encodeHeader,
  encodeModel,
  encodeParameters,
  encodeResult,
  encodeReward,
  encodeWindow,
} from './bundle-items.ts'
import {
  decodeChannelState,
  decodeHoldState,
  decodeWorkerSequence,
  encodeChannelState,
  encodeHoldState,
  encodeWorkerSequence,
} from './state-codec.ts'

export const MAGIC = new TextEncoder().encode('IOEPOCH1')
export const BLOCK_ITEMS = 256
export const BLOCK_BYTES = 65_536
export const BLOCK_HEAD_BYTES = 1 + 4 + 2 + 4
export const CHECK_BYTES = 4
export const ITEM_HEAD_BYTES = 4
export const END_SECTION = 255
/** A block below its limit, and one more item of the largest kind. */
export const MAX_PAYLOAD_BYTES = BLOCK_BYTES + ITEM_HEAD_BYTES + MAX_BATCH_BYTES

/** How one item of each section is written and read. */
const CODECS = {
  header: codec(encodeHeader, decodeHeader),
  parameters: codec(encodeParameters, decodeParameters),
  price: codec(encodeCertifiedReport, decodeCertifiedReport),
  models: codec(encodeModel, decodeModel),
  deposits: codec(encodeDeposit, decodeDeposit),
  windows: codec(encodeWindow, decodeWindow),
  results: codec(encodeResult, decodeResult),
  channels: codec(encodeChannelState, decodeChannelState),
  holds: codec(encodeHoldState, decodeHoldState),
  sequences: codec(encodeWorkerSequence, decodeWorkerSequence),
  openingRewards: codec(encodeReward, decodeReward),
  openingDebits: codec(encodeDebit, decodeDebit),
  acceptances: codec(encodeAcceptedHold, decodeAcceptedHold),
  receipts: codec(encodeSignedReceipt, decodeSignedReceipt),
  batches: codec(encodeSignedBatch, decodeSignedBatch),
  rewards: codec(encodeReward, decodeReward),
  debits: codec(encodeDebit, decodeDebit),
} as const satisfies Record<SectionName, unknown>

interface Codec<T> {
  readonly encode: (item: T) => Uint8Array
  readonly decode: (bytes: Uint8Array) => T
}

function codec<T>(encode: (item: T) => Uint8Array, decode: (bytes: Uint8Array) => T): Codec<T> {
  return { encode, decode }
}

type ItemOf<S extends SectionName> = ReturnType<(typeof CODECS)[S]['decode']>

/** Items of every section, as they come out of a stream. */
export type BundleItems = { readonly [S in SectionName]: ItemOf<S>[] }

export function noItems(): BundleItems {
  return {
    header: [],
    parameters: [],
    price: [],
    models: [],
    deposits: [],
    windows: [],
    results: [],
    channels: [],
    holds: [],
    sequences: [],
    openingRewards: [],
    openingDebits: [],
    acceptances: [],
    receipts: [],
    batches: [],
    rewards: [],
    debits: [],
  }
}

/** Decodes one item and keeps it. @throws {DecodeError} */
export function addItem<S extends SectionName>(items: BundleItems, section: S, bytes: Uint8Array): void {
  const decode = CODECS[section].decode as (bytes: Uint8Array) => ItemOf<S>
  items[section].push(decode(bytes))
}

/** Encoded items of one section, in the order of the bundle. */
export function* encodedItems(bundle: EpochBundle, section: SectionName): Generator<Uint8Array> {
  yield* encodeAll(itemsOf(bundle), section)
}

function* encodeAll<S extends SectionName>(items: BundleItems, section: S): Generator<Uint8Array> {
  const encode = CODECS[section].encode as (item: ItemOf<S>) => Uint8Array
  for (const item of items[section]) yield encode(item)
}

function itemsOf(bundle: EpochBundle): BundleItems {
  const { header, parameters, price, opening, ...lists } = bundle
  return {
    header: [header],
    parameters: [parameters],
    price: price === undefined ? [] : [price],
    channels: [...opening.channels],
    holds: [...opening.holds],
    sequences: [...opening.sequences],
    models: [...lists.models],
    deposits: [...lists.deposits],
    windows: [...lists.windows],
    results: [...lists.results],
    openingRewards: [...lists.openingRewards],
    openingDebits: [...lists.openingDebits],
    acceptances: [...lists.acceptances],
    receipts: [...lists.receipts],
    batches: [...lists.batches],
    rewards: [...lists.rewards],
    debits: [...lists.debits],
  }
}

const NAMES = new Map<number, SectionName>(
  Object.entries(SECTIONS).map(([name, number]) => [number, name as SectionName]),
)

export function sectionOf(number: number): SectionName | undefined {
  return NAMES.get(number)
}

/** Sections of which a bundle has exactly one item, or at most one. */
export const SINGLE: ReadonlySet<SectionName> = new Set(['header', 'parameters', 'price'])
