/** A run: epoch after epoch is lived, settled, booked and checked. */
import { type EmissionTerms, MAINNET_EMISSION, netCapOf, YEAR_SEC } from '../../protocol/epoch/emission.ts'
import type { EpochParameters } from '../../protocol/epoch/parameters.ts'
import { modelsOf } from './cast.ts'
import { BrokenClaimError, checkEpoch } from './checks.ts'
import { type EpochHistory, History } from './history.ts'
import { DAY_SEC, isWithin } from './paths.ts'
import type { Scenario } from './scenario.ts'
import {
  type Flow,
  type Flows,
  type Period,
  type Standing,
  settledFlows,
  standingOf,
  Tally,
  type Year,
} from './series.ts'
import { type Rules, type SettledEpoch, SettledState } from './settled-state.ts'
import { Tokens } from './tokens.ts'
import { World } from './world.ts'

export interface RunOptions {
  readonly years: number
  /** Has to divide 365 days. */
  readonly epochLengthSec: number
  readonly seed: number
}

export interface Simulation {
  readonly terms: EmissionTerms
  readonly parameters: EpochParameters
  readonly epochs: number
  readonly years: readonly Year[]
  readonly periods: readonly Period[]
  readonly totals: Readonly<Record<Flow, bigint>>
  /** Epochs without a certified price. */
  readonly epochsWithoutPrice: number
  /** Epochs settled late, each found equal to the same epoch settled at once. */
  readonly epochsSettledLate: number
  /** The epoch that paid the smallest part of what its IOSD hires asked for; undefined when none asked. */
  readonly worstPaid: PaidHires | undefined
  /** Of the state that all epochs have left: equal for equal runs. */
  readonly digest: string
}

/** Wei of IO that workers could get for the IOSD hires of an epoch, and what the pool had for them. */
export interface PaidHires {
  readonly epoch: number
  readonly claimed: bigint
  readonly paid: bigint
}

/** More lines than this are no plot any more, and no small file. */
const MAX_PERIODS = 3_650n

/**
 * @param overrides for tests of the checks
 * @throws {BrokenClaimError} at the first epoch after which something that must hold does not
 */
export function simulate(
  scenario: Scenario,
  options: RunOptions,
  overrides: Pick<Rules, 'allocate'> = {},
): Simulation {
  const run = new Run(scenario, options, overrides)
  return run.toTheEnd()
}

class Run {
  readonly #scenario: Scenario
  readonly #lengthSec: bigint
  readonly #epochs: number
  readonly #perYear: number
  readonly #perPeriod: number
  readonly #rules: Rules
  readonly #tokens: Tokens
  readonly #world: World
  readonly #state: SettledState
  readonly #history = new History()
  readonly #now: { latest: EpochHistory | undefined; lived: number } = { latest: undefined, lived: 0 }

  readonly #inYear = new Tally()
  readonly #inPeriod = new Tally()
  readonly #inAll = new Tally()
  readonly #years: Year[] = []
  readonly #periods: Period[] = []
  /** Ends of periods whose epochs are not all settled: as many as fit into an outage. */
  readonly #standings: Standing[] = []
  readonly #closed: { readonly epoch: number; readonly flows: Flows }[] = []
  readonly #sums = { scheduled: 0n, net: 0n, burned: 0n }
  #withoutPrice = 0
  #late = 0
  #worstPaid: PaidHires | undefined
  /** While nothing is settled: the same state, settled at once, and what it came to after each epoch. */
  #prompt: { readonly state: SettledState; readonly digests: Map<number, string> } | undefined

