import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import type { ClaimConfig } from '../../config/process-config.ts'
import type { Address } from '../../protocol/bytes.ts'
import { formatDecimal, type Wei } from '../../protocol/units.ts'
import type { AsIosd, ClaimOutcome } from '../claim/claim.ts'
import { InputError } from '../input-error.ts'
import { print, printJson } from '../output.ts'
import { amount, url } from '../parsers.ts'

interface ClaimCommandOptions {
  readonly config: string
  readonly account?: Address
  readonly asIosd?: boolean
  readonly minOut?: Wei
  readonly feed?: string
  readonly json?: boolean
}

/** `ionet claim`: pays out what an account has earned. */
export function addClaimCommand(program: Command): void {
  program
    .command('claim')
    .summary('claim what an account has earned')
    .description(
      'claim what an account has earned: the relayer gives the proof, the chain is asked whether it is true; ' +
        'the file of a worker or a gateway will do',
    )
    .requiredOption('--config <file>', 'configuration file')
    .option(
      '--account <address>',
      'claim for this account instead: it is paid, and this one pays the gas',
      address,
    )
    .option('--as-iosd', 'burn it all for IOSD, which this account gets')
    .option(
      '--min-out <amount>',
      'with --as-iosd: claim nothing for less IOSD (default: 1% below the price of now)',
      amount,
    )
    .option('--feed <url>', 'with --as-iosd: an aggregator, whose newest report goes along', url)
    .option('--json', 'print one JSON object')
    .action(async (options: ClaimCommandOptions) => {
      checkTogether(options)
      const { loadClaimConfig } = await import('../../config/process-config.ts')
      const config = loadClaimConfig(options.config, process.env)
      const outcome = await runClaim(config, options)
      if (options.json === true) printJson(outcome)
      else print(sentenceOf(outcome))
    })
}

/** What goes to the account itself is decided by nobody else. */
function checkTogether({ account, asIosd, minOut, feed }: ClaimCommandOptions): void {
  if (asIosd === true && account !== undefined)
    throw new InputError('--as-iosd is for the rewards of this account: leave --account out')
  if (asIosd !== true && (minOut !== undefined || feed !== undefined))
    throw new InputError('--min-out and --feed go with --as-iosd only')
}

async function runClaim(config: ClaimConfig, options: ClaimCommandOptions): Promise<ClaimOutcome> {
  const [{ claimOnce }, { readKeystore }, { privateKeyToAccount }, { toHex }] = await Promise.all([
    import('../claim/claim.ts'),
    import('../../runtime/keystore.ts'),
    import('viem/accounts'),
    import('viem'),
  ])
  const secret = await readKeystore(config.identity.keystore, config.identity.password)
  const sender = privateKeyToAccount(toHex(secret))
  secret.fill(0)
  const account = options.account ?? (sender.address.toLowerCase() as Address)
  const asIosd = options.asIosd === true ? { asIosd: await asIosdOf(options) } : {}
  return claimOnce({ ...config, sender, account, ...asIosd })
}

async function asIosdOf({ minOut, feed }: ClaimCommandOptions): Promise<AsIosd> {
  const { newestReportFrom } = await import('../newest-report.ts')
  return {
    ...(minOut === undefined ? {} : { minIosdOut: minOut }),
    ...(feed === undefined ? {} : { newestReport: newestReportFrom(feed) }),
  }
}

function sentenceOf(outcome: ClaimOutcome): string {
  const { account, payout, claimedWei, iosdWei, cumulativeWei, txHash } = outcome
  if (iosdWei !== null) {
    const amounts = `${formatDecimal(claimedWei)} IO as ${formatDecimal(iosdWei)} IOSD`
    return `claimed ${amounts}, paid to ${account} (transaction ${txHash})`
  }
  if (txHash !== null) {
    const to = payout === account ? account : `${payout}, where ${account} wants it`
    return `claimed ${formatDecimal(claimedWei)} IO, paid to ${to} (transaction ${txHash})`
  }
  return cumulativeWei === 0n
    ? `nothing to claim: ${account} has not earned anything in a settled epoch yet`
    : `nothing to claim: ${account} has been paid all ${formatDecimal(cumulativeWei)} IO that it has earned`
}

function address(text: string): Address {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text))
    throw new InvalidArgumentError('Give an address such as 0x70997970c51812dc3a010c7d01b50e0d17dc79c8.')
  return text.toLowerCase() as Address
}
