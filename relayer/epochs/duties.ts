/** What the effects of the epoch machine stand for: calls to those who know how. Decides nothing by itself. */
import type { SettledEpoch, SettlementReader } from '../../chain/settlement/types.ts'
import { EpochNotFinalError } from '../../chain/settlement/types.ts'
import type { Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { encodeBundle } from '../../protocol/epoch/bundle-writer.ts'
import { MAX_SKIPPED_ATTEMPTS } from '../../protocol/epoch/machine.ts'
import type { Membership } from '../../protocol/membership.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { EpochIntake } from '../intake/intake.ts'
import type { BundleStore } from './bundle-store.ts'
import type { Certifier } from './certification.ts'
import type { EpochDetails, EpochRecord } from './epoch-store.ts'
import { chargedChannels, epochInputs, modelsNamed } from './inputs.ts'
import type { Ledger } from './ledger.ts'
import { BundleUnavailableError, type Outcomes } from './outcomes.ts'
import { owedAcceptances, owedBatches } from './owed-usage.ts'
import type { PriceBook } from './price-book.ts'
import { named, type ProposalBuilder } from './proposal.ts'
import type { Publisher } from './publication.ts'
import type { Recovery } from './recovery.ts'
import type { RefusedRecords } from './refused-records.ts'
import type { Done, EpochDuties } from './runner.ts'
import type { SettleResult, Settler } from './settlement.ts'
import { unreachedWindows, withoutWindows } from './unreached-windows.ts'

/** The contract takes no attempt so high, and a quorum has locked all below or refused them. People have to decide. */
export class AttemptsUsedUpError extends Error {
  readonly code = 'ATTEMPTS_USED_UP'
  constructor(epoch: number, attempt: number) {
    super(
      `attempt ${attempt} of epoch ${epoch} is above all that the contract takes: a quorum of members has to empty the epoch (ionet emergency sign empty ${epoch})`,
    )
    this.name = 'AttemptsUsedUpError'
  }
}

export interface DutiesOptions {
  readonly domain: Domain
  readonly epochValidSec: number
}

export interface DutiesDeps {
  readonly logger: Logger
  readonly chain: Pick<SettlementReader, 'head' | 'settlement' | 'epochFacts' | 'model' | 'terms'>
  readonly membership: () => Membership | undefined
  readonly intake: EpochIntake
  readonly prices: Pick<PriceBook, 'highest'>
  readonly outcomes: Outcomes
  readonly bundles: BundleStore
  readonly recovery: Recovery
  readonly propose: ProposalBuilder
  readonly publisher: Publisher
  readonly certifier: Certifier
  readonly settler: Settler
  readonly ledger: Ledger
  readonly refusedRecords: RefusedRecords
  /** Hashes of the bundles that are still worth their room. */
  readonly neededBundles: () => ReadonlySet<Hash>
}

/** Raw records are kept for so many epochs behind the last final one: repeated batches are answered from them. */
const RAW_EPOCHS = 2

export function createDuties(options: DutiesOptions, deps: DutiesDeps): EpochDuties {
  const { chain, intake, outcomes, logger } = deps

  /** A bundle whose bytes have been on this disk, as they should be, since this process runs. */
  let sound: Hash | undefined

  const compute = async (record: EpochRecord, signal: AbortSignal): Promise<Done | undefined> => {
    const { state, refusals } = record
    const { epoch, attempt } = state
    intake.seal(epoch)
    const membership = deps.membership()
    const { nextEpoch, nextAttempt, owedFrom } = chain.settlement()
    if (nextEpoch !== epoch || membership === undefined) return undefined
    if (attempt > nextAttempt + MAX_SKIPPED_ATTEMPTS) throw new AttemptsUsedUpError(epoch, attempt)
    const owed = { from: owedFrom, to: epoch }
    const validUntil = chain.head().latest.timestampSec + options.epochValidSec
    const facts = await chain.epochFacts(epoch, validUntil).catch(notYet)
    if (facts === undefined || !(await intake.confirmOpenings(epoch))) return undefined
    const [opening, price] = await Promise.all([
      outcomes.openingOf(epoch, signal),
      deps.prices.highest(epoch, signal),
    ])
    await deps.recovery.recover(
      record,
      owed,
      membership,
      () => intake.adoption(owed, opening.closing.sequences),
      signal,
    )
    const batches = owedBatches(intake, owed)
    const models = await Promise.all(
      modelsNamed(batches, opening.closing).map(({ id, version }) => chain.model(id, version, epoch)),
    )
    const { previous, reserve, ...now } = chain.settlement()
    // Somebody else may have settled it meanwhile, or the chain gone back.
    if (now.nextEpoch !== epoch || now.owedFrom !== owedFrom) return undefined
    const takenIn = {
      batches,
      acceptances: owedAcceptances(intake, owed),
      windows: intake.windows(epoch),
      results: intake.results(epoch),
    }
    const leftOut = unreachedWindows(refusals, attempt, membership.quorum.f)
    if (leftOut.size > 0)
      logger.warn('windows did not reach every node in time: their work counts for nobody', {
        epoch,
        attempt,
        windows: [...leftOut],
      })
    const inputs = epochInputs({
      domain: options.domain,
      facts,
      reserve,
      opening,
      price,
      takenIn: withoutWindows(takenIn, leftOut),
      receipts: intake.receipts(chargedChannels(batches), owed),
      models: models.filter(model => model !== undefined),
    })
    const frame = { keyEpoch: membership.keyEpoch, attempt, validUntil, previous }
    const proposal = deps.propose(inputs, chain.terms, frame)
    const { hash, bytes } = deps.bundles.write(encodeBundle(proposal.bundle))
    sound = hash
    const report = named(proposal.report, hash)
    const { figures } = outcomes.remember(hash, proposal.bundle, proposal.outcome, bytes)
    return {
      event: { type: 'computed', bundleHash: report.bundleHash },
      details: { report, figures, certificate: undefined },
    }
  }

  const publish = async (record: EpochRecord, signal: AbortSignal): Promise<Done | undefined> => {
    const { report } = record
    const membership = deps.membership()
    if (report === undefined || membership === undefined) return undefined
    if (!(await hasBundle(record, signal))) {
      const { epoch, attempt } = record.state
      logger.warn('the bundle of an epoch is gone before it was published: it is computed again', {
        epoch,
        attempt,
      })
      return { event: { type: 'lost' }, details: { report: undefined, figures: undefined } }
    }
    const copies = await deps.publisher.offer(report, membership, signal)
    return { event: { type: 'copied', copies } }
  }

  /**
   * The file was on disk before the state said so: it is missing or damaged only when somebody, or the disk, did that.
   * Oracle nodes may have copies.
   */
  const hasBundle = async ({ state, report }: EpochRecord, signal: AbortSignal): Promise<boolean> => {
    if (report === undefined) return false
    const { bundleHash } = report
    const isHere =
      sound === bundleHash ? deps.bundles.has(bundleHash) : await deps.bundles.isSound(bundleHash)
    if (!isHere) {
      try {
        await outcomes.require(state.epoch, bundleHash, signal)
      } catch (error) {
        if (error instanceof BundleUnavailableError) return false
        throw error
      }
    }
    sound = bundleHash
    return true
  }

  const collect = async (record: EpochRecord, signal: AbortSignal): Promise<Done | undefined> => {
    const { report } = record
    const membership = deps.membership()
    if (report === undefined || membership === undefined) return undefined
    if (!(await hasBundle(record, signal))) {
      const { state } = record
      logger.error(
        'the bundle of an epoch is gone from this disk and from all nodes: put a copy back into bundles/',
        { epoch: state.epoch, hash: report.bundleHash },
      )
      throw new BundleUnavailableError(state.epoch, report.bundleHash)
    }
    // Those that have no copy yet get one on the way; nobody is waited for.
    await deps.publisher.offer(report, membership, signal)
    const result = await deps.certifier.certify(report, membership, signal)
    switch (result.kind) {
      case 'certified':
        return {
          event: { type: 'certified', validUntilSec: report.validUntil },
          details: { certificate: result.certificate },
        }
      case 'refused':
        return { event: { type: 'refused' } }
      case 'undecided':
        return undefined
      default:
        return result satisfies never
    }
  }

  const eventOf = (result: SettleResult, validUntilSec: number | undefined): Done | undefined => {
    switch (result) {
      case 'activated':
        return { event: { type: 'activated' } }
      case 'staged':
        return { event: { type: 'staged' } }
      case 'vetoed':
        return { event: { type: 'vetoed', nextAttempt: chain.settlement().nextAttempt } }
      case 'void':
        // What the contract will not take is worth as much as what has expired.
        return { event: { type: 'tick', finalSec: validUntilSec ?? Number.MAX_SAFE_INTEGER } }
      case 'forgotten':
      case 'waiting':
        return undefined
      default:
        return result satisfies never
    }
  }

  const stage = async (
    { state, report, certificate }: EpochRecord,
    signal: AbortSignal,
  ): Promise<Done | undefined> => {
    if (report === undefined || certificate === undefined) return undefined
    return eventOf(await deps.settler.stage(report, certificate, signal), state.validUntilSec)
  }

  const activate = async ({ state }: EpochRecord, signal: AbortSignal): Promise<Done | undefined> => {
    const result = await deps.settler.activate(state, signal)
    if (result === 'forgotten') return { event: { type: 'reorganised' } }
    return result === 'activated' || result === 'vetoed' ? eventOf(result, undefined) : undefined
  }

  const announce = async (settled: SettledEpoch, signal: AbortSignal): Promise<EpochDetails> => {
    const { epoch } = settled.report
    const result = await outcomes.of(settled, signal)
    deps.refusedRecords.put(epoch, result.refused)
    intake.rebase({ epoch, closing: result.closing, debits: result.debits })
    deps.ledger.take(result, settled.report)
    return { figures: result.figures }
  }

  return {
    compute,
    publish,
    collect,
    stage,
    activate,
    announce,
    prune: epoch => {
      intake.prune(epoch - RAW_EPOCHS + 1)
      deps.bundles.keepOnly(deps.neededBundles())
    },
  }
}

function notYet(error: unknown): undefined {
  if (error instanceof EpochNotFinalError) return undefined
  throw error
}
