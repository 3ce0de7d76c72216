import type { Command } from 'commander'
import type { MemberList } from '../../chain/member-set.ts'
import type { Address } from '../../protocol/bytes.ts'
import type { Secret } from '../../runtime/secret.ts'
import { InputError } from '../input-error.ts'
import type { RegistryFacts, RegistryOptions } from '../members/registry.ts'
import { print, printJson } from '../output.ts'
import { url } from '../parsers.ts'

interface MembersOptions extends RegistryOptions {
  readonly json?: boolean
}

interface AccountOptions extends MembersOptions {
  readonly keystore: string
  readonly passwordFile: string
}

/** Above what Ethereum has cost in its worst hours; a proposal can wait for a better one. */
const MAX_FEE_PER_GAS = 500n * 10n ** 9n
const MINED_WITHIN_MS = 120_000

/** `ionet members`: who the members are, and how a quorum of them changes that. */
export function addMembersCommands(program: Command): void {
  const members = program
    .command('members')
    .summary('show the members of a network, or agree on others')
    .description(
      'the members of a network: a quorum of those in force signs a list of others, which comes into force with the ' +
        'next group key; step by step in docs/operators/members.md',
    )

  membersCommand(members, 'show', 'show who is a member, who holds a share, and which key counts')
    .option('--json', 'print one JSON object')
    .action(showCommand)

  membersCommand(members, 'digest', 'check a list, and show what has to be signed for it')
    .argument('<list>', 'JSON file: {slot, identity, peerKey} by slot, null where a slot is empty')
    .option('--json', 'print one JSON object')
    .action(digestCommand)

  const sign = membersCommand(members, 'sign', 'sign a list as a member, and print the signature as JSON')
  withAccount(sign, 'keystore of the identity of a member')
    .argument('<list>', 'JSON file of the list')
    .action(signCommand)

  const propose = membersCommand(members, 'propose', 'bring a list on chain that a quorum has signed')
  withAccount(propose, 'keystore of the account that pays; it need not be a member')
    .argument('<list>', 'JSON file of the list')
    .argument('<signature...>', 'files that `ionet members sign` printed')
    .option('--json', 'print one JSON object')
    .action(proposeCommand)
}

function membersCommand(members: Command, name: string, summary: string): Command {
  return members
    .command(name)
    .description(summary)
    .option('--rpc <url>', 'Ethereum JSON-RPC endpoint', url)
    .option('--deployment <file>', 'deployment file')
    .option(
      '--devnet <directory>',
      'directory of a local network: its deployment, and its saved chain unless --rpc is given',
    )
}

function withAccount(command: Command, keystore: string): Command {
  return command
    .requiredOption('--keystore <file>', keystore)
    .requiredOption('--password-file <file>', 'file with its password')
}

async function showCommand(options: MembersOptions): Promise<void> {
  const [{ withRegistry }, { registryJson, renderRegistry }] = await Promise.all([
    import('../members/registry.ts'),
    import('../members/render.ts'),
  ])
  await withRegistry(options, async facts => {
    if (options.json === true) return printJson(registryJson(facts))
    for (const line of renderRegistry(facts)) print(line)
  })
}

async function digestCommand(file: string, options: MembersOptions): Promise<void> {
  await withList(file, options, async ({ list, facts, described }) => {
    const [{ membersHashOf, memberSetDigest }, { hexOf }, { membersIn }, { quorumOf }] = await Promise.all([
      import('../../chain/member-set.ts'),
      import('../../protocol/bytes.ts'),
      import('../members/member-list.ts'),
      import('../../protocol/quorum.ts'),
    ])
    const { newest } = facts.view
    const signed = {
      registryVersion: newest.registryVersion,
      membersHash: membersHashOf(list),
      digest: hexOf(memberSetDigest(facts.domain, newest.registryVersion, list)),
    }
    const { n, f, q } = quorumOf(membersIn(list).length)
    const needed = newest.quorum.q
    if (options.json === true)
      return printJson({ ...signed, signaturesNeeded: needed, n, f, q, ...described.json })
    print(`registry version  ${signed.registryVersion}`)
    print(`members hash      ${signed.membersHash}`)
    print(`digest to sign    ${signed.digest}`)
    print(`to be signed by ${needed} of the members in force; afterwards n ${n}, f ${f}, q ${q}`)
    for (const line of described.lines) print(line)
  })
}

