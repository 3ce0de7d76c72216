import type { Command } from 'commander'
import type { Deployment } from '../../chain/deployment.ts'
import type { NetworkConfig } from '../../config/network.ts'
import { InputError } from '../input-error.ts'
import { print, printJson } from '../output.ts'
import { integer, url } from '../parsers.ts'
import { orUntold } from '../untold-error.ts'
import type { BundleSources, Complaint, FoundBundle, WantedBundle } from '../verify/bundle-source.ts'
import type { EmptiedFacts, SettledFacts } from '../verify/settled-facts.ts'
import type { VerifyOptions, Whereabouts } from '../verify/whereabouts.ts'
import { addVerifyQuoteCommand } from './verify-quote.ts'
import { addVerifyReportCommand } from './verify-report.ts'

interface Files {
  readonly deployment: Deployment
  readonly network: NetworkConfig | undefined
}

interface Asked extends Files {
  readonly epoch: number
  readonly where: Whereabouts
}

interface Found {
  readonly found: FoundBundle | undefined
  readonly complaints: readonly Complaint[]
}

/** Epochs are numbered by 64 bits on chain; no clock reaches this one. */
const MAX_EPOCH = 2 ** 40

/**
 * `ionet verify epoch` trusts nobody but the chain, `ionet verify report` nobody but the key it is given, `ionet verify
 * quote` nobody but the members it is given.
 */
export function addVerifyCommand(program: Command): void {
  const verify = program
    .command('verify')
    .description('check what the network has done, from public data alone')
  addVerifyReportCommand(verify)
  addVerifyQuoteCommand(verify)
  verify
    .command('epoch')
    .summary('compute a settled epoch again from its bundle and the chain')
    .description(
      'compute a settled epoch again from its bundle and the chain alone, and compare every root and total; ' +
        'exit code 1 when something differs, 2 when it cannot be told',
    )
    .argument('<number>', 'number of the epoch', integer(0, MAX_EPOCH))
    .option('--deployment <file>', 'deployment file')
    .option('--rpc <url>', 'Ethereum JSON-RPC endpoint', url)
    .option(
      '--devnet <directory>',
      'directory of a finished local network: its deployment, its bundles, and its saved chain unless --rpc is given',
    )
    .option('--network <file>', "the network's file: its challenge windows are checked, too")
    .option('--bundle <file>', 'file of the bundle')
    .option(
      '--bundles <directory>',
      'directory of bundles that are named by their hash, as a relayer keeps them',
    )
    .option(
      '--from <url...>',
      'relayers or oracle nodes to fetch bundles from; nobody of them is believed',
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), url(text)],
    )
    .option('--previous <file>', 'file of the bundle of the epoch before: what it left open is checked by it')
    .option('--json', 'print one JSON object')
    .action(orUntold(runVerify))
}

async function runVerify(epoch: number, options: VerifyOptions): Promise<void> {
  const [{ whereaboutsOf }, { withEndpoint }] = await Promise.all([
    import('../verify/whereabouts.ts'),
    import('../verify/endpoint.ts'),
  ])
  const where = whereaboutsOf(options)
  const files = await readFiles(where)
  await withEndpoint(where.chain, rpcUrl =>
    verifyAt(rpcUrl, { epoch, where, ...files }, options.json === true),
  )
}

