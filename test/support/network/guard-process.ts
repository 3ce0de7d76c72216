/**
 * Opens the guard at `argv[2]` and, as member 0, does `argv[3]`: `quote` or `lock`, for the round `argv[4]`. Says so
 * at once when it is done, and then waits to be killed: nothing is closed or flushed.
 */
import { Guard } from '../../../oracle-node/guard/guard.ts'
import { createGuardStore, GUARD_MIGRATIONS } from '../../../oracle-node/guard/guard-store.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { aQuote, crypto, DOMAIN, FEED_ID, party } from './cast.ts'

const [, , path = '', deed = '', roundText = ''] = process.argv
const round = asRound(Number(roundText))
const guard = new Guard(
  { domain: DOMAIN, feedId: FEED_ID, slot: 0, secret: party('member 0').secret },
  createGuardStore(openDatabase(path, GUARD_MIGRATIONS)),
  crypto,
)
const said =
  deed === 'quote'
    ? guard.signQuote(aQuote({ round })).bytes
    : guard.lockAndSignReport(round, { word: 7n, proposal: Uint8Array.of(1, 2, 3) })
process.stdout.write(`${Buffer.from(said).toString('hex')}\n`)
process.stdin.resume()