  constructor(scenario: Scenario, options: RunOptions, overrides: Pick<Rules, 'allocate'>) {
    this.#scenario = scenario
    this.#lengthSec = BigInt(options.epochLengthSec)
    this.#perYear = Number(YEAR_SEC / this.#lengthSec)
    this.#epochs = this.#perYear * options.years
    this.#perPeriod = Number((periodSecOf(options.years) + this.#lengthSec - 1n) / this.#lengthSec)
    const terms = { ...MAINNET_EMISSION, genesis: scenario.genesis, epochLengthSec: this.#lengthSec }
    const { targetGpus, ...shares } = scenario.parameters
    const parameters: EpochParameters = {
      ...shares,
      version: 1,
      targetWeight: BigInt(targetGpus) * this.#lengthSec,
      longestHoldEpochs: 0,
    }
    this.#rules = { terms, parameters, models: modelsOf(scenario.royaltyBps), ...overrides }
    this.#tokens = new Tokens(scenario.genesis)
    this.#state = new SettledState(this.#rules)
    const { seed } = options
    this.#world = new World(scenario, { seed, lengthSec: this.#lengthSec, tokens: this.#tokens })
  }

  toTheEnd(): Simulation {
    for (let epoch = 0; epoch < this.#epochs; epoch++) {
      this.#live(epoch)
      const endSec = BigInt(epoch + 1) * this.#lengthSec
      // A run ends with everything settled.
      const isOut = !this.#isLast(epoch) && isWithin(this.#scenario.settlementOutages, endSec)
      if (isOut) this.#settleAside(epoch)
      else this.#settleAll()
      if (this.#endsPeriod(epoch)) this.#standings.push(this.#standing())
      this.#closePeriods()
    }
    return {
      terms: this.#rules.terms,
      parameters: this.#rules.parameters,
      epochs: this.#epochs,
      years: this.#years,
      periods: this.#periods,
      totals: this.#inAll.take(),
      epochsWithoutPrice: this.#withoutPrice,
      epochsSettledLate: this.#late,
      worstPaid: this.#worstPaid,
      digest: this.#state.digest(),
    }
  }

  #live(epoch: number): void {
    const history = this.#world.live(epoch, this.#state)
    this.#history.add(history)
    this.#now.latest = history
    this.#now.lived = epoch + 1
    if (history.price === undefined) this.#withoutPrice += 1
  }

  /** Nothing can be settled now: note what it would have come to, to hold the late settlement against. */
  #settleAside(epoch: number): void {
    this.#prompt ??= { state: this.#state.copy(), digests: new Map() }
    this.#prompt.state.settle(this.#history.of(epoch))
    this.#prompt.digests.set(epoch, this.#prompt.state.digest())
  }

  #settleAll(): void {
    while (this.#state.nextEpoch < this.#now.lived) this.#settleNext()
    this.#prompt = undefined
  }

  #settleNext(): void {
    const epoch = this.#state.nextEpoch
    const { terms, parameters } = this.#rules
    const rewardsBefore = this.#state.rewards
    const settled = this.#state.settle(this.#history.of(epoch))
    this.#history.forget(epoch)
    this.#tokens.activate(settled)

    const { pool } = settled.allocation
    const { burned, iosdMinted } = settled.history
    this.#sums.scheduled += pool.scheduled
    this.#sums.net += pool.net
    this.#sums.burned += burned
    const { rewards } = this.#state
    const facts = { settled, tokens: this.#tokens, rewardsBefore, rewards, totals: this.#sums }
    checkEpoch(facts, terms, parameters)
    this.#checkPromptness(epoch)

    this.#compareHirePay(settled)
    const flows = { ...settledFlows(settled, netCapOf(terms, epoch)), burned, iosdMinted }
    for (const tally of [this.#inPeriod, this.#inYear, this.#inAll]) tally.add(flows)
    if (this.#endsPeriod(epoch)) this.#closed.push({ epoch, flows: this.#inPeriod.take() })
    if ((epoch + 1) % this.#perYear === 0) this.#closeYear(epoch)
  }

  #compareHirePay({ allocation, history }: SettledEpoch): void {
    const { hiredClaimed: claimed, hiredPaid: paid } = allocation
    const worst = this.#worstPaid
    if (claimed === 0n || (worst !== undefined && paid * worst.claimed >= worst.paid * claimed)) return
    this.#worstPaid = { epoch: history.epoch, claimed, paid }
  }

  #checkPromptness(epoch: number): void {
    const prompt = this.#prompt?.digests.get(epoch)
    if (prompt === undefined) return
    this.#late += 1
    const late = this.#state.digest()
    if (late !== prompt) throw new BrokenClaimError(epoch, 'late', `${late} is not ${prompt}`)
  }

  #closeYear(epoch: number): void {
    this.#years.push({
      year: (epoch + 1) / this.#perYear,
      flows: this.#inYear.take(),
      scheduledSoFar: this.#sums.scheduled,
      standing: this.#standing(),
    })
  }

  /** A period's flows are known when its last epoch is settled, its standing when that epoch ends. */
  #closePeriods(): void {
    for (const { epoch, flows } of this.#closed.splice(0)) {
      const standing = this.#standings.shift()
      if (standing === undefined) throw new RangeError(`no standing was taken after epoch ${epoch}`)
      this.#periods.push({ endSec: (epoch + 1) * Number(this.#lengthSec), flows, standing })
    }
  }

  #endsPeriod(epoch: number): boolean {
    return (epoch + 1) % this.#perPeriod === 0 || this.#isLast(epoch)
  }

  #isLast(epoch: number): boolean {
    return epoch === this.#epochs - 1
  }

  #standing(): Standing {
    const { latest, lived } = this.#now
    const epochsWaiting = lived - this.#state.nextEpoch
    return standingOf(this.#tokens, this.#state, {
      gpus: latest?.gpus ?? 0n,
      price: latest?.price,
      epochsWaiting,
    })
  }
}

/** A day, or as many days as keep the series small. */
function periodSecOf(years: number): bigint {
  const days = BigInt(years) * 365n
  return ((days + MAX_PERIODS - 1n) / MAX_PERIODS) * DAY_SEC
}
