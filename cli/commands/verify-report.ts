import type { Command } from 'commander'
import { print, printJson } from '../output.ts'
import { address, duration, integer, key, url } from '../parsers.ts'
import { orUntold } from '../untold-error.ts'
import type { ReportTrustOptions } from '../verify/report-trust.ts'

interface Options extends ReportTrustOptions {
  readonly maxAge?: number
  readonly json?: boolean
}

/** Chain ids fit what JSON holds exactly. */
const MAX_CHAIN_ID = Number.MAX_SAFE_INTEGER

/** `ionet verify report`: what a consumer of the feed checks, by hand. */
export function addVerifyReportCommand(verify: Command): void {
  verify
    .command('report')
    .summary('check a certified report against a group key, offline')
    .description(
      'check a certified report, as an aggregator serves it, against the group key: offline, or with the key of the ' +
        'registry; exit code 1 when it does not hold, 2 when it cannot be told',
    )
    .argument('[source]', "a file, - for standard input, or an aggregator's or a report's address", '-')
    .option('--group-key <hex>', 'x coordinate of the group key, 32 bytes', key)
    .option('--chain-id <number>', 'chain of the network', integer(1, MAX_CHAIN_ID))
    .option('--registry <address>', "the network's OracleRegistry", address)
    .option(
      '--member <address...>',
      'all members, where identities certified a report instead of the group key',
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), address(text)],
    )
    .option('--rpc <url>', 'Ethereum JSON-RPC endpoint to read the key from', url)
    .option('--deployment <file>', 'deployment file, with --rpc')
    .option(
      '--devnet <directory>',
      'directory of a local network: its deployment, and its saved chain unless --rpc is given',
    )
    .option('--feed <name>', 'feed that is meant (default: IO/USD, or what the deployment says)')
    .option('--max-age <time>', 'how old the report may be, such as 60s', duration)
    .option('--json', 'print one JSON object')
    .action(orUntold(run))
}

async function run(source: string, options: Options): Promise<void> {
  const [{ findReport }, { reportTrust }, { checkReport }, { renderReport }, { systemClock }] =
    await Promise.all([
      import('../verify/report-source.ts'),
      import('../verify/report-trust.ts'),
      import('../../sdk/verify-report.ts'),
      import('../verify/render-report.ts'),
      import('../../runtime/clock.ts'),
    ])
  const { from, value } = await findReport(source, process.stdin)
  const trust = await reportTrust(options, Object(value).keyEpoch)
  const age =
    options.maxAge === undefined ? {} : { now: systemClock.now(), maxAgeSec: options.maxAge / 1_000 }
  const { checks, verified } = checkReport(value, { ...trust.options, ...age })
  const wrong = checks.find(({ outcome }) => outcome === 'fails')
  // What cannot be told is no verdict on the report.
  if (wrong !== undefined) process.exitCode = wrong.reason === 'NEEDS_MEMBERS' ? 2 : 1
  if (options.json === true) {
    printJson({
      verdict: wrong === undefined ? 'holds' : 'fails',
      reason: wrong?.reason ?? null,
      sentence: wrong?.sentence ?? null,
      report: verified ?? null,
      from,
      trust: trust.from,
      checks,
    })
    return
  }
  for (const line of renderReport({ from, trust: trust.from, checks, verified })) print(line)
}
