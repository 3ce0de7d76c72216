/** Which venues price the feed, from the file of a network or of an oracle node; no key is opened for it. */
import type { SourcePlan } from '../../protocol/sources/types.ts'
import { InputError } from '../input-error.ts'

export interface PlanOptions {
  readonly config?: string
  readonly network?: string
  readonly endpoint?: string
}

export interface PricePlan {
  readonly plan: SourcePlan
  readonly roundMs: number
  /** What stands in for all venues; undefined: the venues themselves. */
  readonly endpoint: string | undefined
}

/**
 * @throws {InputError} when not exactly one of the files is named
 * @throws {ConfigError} naming everything that is wrong with it
 */
export async function readPricePlan(options: PlanOptions): Promise<PricePlan> {
  const { config, network } = options
  if ((config === undefined) === (network === undefined)) {
    throw new InputError('give either --config FILE, of an oracle node, or --network FILE')
  }
  const [{ Problems }, { readNetwork }, { toSourcePlan }] = await Promise.all([
    import('../../config/load.ts'),
    import('../../config/network.ts'),
    import('../../config/sources.ts'),
  ])
  const problems = new Problems(config ?? network ?? '')
  const node = config === undefined ? undefined : await readNode(config, problems)
  const file = network ?? node?.network
  const read =
    file === undefined ? undefined : readNetwork(file, node === undefined ? '' : 'network', problems)
  problems.throwIfAny()
  if (read === undefined) throw new InputError('the network file cannot be read')
  return {
    plan: toSourcePlan(read.sources),
    roundMs: read.roundMs,
    endpoint: options.endpoint ?? node?.venueEndpoint,
  }
}

/** What concerns venues of a node's file. Files that it names besides, keystores first of all, are not looked at. */
async function readNode(file: string, problems: import('../../config/load.ts').Problems) {
  const [{ baseDirOf, readEntries, readJson }, { oracleEntries }] = await Promise.all([
    import('../../config/load.ts'),
    import('../../config/process-entries.ts'),
  ])
  const document = readJson(file, '', problems)
  if (document === undefined) return undefined
  const options = { env: process.env, baseDir: baseDirOf(file), prefix: '', problems }
  const { network, venueEndpoint } = readEntries(oracleEntries, document, options)
  return { network: network as string | undefined, venueEndpoint }
}
