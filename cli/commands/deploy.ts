import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { z } from 'zod'
import { parseDecimal } from '../../protocol/units.ts'
import { InputError } from '../input-error.ts'
import { print, printJson } from '../output.ts'
import { url } from '../parsers.ts'

interface DeployCommandOptions {
  readonly rpc: string
  readonly keystore: string
  readonly passwordFile: string
  readonly plan: string
  readonly out: string
  readonly json?: boolean
}

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .transform(text => text as `0x${string}`)
const member = z.strictObject({
  identity: address,
  peerKey: z
    .string()
    .regex(/^0x[0-9a-f]{64}$/)
    .transform(text => text as `0x${string}`),
})
/** The plan of a network: who is in it, and who holds IO at the start. The index of a member is its slot. */
const planSchema = z.strictObject({
  members: z.array(member).min(1).max(128),
  aggregators: z.array(member).min(1).max(64),
  relayers: z.array(member).max(64).default([]),
  gateways: z.array(member).max(64).default([]),
  genesis: z.array(
    z.strictObject({
      account: address,
      amount: z
        .string()
        .regex(/^\d{1,8}(\.\d{1,18})?$/)
        .transform(parseDecimal),
    }),
  ),
  epochLengthSec: z.int().min(1).max(3600).default(3600),
})

/** `ionet deploy`: puts the contracts of a network on a chain. */
export function addDeployCommand(program: Command): void {
  program
    .command('deploy')
    .summary('put the contracts of a network on a chain')
    .description(
      'put the contracts of a network on a chain; the plan is a JSON file {members, aggregators, genesis, epochLengthSec} ' +
        'whose members are {identity, peerKey} as `ionet keys show --json` tells them, and whose amounts are in IO; ' +
        'relayers and gateways may be listed as aggregators are',
    )
    .requiredOption('--rpc <url>', 'Ethereum JSON-RPC endpoint', url)
    .requiredOption('--keystore <file>', 'keystore of the account that pays; it has no rights afterwards')
    .requiredOption('--password-file <file>', 'file with its password')
    .requiredOption('--plan <file>', 'plan of the network')
    .requiredOption('--out <file>', 'deployment file to write')
    .option('--json', 'print the deployment as one JSON object')
    .action(runDeploy)
}

async function runDeploy(options: DeployCommandOptions): Promise<void> {
  if (existsSync(options.out))
    throw new InputError(`${options.out} exists already: move it away, or choose another --out`)
  const [{ Problems, readJson, addSchemaIssues }, { readPasswordFile }] = await Promise.all([
    import('../../config/load.ts'),
    import('../../config/secrets.ts'),
  ])
  const problems = new Problems(options.plan)
  const document = readJson(options.plan, '', problems)
  problems.throwIfAny()
  const plan = planSchema.safeParse(document)
  if (!plan.success) addSchemaIssues(plan.error, '', problems)
  const password = readPasswordFile(options.passwordFile, '--password-file', problems)
  problems.throwIfAny()
  if (!plan.success) return

  const [{ deploy }, { saveDeployment }, { readKeystore }, { privateKeyToAccount }, { toHex }] =
    await Promise.all([
      import('../../chain/deploy.ts'),
      import('../../chain/deployment.ts'),
      import('../../runtime/keystore.ts'),
      import('viem/accounts'),
      import('viem'),
    ])
  const deployer = privateKeyToAccount(toHex(await readKeystore(options.keystore, password)))
  const deployment = await deploy({ rpcUrl: options.rpc, deployer, ...plan.data })
  saveDeployment(options.out, deployment)
  if (options.json === true) return printJson(deployment)
  print(
    `deployed on chain ${deployment.chainId} at block ${deployment.deployBlock}, written to ${options.out}`,
  )
  for (const [name, contract] of Object.entries(deployment.contracts)) print(`${name.padEnd(14)} ${contract}`)
}