async function signCommand(file: string, options: AccountOptions): Promise<void> {
  const password = await readPassword(options.passwordFile)
  await withList(file, options, async ({ list, facts, described }) => {
    const [{ signList }, { memberByIdentity }, { addressOfSecret, nobleIdentityCrypto }, { readKeystore }] =
      await Promise.all([
        import('../members/signatures.ts'),
        import('../../protocol/membership.ts'),
        import('../../protocol/identity.ts'),
        import('../../runtime/keystore.ts'),
      ])
    const { newest } = facts.view
    const secret = await readKeystore(options.keystore, password)
    try {
      const identity = addressOfSecret(secret)
      refuseUnlessActive(identity, memberByIdentity(newest, identity)?.suspended)
      // Beside the result, so that nobody signs a list unread.
      for (const line of described.lines) process.stderr.write(`${line}\n`)
      const wanted = { domain: facts.domain, registryVersion: newest.registryVersion }
      printJson(signList(list, wanted, { identity, secret }, nobleIdentityCrypto))
    } finally {
      secret.fill(0)
    }
  })
}

function refuseUnlessActive(identity: Address, suspended: boolean | undefined): void {
  if (suspended === undefined)
    throw new InputError(
      `${identity} is no member in force: its signature would not count, nothing is signed`,
    )
  if (suspended)
    throw new InputError(`${identity} is suspended: its signature would not count, nothing is signed`)
}

async function proposeCommand(
  file: string,
  files: readonly string[],
  options: AccountOptions,
): Promise<void> {
  const password = await readPassword(options.passwordFile)
  await withList(file, options, async ({ list, facts }) => {
    const [{ collectQuorum, readSignatureFile }, { nobleIdentityCrypto }, { proposeList }] =
      await Promise.all([
        import('../members/signatures.ts'),
        import('../../protocol/identity.ts'),
        import('../members/propose.ts'),
      ])
    const { domain, view } = facts
    const { newest } = view
    const given = files.map(name => ({ name, signature: readSignatureFile(name) }))
    const collected = collectQuorum(
      given.map(({ signature }) => signature),
      { domain, registryVersion: newest.registryVersion, list, inForce: newest },
      nobleIdentityCrypto,
    )
    if (collected.kind === 'too-few') {
      const { signers, needed, refused } = collected
      const why = refused.map(({ of, fault, sentence }) => {
        const name = given.find(({ signature }) => signature === of)?.name ?? of.identity
        return `\n  ${name}: ${fault}: ${sentence}`
      })
      throw new InputError(
        `${signers.length} of the ${needed} signatures that are needed count: nothing is sent${why.join('')}`,
      )
    }
    const outcome = await proposeList(list, collected.signatures, facts, {
      keystore: options.keystore,
      password,
      maxFeePerGas: MAX_FEE_PER_GAS,
      minedWithinMs: MINED_WITHIN_MS,
    })
    if (options.json === true) return printJson({ ...outcome, signers: collected.signers })
    print(
      `member set ${outcome.memberSet} is ${outcome.isPending ? 'pending' : 'taken back'}, the registry is at version ${outcome.registryVersion} (transaction ${outcome.txHash})`,
    )
    print('it comes into force with the next group key, which is made by itself: start those who join now')
  })
}

interface CheckedList {
  readonly list: MemberList
  readonly facts: RegistryFacts
  /** What the list changes, and what whoever signs had better know. */
  readonly described: { readonly lines: readonly string[]; readonly json: object }
}

/** A list that the registry would take. @throws {InputError} with everything that is wrong with it */
async function withList(
  file: string,
  options: RegistryOptions,
  use: (checked: CheckedList) => Promise<void>,
): Promise<void> {
  const [{ readListFile, problemsOf, changesOf, warningsOf }, { withRegistry }, { renderChanges }] =
    await Promise.all([
      import('../members/member-list.ts'),
      import('../members/registry.ts'),
      import('../members/render.ts'),
    ])
  const list = readListFile(file)
  await withRegistry(options, async facts => {
    const inForce = facts.view.newest
    const problems = problemsOf(list, inForce, facts.domain.chainId)
    if (problems.length > 0)
      throw new InputError(
        `the registry would not take ${file}:${problems.map(({ code, sentence }) => `\n  ${code}: ${sentence}`).join('')}`,
      )
    const changes = changesOf(list, inForce)
    const warnings = warningsOf(list, inForce)
    const lines = [...renderChanges(changes, inForce), ...warnings.map(warning => `note: ${warning}`)]
    await use({ list, facts, described: { lines, json: { changes, warnings } } })
  })
}

async function readPassword(file: string): Promise<Secret> {
  const [{ Problems }, { readPasswordFile }] = await Promise.all([
    import('../../config/load.ts'),
    import('../../config/secrets.ts'),
  ])
  const problems = new Problems(file)
  const password = readPasswordFile(file, '--password-file', problems)
  problems.throwIfAny()
  return password
}
