import type { Command } from 'commander'
import { print, printJson } from '../output.ts'
import { address, integer, url } from '../parsers.ts'
import { orUntold } from '../untold-error.ts'
import type { QuoteTrustOptions } from '../verify/quote-trust.ts'

interface Options extends QuoteTrustOptions {
  readonly round?: number
  readonly json?: boolean
}

/** Chain ids fit what JSON holds exactly. */
const MAX_CHAIN_ID = Number.MAX_SAFE_INTEGER
const MAX_ROUND = 2 ** 40 - 1

/** `ionet verify quote`: makes a member's quote again from the venue values that it serves. */
export function addVerifyQuoteCommand(verify: Command): void {
  verify
    .command('quote')
    .summary('compute a quote of an oracle node again from its trace')
    .description(
      'compute a quote of an oracle node again, bit for bit, from the venue values in its trace and the plan of the ' +
        'network; exit code 1 when it does not follow from them, 2 when it cannot be told',
    )
    .argument('[source]', "a file, - for standard input, or a trace's or an oracle node's address", '-')
    .option('--round <number>', 'round of the quote that is meant', integer(0, MAX_ROUND))
    .option('--network <file>', "the network's file: its plan is what the quote must follow from")
    .option('--deployment <file>', 'deployment file')
    .option('--chain-id <number>', 'chain of the network, without --deployment', integer(1, MAX_CHAIN_ID))
    .option('--registry <address>', "the network's OracleRegistry, without --deployment", address)
    .option(
      '--member <address...>',
      'identities that may have signed it, instead of the registry',
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), address(text)],
    )
    .option('--rpc <url>', 'Ethereum JSON-RPC endpoint to read the members from', url)
    .option(
      '--devnet <directory>',
      'directory of a local network: its files, and its saved chain unless --rpc is given',
    )
    .option('--json', 'print one JSON object')
    .action(orUntold(run))
}

async function run(source: string, options: Options): Promise<void> {
  const [
    { findQuoteTrace },
    { quoteTrust },
    { checkQuote, faultOf, readQuote, unreadable },
    { nobleIdentityCrypto },
  ] = await Promise.all([
    import('../verify/quote-source.ts'),
    import('../verify/quote-trust.ts'),
    import('../verify/quote-checks.ts'),
    import('../../protocol/identity.ts'),
  ])
  const trust = quoteTrust(options)
  const { from, value } = await findQuoteTrace(source, options.round, process.stdin)
  const read = readQuote(value, trust.domain)
  const quote = 'signed' in read ? read.signed.quote : undefined
  const { checks, outcome } =
    'signed' in read
      ? checkQuote(
          read,
          { ...trust, members: await trust.membersOf(read.signed.quote.keyEpoch), round: options.round },
          nobleIdentityCrypto,
        )
      : unreadable(read)
  const wrong = faultOf(checks)
  // What cannot be told is no verdict on the quote.
  if (wrong !== undefined) process.exitCode = wrong.reason === 'UNKNOWN_MEMBERS' ? 2 : 1
  if (options.json === true) {
    printJson({
      verdict: wrong === undefined ? 'follows' : 'fails',
      reason: wrong?.reason ?? null,
      sentence: wrong?.sentence ?? null,
      quote: quote ?? null,
      from,
      trust: trust.from,
      checks,
      outcome: outcome ?? null,
    })
    return
  }
  const { renderQuote } = await import('../verify/render-quote.ts')
  for (const line of renderQuote({ from, trust: trust.from, checks, outcome, round: quote?.round }))
    print(line)
}
