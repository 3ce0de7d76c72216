/** At what price something is burned, what it must give at the least, and until when: for burns and for claims as IOSD. */
import { type PublicClient, zeroAddress } from 'viem'
import type { Address, Hex } from '../protocol/bytes.ts'
import type { CertifiedReport } from '../protocol/certificate.ts'
import { unpackReport } from '../protocol/report.ts'
import { BPS, iosdForIo, mulDivDown, type Price, type Wei } from '../protocol/units.ts'
import { readLatestReport } from './price-feed.ts'

export type BurnErrorCode = 'NO_PRICE' | 'NOT_ENOUGH_IO' | 'REFUSED' | 'WRONG_CHAIN'

/** Nothing was burned. `NO_PRICE` and `REFUSED` may be over soon: trying again later can help. */
export class BurnError extends Error {
  readonly code: BurnErrorCode
  constructor(code: BurnErrorCode, sentence: string, cause?: unknown) {
    super(sentence, { cause })
    this.name = 'BurnError'
    this.code = code
  }
}

/** A report as the burner takes it: with the group key's certificate, or none. */
export interface ReportArgument {
  readonly word: bigint
  readonly r: Address
  readonly s: bigint
}

/** The newest certified report that somebody knows of; undefined when there is none. */
export type NewestReport = () => Promise<CertifiedReport | undefined>

export interface BurnTerms {
  readonly price: Price
  /** Brought to the feed in the same transaction. */
  readonly report: ReportArgument
  /** Unix seconds of block time. */
  readonly deadline: bigint
}

/** The contract leaves a report alone whose round is not above the feed's. */
export const NO_REPORT: ReportArgument = { word: 0n, r: zeroAddress as Hex, s: 0n }
/** The price may move so far between asking and burning before the burn is refused. */
const SLIPPAGE_BPS = 100n
/** A burn that is not included within this time is void. */
const DEADLINE_SEC = 120n

/**
 * The price of now: that on chain, or that of a newer report, which then goes along. Whoever serves the report need not
 * be trusted: the feed checks its certificate, and with a false one nothing is burned.
 *
 * @throws {BurnError} `NO_PRICE`
 */
export async function readBurnTerms(
  reader: PublicClient,
  priceFeed: Address,
  newestReport?: NewestReport,
): Promise<BurnTerms> {
  const [onChain, newest, block] = await Promise.all([
    readLatestReport(reader, priceFeed),
    newestReport?.(),
    reader.getBlock(),
  ])
  const deadline = block.timestamp + DEADLINE_SEC
  const offered = newest === undefined ? undefined : reportArgument(newest)
  if (offered !== undefined) {
    const { price, round } = unpackReport(offered.word)
    if (onChain === undefined || round > onChain.round) return { price, report: offered, deadline }
  }
  if (onChain === undefined)
    throw new BurnError('NO_PRICE', 'there is no certified price on chain yet: try again in a moment')
  return { price: onChain.price, report: NO_REPORT, deadline }
}

/** What `io` gives at `price` if it moves against the burner by no more than a hundredth meanwhile. */
export function leastIosd(io: Wei, price: Price): bigint {
  return mulDivDown(iosdForIo(io, price), BPS - SLIPPAGE_BPS, BPS)
}

/** Undefined where identities signed in place of the group key: that goes to the feed by itself. */
function reportArgument({ word, certificate }: CertifiedReport): ReportArgument | undefined {
  if (certificate.kind !== 'group') return undefined
  return { word, r: certificate.signature.r, s: certificate.signature.s }
}
