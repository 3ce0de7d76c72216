import { resolve } from 'node:path'
import { z } from 'zod'
import { MAX_VALID_SEC } from '../protocol/epoch/report.ts'
import { type Entry, integer, oneOf, text, type Values } from './entry.ts'
import { addSchemaIssues, baseDirOf, type Problems, readEntries, readJson } from './load.ts'
import { type SourcesConfig, sourcesSchema } from './sources.ts'

const sources: Entry<unknown> = {
  about: 'Venues, legs and routes of the price, or the path of a file that holds them.',
  expects: 'a sources section, or the path of one',
  schema: z.union([z.string().min(1), z.record(z.string(), z.unknown())]),
  fromText: value => value,
  example: 'sources.io-usd.json',
}

/** The network file: what all nodes of one network must agree on. */
export const networkEntries = {
  name: text({
    about: 'Name of the network, for logs and pages.',
    pattern: /^[\w.-]{1,64}$/,
    example: 'devnet',
  }),
  feed: oneOf(['IO/USD'], { about: 'What is priced.', fallback: 'IO/USD' }),
  roundMs: integer({
    about: 'Length of a round. Rounds are counted in deciseconds, so it is a multiple of 100.',
    min: 200,
    max: 3_600_000,
    multipleOf: 100,
    unit: 'ms',
    example: '1000',
  }),
  collectMs: integer({
    about: 'From the start of a round until the primary aggregator proposes.',
    min: 50,
    max: 3_600_000,
    unit: 'ms',
    example: '350',
  }),
  backupMs: integer({
    about: "From the primary aggregator's turn until the backup's.",
    min: 50,
    max: 3_600_000,
    unit: 'ms',
    example: '250',
  }),
  skewMs: integer({
    about: 'How far the clocks of honest nodes may differ.',
    min: 10,
    max: 5_000,
    unit: 'ms',
    fallback: 200,
  }),
  inclusionMarginMs: integer({
    about:
      'A proposal must hold every quote that a signer saw this long before the collection deadline: the time a quote may need to the proposer.',
    min: 10,
    max: 5_000,
    unit: 'ms',
    fallback: 250,
  }),
  keygenTimeoutMs: integer({
    about:
      'How long an attempt at a group key may take; who is silent for a fifth of it is left out of the next.',
    min: 500,
    max: 600_000,
    unit: 'ms',
    fallback: 30_000,
  }),
  rotationSec: integer({
    about:
      'A new group key is made when the last one has counted for so long; also when members change or one is suspended.',
    min: 10,
    max: 31_536_000,
    unit: 's',
    fallback: 2_592_000,
  }),
  finality: oneOf(['latest', 'finalized'], {
    about: 'Block at which the registry is read; `latest` only where blocks are never replaced.',
    fallback: 'finalized',
  }),
  deviationBps: integer({
    about: 'The price goes on chain when it has moved this far from the one that is there.',
    min: 1,
    max: 10_000,
    unit: 'bps',
    fallback: 50,
  }),
  heartbeatSec: integer({
    about: 'The price goes on chain when the one that is there is this old.',
    min: 1,
    max: 86_400,
    unit: 's',
    fallback: 3_600,
  }),
  heartbeatSlackSec: integer({
    about: 'How much later than the heartbeat the price may go on chain while gas is dear.',
    min: 0,
    max: 86_400,
    unit: 's',
    fallback: 0,
  }),
  comfortableBaseFeeGwei: integer({
    about: 'Up to this base fee gas does not matter; above it the price must have moved further.',
    min: 0,
    max: 1_000_000,
    unit: 'gwei',
    fallback: 50,
  }),
  maxDeviationFactor: integer({
    about: 'However dear gas is, a deviation of so many times `deviationBps` goes on chain.',
    min: 1,
    max: 100,
    fallback: 4,
  }),
  pushHandoverSec: integer({
    about:
      'How long an aggregator leaves a due price to the one before it: longer than two blocks of the chain.',
    min: 1,
    max: 3_600,
    unit: 's',
    fallback: 25,
  }),
  pushTurnSec: integer({
    about: 'Length of a turn at putting prices on chain: several times `pushHandoverSec`.',
    min: 2,
    max: 86_400,
    unit: 's',
    fallback: 250,
  }),
  challengeSlotSec: integer({
    about:
      'Block time is cut into slots of this length, some of which are challenge windows. Divides the length of an epoch.',
    min: 2,
    max: 60,
    unit: 's',
    fallback: 20,
  }),
  challengeEvery: integer({
    about: 'One slot in so many is a challenge window, on average; the beacon says which.',
    min: 1,
    max: 10_000,
    fallback: 90,
  }),
  challengeSize: integer({
    about: 'Side of the matrices of a challenge: a power of two.',
    min: 64,
    max: 4_096,
    multipleOf: 64,
    fallback: 4_096,
  }),
  challengeGraceSec: integer({
    about: "How long after a window's end the root over its commitments may reach the oracle nodes.",
    min: 1,
    max: 60,
    unit: 's',
    fallback: 30,
  }),
  sealGraceSec: integer({
    about:
      "How long after an epoch's end it is sealed: openings of its last challenge window must have arrived by then.",
    min: 1,
    max: 600,
    unit: 's',
    fallback: 60,
  }),
  epochValidSec: integer({
    about: 'How long the certificate of an epoch may be staged.',
    min: 10,
    max: MAX_VALID_SEC,
    unit: 's',
    fallback: 3_600,
  }),
  sources,
}

