import type { Command } from 'commander'
import type { MemberList } from '../../chain/member-set.ts'
import {
  type AccountOptions as Account,
  readPassword,
  refuseUnlessActive,
  withAccount,
  withNetwork,
} from '../agreement/options.ts'
import type { RegistryFacts, RegistryOptions } from '../agreement/registry.ts'
import { InputError } from '../input-error.ts'
import { print, printJson } from '../output.ts'

interface MembersOptions extends RegistryOptions {
  readonly json?: boolean
}

interface AccountOptions extends MembersOptions, Account {}

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
  return withNetwork(members.command(name).description(summary))
}

async function showCommand(options: MembersOptions): Promise<void> {
  const [{ withRegistry }, { registryJson, renderRegistry }] = await Promise.all([
    import('../agreement/registry.ts'),
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
    const [{ signList }, { addressOfSecret, nobleIdentityCrypto }, { readKeystore }] = await Promise.all([
      import('../members/signatures.ts'),
      import('../../protocol/identity.ts'),
      import('../../runtime/keystore.ts'),
    ])
    const { newest } = facts.view
    const secret = await readKeystore(options.keystore, password)
    try {
      const identity = addressOfSecret(secret)
      refuseUnlessActive(identity, newest)
      // Beside the result, so that nobody signs a list unread.
      for (const line of described.lines) process.stderr.write(`${line}\n`)
      const wanted = { domain: facts.domain, registryVersion: newest.registryVersion }
      printJson(signList(list, wanted, { identity, secret }, nobleIdentityCrypto))
    } finally {
      secret.fill(0)
    }
  })
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
    const { signers, refused, enough } = collected
    if (enough === undefined) {
      const why = refused.map(({ of, fault, sentence }) => {
        const name = given.find(({ signature }) => signature === of)?.name ?? of.identity
        return `\n  ${name}: ${fault}: ${sentence}`
      })
      throw new InputError(
        `${signers.length} of the ${newest.quorum.q} signatures that are needed count: nothing is sent${why.join('')}`,
      )
    }
    const outcome = await proposeList(
      list,
      enough.map(({ signature }) => signature),
      facts,
      { keystore: options.keystore, password },
    )
    if (options.json === true) return printJson({ ...outcome, signers: enough.map(({ signer }) => signer) })
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
      import('../agreement/registry.ts'),
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