async function verifyAt(
  rpcUrl: string,
  { epoch, where, deployment, network }: Asked,
  json: boolean,
): Promise<void> {
  const [{ withSettledFacts }, { verifyEpoch }, { checkWindows }, { withBeaconSources }, { identityCrypto }] =
    await Promise.all([
      import('../verify/settled-facts.ts'),
      import('../verify/verify-epoch.ts'),
      import('../verify/windows.ts'),
      import('../verify/beacon-source.ts'),
      loadCrypto(),
    ])
  const settings = {
    epoch,
    rpcUrls: [rpcUrl],
    deployment,
    finality: network?.finality ?? 'latest',
  } as const
  const settled = async (facts: SettledFacts): Promise<void> => {
    const { report } = facts.settled
    const { found, complaints } = await find(where.bundle, where.sources, {
      epoch,
      hash: report.bundleHash,
    })
    if (found === undefined)
      throw new InputError(`nobody has the bundle of epoch ${epoch}: ${complaints.join('; ')}`)
    const bundle = 'fault' in found.result ? undefined : found.result.bundle
    const windows =
      network === undefined || bundle === undefined
        ? undefined
        : await withBeaconSources(where.beacons, sources =>
            checkWindows(bundle, network, facts.reader, sources),
          )
    const previous = await findPrevious(where, facts)
    const verification = verifyEpoch({ facts, bundle: found.result, previous, windows }, identityCrypto)
    process.exitCode = verification.difference === undefined ? 0 : 1
    const whole = 'fault' in found.result ? undefined : found.result
    const origin = { from: found.from, hash: whole?.hash, bytes: whole?.bytes, complaints }
    if (json) return printJson(asJson(verification, facts, origin))
    const { renderVerification } = await import('../verify/render.ts')
    for (const line of renderVerification(verification, facts, origin)) print(line)
  }
  await withSettledFacts(settings, { settled, emptied: facts => tellEmptied(facts, json) })
}

async function tellEmptied({ emptied, burned, reader }: EmptiedFacts, json: boolean): Promise<void> {
  const { renderEmptied, verifyEmptied } = await import('../verify/verify-emptied.ts')
  const verification = verifyEmptied(emptied, { terms: reader.terms, burned })
  const { epoch, lines, isEqual } = verification
  process.exitCode = isEqual ? 0 : 1
  if (json) {
    const { txHash, blockNumber } = emptied
    const verdict = isEqual ? 'emptied' : 'different'
    return printJson({ epoch, verdict, lines, txHash, blockNumber })
  }
  for (const line of renderEmptied(verification, emptied)) print(line)
}

async function loadCrypto() {
  const [{ createIdentityCrypto }, { silentLogger }] = await Promise.all([
    import('../../runtime/native-identity.ts'),
    import('../../runtime/logger.ts'),
  ])
  return { identityCrypto: createIdentityCrypto(silentLogger) }
}

async function readFiles(options: Pick<Whereabouts, 'deployment' | 'network'>): Promise<Files> {
  const [{ Problems }, { readDeployment }, { readNetwork }] = await Promise.all([
    import('../../config/load.ts'),
    import('../../config/deployment.ts'),
    import('../../config/network.ts'),
  ])
  const problems = new Problems(options.deployment)
  const deployment = readDeployment(options.deployment, '', problems)
  problems.throwIfAny()
  let network: NetworkConfig | undefined
  if (options.network !== undefined) {
    const networkProblems = new Problems(options.network)
    network = readNetwork(options.network, '', networkProblems)
    networkProblems.throwIfAny()
  }
  if (deployment === undefined) throw new InputError(`${options.deployment} is no deployment file`)
  return { deployment, network }
}

async function find(file: string | undefined, sources: BundleSources, wanted: WantedBundle): Promise<Found> {
  const { findBundle, readBundleFile } = await import('../verify/bundle-source.ts')
  if (file !== undefined) return { found: await readBundleFile(file), complaints: [] }
  return findBundle(sources, wanted)
}

/** A wrong file is told; that nobody serves it is only said as not checked. */
async function findPrevious(where: Whereabouts, { before }: SettledFacts) {
  if (before === undefined) return undefined
  const { epoch, bundleHash: hash } = before.report
  const { found } = await find(where.previous, where.sources, { epoch, hash })
  if (found === undefined || where.previous !== undefined) return found?.result
  // What a source gives in place of the right one says nothing about this epoch.
  const { faultOf } = await import('../verify/bundle-source.ts')
  return faultOf(found.result, hash) === undefined ? found.result : undefined
}

function asJson(
  verification: import('../verify/verify-epoch.ts').Verification,
  { settled }: SettledFacts,
  origin: import('../verify/render.ts').BundleOrigin,
) {
  const { difference, ...rest } = verification
  return {
    ...rest,
    verdict: difference === undefined ? 'equal' : 'different',
    difference: difference ?? null,
    figures: rest.figures ?? null,
    bundleHash: settled.report.bundleHash,
    bundle: origin,
    attempt: settled.report.attempt,
    txHash: settled.txHash,
    blockNumber: settled.blockNumber,
    certificate: 'checked by the contract when the epoch was staged',
  }
}