/** {@link networkEntries}, read; `sources` is the section itself, checked. */
export type NetworkConfig = Omit<Values<typeof networkEntries>, 'sources'> & {
  readonly sources: SourcesConfig
}

/**
 * Reads a network file, and the sources it may name. Adds every problem under `prefix`; the result must not be
 * used if there were any.
 */
export function readNetwork(file: string, prefix: string, problems: Problems): NetworkConfig | undefined {
  const document = readJson(file, prefix, problems)
  if (document === undefined) return undefined
  const baseDir = baseDirOf(file)
  const keys = prefix === '' ? '' : `${prefix}.`
  // The environment must not change what all nodes have to agree on.
  const values = readEntries(networkEntries, document, { env: {}, baseDir, prefix: keys, problems })
  checkTimes(values, keys, problems)
  checkInclusion(values, keys, problems)
  checkPushing(values, keys, problems)
  checkChallenge(values, keys, problems)
  const sources = readSources(values.sources, baseDir, `${keys}sources`, problems)
  if (sources === undefined) return undefined
  if (values.feed !== undefined && sources.feed !== values.feed)
    problems.add(`${keys}sources.feed`, `${sources.feed} is not the network's feed, ${values.feed}`)
  return { ...values, sources }
}

/** A proposer whose clock is fast must not be able to leave out what others saw in time, nor the rule be void. */
function checkInclusion(values: Values<typeof networkEntries>, prefix: string, problems: Problems): void {
  const { skewMs, inclusionMarginMs, collectMs } = values
  if (skewMs === undefined || inclusionMarginMs === undefined || collectMs === undefined) return
  if (inclusionMarginMs < skewMs || inclusionMarginMs >= collectMs) {
    problems.add(
      `${prefix}inclusionMarginMs`,
      `${inclusionMarginMs} ms does not lie between skewMs (${skewMs}) and collectMs (${collectMs})`,
      'at least as long as clocks may differ, and shorter than the collection',
    )
  }
}

/** A turn that is no longer than a handover would give two aggregators the same due price. */
function checkPushing(values: Values<typeof networkEntries>, prefix: string, problems: Problems): void {
  const { pushHandoverSec, pushTurnSec } = values
  if (pushHandoverSec === undefined || pushTurnSec === undefined || pushTurnSec >= 2 * pushHandoverSec) return
  problems.add(
    `${prefix}pushTurnSec`,
    `${pushTurnSec} s is not twice pushHandoverSec (${pushHandoverSec} s)`,
    'several times as long',
  )
}

/** Both turns, and time to sign, must fit into a round: else rounds would pile up. */
function checkTimes(values: Values<typeof networkEntries>, prefix: string, problems: Problems): void {
  const { roundMs, collectMs, backupMs } = values
  if (roundMs === undefined || collectMs === undefined || backupMs === undefined) return
  if (collectMs + backupMs >= roundMs) {
    problems.add(
      `${prefix}collectMs`,
      `collectMs + backupMs is ${collectMs + backupMs}, which leaves nothing of a round of ${roundMs} ms`,
      'make both smaller, or roundMs larger',
    )
  }
}

/** Kernels know powers of two only. What is drawn after the last window's grace must still be opened before the seal. */
function checkChallenge(values: Values<typeof networkEntries>, prefix: string, problems: Problems): void {
  const { challengeSize: size, challengeGraceSec: grace, sealGraceSec: seal } = values
  if (size !== undefined && (size & (size - 1)) !== 0)
    problems.add(`${prefix}challengeSize`, `${size} is no power of two`, '64, 128, … or 4096')
  if (grace !== undefined && seal !== undefined && seal <= grace)
    problems.add(
      `${prefix}sealGraceSec`,
      `${seal} s is not above challengeGraceSec (${grace} s)`,
      'a longer time',
    )
}

function readSources(
  section: unknown,
  baseDir: string,
  prefix: string,
  problems: Problems,
): SourcesConfig | undefined {
  const document =
    typeof section === 'string' ? readJson(resolve(baseDir, section), prefix, problems) : section
  if (document === undefined) return undefined
  const parsed = sourcesSchema.safeParse(document)
  if (parsed.success) return parsed.data
  addSchemaIssues(parsed.error, prefix, problems)
  return undefined
}
