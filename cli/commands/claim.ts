import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import type { ClaimConfig } from '../../config/process-config.ts'
import type { Address } from '../../protocol/bytes.ts'
import { formatDecimal } from '../../protocol/units.ts'
import type { ClaimOutcome } from '../claim/claim.ts'
import { print, printJson } from '../output.ts'

interface ClaimCommandOptions {
  readonly config: string
  readonly account?: Address
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
    .option('--json', 'print one JSON object')
    .action(async (options: ClaimCommandOptions) => {
      const { loadClaimConfig } = await import('../../config/process-config.ts')
      const config = loadClaimConfig(options.config, process.env)
      const outcome = await runClaim(config, options.account)
      if (options.json === true) printJson(outcome)
      else print(sentenceOf(outcome))
    })
}

async function runClaim(config: ClaimConfig, account: Address | undefined): Promise<ClaimOutcome> {
  const [{ claimOnce }, { readKeystore }, { privateKeyToAccount }, { toHex }] = await Promise.all([
    import('../claim/claim.ts'),
    import('../../runtime/keystore.ts'),
    import('viem/accounts'),
    import('viem'),
  ])
  const secret = await readKeystore(config.identity.keystore, config.identity.password)
  const sender = privateKeyToAccount(toHex(secret))
  secret.fill(0)
  return claimOnce({ ...config, sender, account: account ?? (sender.address.toLowerCase() as Address) })
}

function sentenceOf({ account, payout, claimedWei, cumulativeWei, txHash }: ClaimOutcome): string {
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
