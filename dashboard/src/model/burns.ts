import { iosdForIo, type Price, type Wei } from '../../../protocol/units.ts'
import { WireError } from './fields.ts'
import { type Log, mergeRecent, positionOf, wordOf, wordsIn } from './logs.ts'

/** One `Burned` event of the Burner. */
export interface Burn {
  /** Block and index in it: unique. */
  id: string
  block: number
  account: string
  io: Wei
  iosd: Wei
  price: Price
  /** Round of the report that gave the price. */
  round: number
  /** IOSD made equals ⌊IO · price⌋, to the last wei. */
  exact: boolean
}

/**
 * Decodes `Burned(address indexed account, uint256 indexed epoch, uint256 io, uint256 iosd, uint256 price, uint40 round)`.
 *
 * @throws {WireError} when the log is not one
 */
export function decodeBurn(log: Log): Burn {
  const account = log.topics[1]
  if (account?.length !== 66 || log.topics.length !== 3) throw new WireError('log.topics', 'those of a burn')
  if (wordsIn(log) !== 4) throw new WireError('log.data', 'four words')
  const io = wordOf(log, 0) as Wei
  const iosd = wordOf(log, 1) as Wei
  const price = wordOf(log, 2) as Price
  return {
    ...positionOf(log),
    account: `0x${account.slice(26)}`,
    io,
    iosd,
    price,
    round: Number(wordOf(log, 3)),
    exact: iosd === iosdForIo(io, price),
  }
}

/** The panel shows a dozen; the rest is on the chain. */
const MAX_BURNS = 100

/** Newest first; see {@link mergeRecent}. */
export function mergeBurns(known: readonly Burn[], fromBlock: number, fetched: readonly Burn[]): Burn[] {
  return mergeRecent(known, fromBlock, fetched, MAX_BURNS)
}
