import type { Command } from 'commander'
import {
  type AccountOptions as Account,
  readPassword,
  refuseUnlessActive,
  withAccount,
  withNetwork,
} from '../agreement/options.ts'
import type { NetworkFacts, RegistryOptions } from '../agreement/registry.ts'
import type { Action, Statement } from '../emergency/action.ts'
import type { RefusedFile } from '../emergency/render.ts'
import { InputError } from '../input-error.ts'
import { print, printJson } from '../output.ts'
import { integer } from '../parsers.ts'

interface EmergencyOptions extends RegistryOptions {
  readonly json?: boolean
}

interface AccountOptions extends EmergencyOptions, Account {}

/** Epochs are numbered by 64 bits on chain; no clock reaches this one. */
const MAX_EPOCH = 2 ** 40

const KINDS = ['veto', 'empty', 'pause-burns'] as const satisfies readonly Action['kind'][]
const ABOUT: Readonly<Record<Action['kind'], string>> = {
  veto: 'the report of an epoch that is staged and wrong (f + 1 members)',
  empty: 'an epoch that nobody can settle: its pool goes to the reserve (q members)',
  'pause-burns': 'burns of IO, for 72 hours (f + 1 members)',
}

/** `ionet emergency`: what members can stop together, each with a signature. */
export function addEmergencyCommands(program: Command): void {
  const emergency = program
    .command('emergency')
    .summary('veto or empty an epoch, or pause burns, with the signatures of members')
    .description(
      'what members can stop together: each signs with the keystore of its identity, and anybody sends the signatures; ' +
        'step by step in docs/operators/emergency.md',
    )
  const digest = emergency
    .command('digest')
    .description('show what has to be signed, by whom, and what will happen')
  const sign = emergency.command('sign').description('sign as a member, and print the signature as JSON')
  const send = emergency.command('send').description('bring on chain what enough members have signed')
  for (const kind of KINDS) {
    actionCommand(digest, kind).option('--json', 'print one JSON object').action(asked(kind, digestCommand))
    withAccount(actionCommand(sign, kind), 'keystore of the identity of a member').action(
      asked(kind, signCommand),
    )
    withAccount(actionCommand(send, kind), 'keystore of the account that pays; it need not be a member')
      .argument('<signature...>', 'files that `ionet emergency sign` printed')
      .option('--json', 'print one JSON object')
      .action(asked(kind, sendCommand))
  }
}

function actionCommand(parent: Command, kind: Action['kind']): Command {
  const command = withNetwork(parent.command(kind).description(ABOUT[kind]))
  return kind === 'pause-burns'
    ? command
    : command.argument('<epoch>', 'number of the epoch', integer(0, MAX_EPOCH))
}

type Run<O> = (action: Action, files: readonly string[], options: O) => Promise<void>

/** From what commander hands over: the arguments in order, the options, and the command. */
function asked<O>(kind: Action['kind'], run: Run<O>): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    const options = given.at(-2) as O
    const [first, second] = given.slice(0, -2)
    const action: Action = kind === 'pause-burns' ? { kind } : { kind, epoch: first as number }
    const files = kind === 'pause-burns' ? first : second
    await run(action, (files ?? []) as readonly string[], options)
  }
}

async function digestCommand(
  action: Action,
  _files: readonly string[],
  options: EmergencyOptions,
): Promise<void> {
  await withStatement(action, options, async ({ statement, facts }) => {
    const { renderStatement, statementJson } = await import('../emergency/render.ts')
    const inForce = facts.view.newest
    if (options.json === true) return printJson(statementJson(statement, inForce))
    for (const line of renderStatement(statement, inForce)) print(line)
  })
}

async function signCommand(
  action: Action,
  _files: readonly string[],
  options: AccountOptions,
): Promise<void> {
  const password = await readPassword(options.passwordFile)
  await withStatement(action, options, async ({ statement, facts }) => {
    const [
      { signStatement },
      { renderStatement },
      { addressOfSecret, nobleIdentityCrypto },
      { readKeystore },
    ] = await Promise.all([
      import('../emergency/signatures.ts'),
      import('../emergency/render.ts'),
      import('../../protocol/identity.ts'),
      import('../../runtime/keystore.ts'),
    ])
    const inForce = facts.view.newest
    const secret = await readKeystore(options.keystore, password)
    try {
      const identity = addressOfSecret(secret)
      refuseUnlessActive(identity, inForce)
      // Beside the result, so that nobody signs unread.
      for (const line of renderStatement(statement, inForce)) process.stderr.write(`${line}\n`)
      printJson(signStatement(statement, facts.domain, { identity, secret }, nobleIdentityCrypto))
    } finally {
      secret.fill(0)
    }
  })
}

async function sendCommand(action: Action, files: readonly string[], options: AccountOptions): Promise<void> {
  const password = await readPassword(options.passwordFile)
  await withStatement(action, options, async ({ statement, facts }) => {
    const [
      { collectSignatures, readSignatureFile },
      { renderRefused, renderStatement },
      { callOf },
      { sendCall },
      { nobleIdentityCrypto },
    ] = await Promise.all([
      import('../emergency/signatures.ts'),
      import('../emergency/render.ts'),
      import('../emergency/calls.ts'),
      import('../agreement/send.ts'),
      import('../../protocol/identity.ts'),
    ])
    const inForce = facts.view.newest
    const given = files.map(file => ({ file, signature: readSignatureFile(file) }))
    const { signers, missing, enough, ...collected } = collectSignatures(
      given.map(({ signature }) => signature),
      statement,
      { domain: facts.domain, inForce },
      nobleIdentityCrypto,
    )
    const refused = collected.refused.map(({ of, fault, sentence }): RefusedFile => {
      const file = given.find(({ signature }) => signature === of)?.file ?? of.identity
      return { file, identity: of.identity, fault, sentence }
    })
    if (enough === undefined)
      throw new InputError(
        [
          `${signers.length} of the ${statement.needed} signatures that are needed count: nothing is sent`,
          ...refused.map(renderRefused),
          ...missing.map(identity => `  ${identity} has not signed`),
        ].join('\n'),
      )
    const signatures = enough.map(({ signature }) => signature)
    const call = callOf(statement.signed, facts.deployment.contracts, signatures)
    const { transactionHash: txHash } = await sendCall(call, facts, { keystore: options.keystore, password })
    if (options.json === true)
      return printJson({
        ...statement.signed,
        txHash,
        signers,
        missing,
        refused,
        consequences: statement.consequences,
      })
    for (const line of renderStatement(statement, inForce, signers)) print(line)
    if (refused.length > 0) print('signatures that do not count:')
    for (const file of refused) print(renderRefused(file))
    print(`done, in transaction ${txHash}`)
  })
}

/** What can be signed now. @throws {InputError} where the contract would refuse it, and why */
async function withStatement(
  action: Action,
  options: RegistryOptions,
  use: (given: { readonly statement: Statement; readonly facts: NetworkFacts }) => Promise<void>,
): Promise<void> {
  const [{ withRegistry }, { readEmergencyFacts }, { stateAction }] = await Promise.all([
    import('../agreement/registry.ts'),
    import('../emergency/facts.ts'),
    import('../emergency/action.ts'),
  ])
  await withRegistry(options, async facts => {
    const { domain, view } = facts
    const stated = stateAction(action, await readEmergencyFacts(facts), { domain, inForce: view.newest })
    if ('refused' in stated)
      throw new InputError(`the contract would refuse it: ${stated.refused}: ${stated.sentence}`)
    await use({ statement: stated.statement, facts })
  })
}
