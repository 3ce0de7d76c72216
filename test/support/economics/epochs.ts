/**
 * Epochs with anybody in them, one after the other, computed as relayers and oracle nodes do. Signatures are left
 * empty: `computeEpoch` takes inputs whose signatures have been checked. What auditors refuse is tested with
 * the signed ones of `../epoch/world.ts`.
 */
import type { Address } from '../../../protocol/bytes.ts'
import type { CertifiedReport } from '../../../protocol/certificate.ts'
import type { ChallengeResult } from '../../../protocol/epoch/availability.ts'
import type { EpochInputs } from '../../../protocol/epoch/bundle.ts'
import { encodeDeposit, encodeModel, encodeResult } from '../../../protocol/epoch/bundle-items.ts'
import { computeEpoch, type EpochOutcome } from '../../../protocol/epoch/compute.ts'
import type { DepositLine } from '../../../protocol/epoch/deposits.ts'
import { type EmissionTerms, MAINNET_EMISSION } from '../../../protocol/epoch/emission.ts'
import type { EpochParameters } from '../../../protocol/epoch/parameters.ts'
import type { Model } from '../../../protocol/epoch/settle-usage.ts'
import { EMPTY_STATE } from '../../../protocol/epoch/state.ts'
import { packReport } from '../../../protocol/report.ts'
import { roundAt } from '../../../protocol/rounds.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { encodeSignedBatch, type UsageBatch } from '../../../protocol/usage/batch.ts'
import { encodeAcceptedHold, type Hold } from '../../../protocol/usage/hold.ts'
import { encodeSignedReceipt, type Receipt } from '../../../protocol/usage/receipt.ts'
import { hash } from '../epoch/cast.ts'
import { LENGTH_SEC, MODEL, PARAMETERS, START_SEC, sortedBy, windowsOf } from '../epoch/world.ts'
import { DOMAIN, FEED_ID, KEY_EPOCH } from '../protocol/network.ts'

const NO_SIGNATURE = new Uint8Array(64)

/** What happens in one epoch. Nothing that is not said. */
export interface Happenings {
  readonly price?: Price | undefined
  readonly burned?: bigint
  readonly deposits?: readonly DepositLine[]
  readonly models?: readonly Model[]
  readonly holds?: readonly Hold[]
  readonly receipts?: readonly Receipt[]
  readonly batches?: readonly UsageBatch[]
  readonly results?: readonly ChallengeResult[]
  readonly parameters?: EpochParameters
}

/** A chain of epochs from the first on, or from a reserve that earlier ones have left. */
export class Epochs {
  readonly terms: EmissionTerms
  #last: { readonly inputs: EpochInputs; readonly outcome: EpochOutcome } | undefined
  #reserve: bigint

  constructor(terms: EmissionTerms = MAINNET_EMISSION, reserve = 0n) {
    this.terms = terms
    this.#reserve = reserve
  }

  /** The number of the epoch that is played next. */
  get next(): number {
    return (this.#last?.inputs.header.epoch ?? -1) + 1
  }

  play(happenings: Happenings = {}): EpochOutcome {
    const inputs = this.#inputsOf(happenings)
    const outcome = computeEpoch(inputs, this.terms)
    this.#last = { inputs, outcome }
    this.#reserve = outcome.allocation.reserveAfter
    return outcome
  }

  /** All that an account has ever been credited, wei of IO. */
  creditOf(account: Address): bigint {
    return this.#last?.outcome.rewards.find(line => line.account === account)?.cumulative ?? 0n
  }

  #inputsOf(happenings: Happenings): EpochInputs {
    const epoch = this.next
    const results = sortedBy(happenings.results ?? [], encodeResult)
    const acceptances = (happenings.holds ?? []).map(hold => ({
      hold,
      payerSignature: NO_SIGNATURE,
      epoch,
      snapshotBlock: 0,
      openTotal: hold.maxAmount,
      relayerSignature: NO_SIGNATURE,
    }))
    const signed = { signature: NO_SIGNATURE }
    return {
      header: {
        domain: DOMAIN,
        epoch,
        snapshotBlock: 100 + epoch,
        snapshotHash: hash(`block ${100 + epoch}`),
        burned: happenings.burned ?? 0n,
        reserve: this.#reserve,
      },
      parameters: happenings.parameters ?? { ...PARAMETERS, maxDebitBps: 10_000 },
      price: 'price' in happenings ? priced(happenings.price, epoch) : priced(ONE as Price, epoch),
      models: sortedBy(happenings.models ?? [MODEL], encodeModel),
      deposits: sortedBy(happenings.deposits ?? [], encodeDeposit),
      windows: windowsOf(results),
      results,
      opening: this.#last?.outcome.closing ?? EMPTY_STATE,
      openingRewards: this.#last?.outcome.rewards ?? [],
      openingDebits: this.#last?.outcome.debits ?? [],
      acceptances: sortedBy(acceptances, encodeAcceptedHold),
      receipts: sortedBy(
        (happenings.receipts ?? []).map(receipt => ({ receipt, ...signed })),
        encodeSignedReceipt,
      ),
      batches: sortedBy(
        (happenings.batches ?? []).map(batch => ({ batch, ...signed })),
        encodeSignedBatch,
      ),
    }
  }
}

function priced(price: Price | undefined, epoch: number): CertifiedReport | undefined {
  if (price === undefined) return undefined
  const observedAt = START_SEC + epoch * LENGTH_SEC + 100
  const word = packReport({ price, confidence: 5, observedAt, round: roundAt(observedAt * 1_000, 1_000) })
  return { keyEpoch: KEY_EPOCH, feedId: FEED_ID, word, certificate: { kind: 'quorum', signatures: [] } }
}
