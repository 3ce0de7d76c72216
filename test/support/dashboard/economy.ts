import { keccak_256 } from '@noble/hashes/sha3.js'
import { READ_ECONOMY } from '../../../dashboard/src/data/economy-reader.ts'
import { argument, eventTopic, selectorOf } from '../../../dashboard/src/data/rpc.ts'
import { type Address, type Hash, hexOf } from '../../../protocol/bytes.ts'
import { rewardLeaf, rewardRootOf } from '../../../protocol/epoch/ledger.ts'
import { REPORT_FIELDS } from '../../../protocol/epoch/report.ts'
import { merkleProof } from '../../../protocol/merkle.ts'
import { ONE } from '../../../protocol/units.ts'

export const ECONOMY_CONTRACTS = {
  emission: `0x${'b1'.repeat(20)}`,
  settlement: `0x${'b2'.repeat(20)}`,
  rewardsDistributor: `0x${'b3'.repeat(20)}`,
  escrow: `0x${'b4'.repeat(20)}`,
  modelRegistry: `0x${'b5'.repeat(20)}`,
} as const

export const WORKERS: readonly Address[] = ['d1', 'd2', 'd3'].map((byte): Address => `0x${byte.repeat(20)}`)
export const MODEL_OWNER: Address = `0x${'e1'.repeat(20)}`
export const GATEWAY: Address = `0x${'e2'.repeat(20)}`

export const GENESIS = 12_000_000n * ONE

/** What one epoch moves, wei. */
export interface FakeEpoch {
  scheduled: bigint
  net: bigint
  hired: bigint
  availability: bigint
  debitIo: bigint
  debitIosd: bigint
}

/** A log with the contract that it is of. */
export interface FakeLog {
  address: string
  topics: string[]
  data: string
}

const hash = (text: string): Hash => hexOf(keccak_256(new TextEncoder().encode(text)))
const words = (...values: (bigint | string)[]) => `0x${values.map(argument).join('')}`

/** The contracts of an economy as four sums and a reward tree: what they answer, and what an epoch makes them say. */
export class FakeEconomy {
  scheduled = 0n
  net = 0n
  posted = 0n
  claimed = 0n
  reserve = 0n
  spentIo = 0n
  spentIosd = 0n
  depositedIo = 50n * ONE
  depositedIosd = 80n * ONE
  nextEpoch = 0
  /** The running epoch, as Emission sees it. */
  running = { scheduled: 0n, burned: 0n, cap: 0n }
  readonly #earned = new Map<Address, bigint>()
  readonly #claimedBy = new Map<Address, bigint>()

  get rewards() {
    return [...this.#earned].map(([account, cumulative]) => ({ account, cumulative }))
  }

  get root(): Hash {
    return rewardRootOf(this.rewards)
  }

  /** Settles the next epoch; whatever the pool does not pay goes to the reserve. Returns its events. */
  settle(epoch: FakeEpoch): { number: number; report: Record<string, bigint | string>; logs: FakeLog[] } {
    const number = this.nextEpoch++
    const added = epoch.hired + epoch.availability + epoch.debitIo
    this.scheduled += epoch.scheduled
    this.net += epoch.net
    this.posted += added
    this.reserve += epoch.scheduled + epoch.net - epoch.hired - epoch.availability
    this.spentIo += epoch.debitIo
    this.spentIosd += epoch.debitIosd
    this.#credit(WORKERS[0], epoch.availability / 2n + epoch.hired)
    this.#credit(WORKERS[1], epoch.availability - epoch.availability / 2n)
    this.#credit(WORKERS[2], (epoch.debitIo * 80n) / 100n)
    this.#credit(MODEL_OWNER, (epoch.debitIo * 15n) / 100n)
    this.#credit(GATEWAY, epoch.debitIo - (epoch.debitIo * 80n) / 100n - (epoch.debitIo * 15n) / 100n)

    const debitRoot = hash(`debits of ${number}`)
    const bundleHash = hash(`bundle of ${number}`)
    const report: Record<string, bigint | string> = {
      epoch: BigInt(number),
      rewardRoot: this.root,
      debitRoot,
      hiredPaid: epoch.hired,
      availabilityPaid: epoch.availability,
      debitIosd: epoch.debitIosd,
      debitIo: epoch.debitIo,
      bundleHash,
    }
    const { settlement, emission } = ECONOMY_CONTRACTS
    const log = (address: string, signature: string, indexed: bigint[], data: string): FakeLog => ({
      address,
      topics: [eventTopic(signature), ...indexed.map(value => `0x${argument(value)}`)],
      data,
    })
    const id = BigInt(number)
    return {
      number,
      report,
      logs: [
        log(
          settlement,
          READ_ECONOMY.epochStaged,
          [id, 0n],
          words(0n, ...REPORT_FIELDS.map(name => report[name] ?? 0n)),
        ),
        log(emission, READ_ECONOMY.epochMinted, [id], words(epoch.scheduled, this.scheduled)),
        log(emission, READ_ECONOMY.netMinted, [id], words(epoch.net, epoch.net, epoch.net, this.net)),
        log(
          settlement,
          READ_ECONOMY.rewardsPosted,
          [id],
          words(this.root, debitRoot, added, 0n, this.reserve, bundleHash),
        ),
      ],
    }
  }

  /** An account takes all it has earned. Returns the event. */
  claim(account: Address): FakeLog {
    const { amount, cumulative } = this.#pay(account)
    return {
      address: ECONOMY_CONTRACTS.rewardsDistributor,
      topics: [
        eventTopic(READ_ECONOMY.claimedEvent),
        ...[account, account].map(each => `0x${argument(each)}`),
      ],
      data: words(amount, cumulative),
    }
  }

  /** An account burns all it has earned, for IOSD. Returns the event. */
  claimAsIosd(account: Address, iosd: bigint): FakeLog {
    const { amount, cumulative } = this.#pay(account)
    return {
      address: ECONOMY_CONTRACTS.rewardsDistributor,
      topics: [eventTopic(READ_ECONOMY.claimedAsIosdEvent), `0x${argument(account)}`],
      data: words(amount, iosd, cumulative),
    }
  }

  /** The event of the one model that there is. */
  modelRegistered(): FakeLog {
    return {
      address: ECONOMY_CONTRACTS.modelRegistry,
      topics: [eventTopic(READ_ECONOMY.modelRegistered), hash('model'), `0x${argument(MODEL_OWNER)}`],
      data: words(0n),
    }
  }

  /** What a relayer says of an account; undefined when it has earned nothing. */
  account(account: string): Record<string, unknown> | undefined {
    const line = this.rewards.find(reward => reward.account === account)
    if (line === undefined) return undefined
    return {
      account,
      epoch: this.nextEpoch - 1,
      cumulativeWei: String(line.cumulative),
      root: this.root,
      proof: merkleProof(this.rewards.map(rewardLeaf), rewardLeaf(line)),
    }
  }

  earned(account: Address): bigint {
    return this.#earned.get(account) ?? 0n
  }

  /** Answers a call; undefined when it is of none of the economy's functions. */
  call(to: string, data: string): string | undefined {
    const { emission, settlement, rewardsDistributor, escrow } = ECONOMY_CONTRACTS
    const owed = this.posted - this.claimed
    const balances: Record<string, bigint> = {
      [settlement]: this.reserve,
      [rewardsDistributor]: owed,
      [escrow]: this.depositedIo - this.spentIo,
    }
    const answers: Record<string, () => string> = {
      [`${emission} genesis`]: () => words(GENESIS),
      [`${emission} totals`]: () => words(this.scheduled, this.net),
      [`${emission} emissionOf`]: () => {
        const { scheduled, burned, cap } = this.running
        return words(scheduled, burned, cap, burned < cap ? burned : cap)
      },
      [`${settlement} reserve`]: () => words(this.reserve),
      [`${settlement} nextEpoch`]: () => words(BigInt(this.nextEpoch)),
      [`${rewardsDistributor} funded`]: () => words(this.posted),
      [`${rewardsDistributor} claimed`]: () => words(this.claimed),
      [`${rewardsDistributor} root`]: () => words(this.root),
      [`${rewardsDistributor} claimedBy`]: () =>
        words(this.#claimedBy.get(`0x${data.slice(-40)}` as Address) ?? 0n),
      [`${escrow} debits`]: () => words(hash('debits'), this.spentIosd, this.spentIo, 0n, 0n),
      [`${escrow} held`]: () =>
        words(data.endsWith('1') ? this.depositedIo - this.spentIo : this.depositedIosd - this.spentIosd),
    }
    const name = NAMES.get(data.slice(0, 10))
    if (name === 'balanceOf') {
      // The escrow is the only one with IOSD.
      if (to === `0x${'a2'.repeat(20)}`) return words(this.depositedIosd - this.spentIosd)
      return words(balances[`0x${data.slice(-40)}`] ?? 0n)
    }
    if (name === 'gateways') return words(32n, 1n, GATEWAY, 7n)
    return answers[`${to} ${name}`]?.()
  }

  #pay(account: Address): { amount: bigint; cumulative: bigint } {
    const cumulative = this.#earned.get(account) ?? 0n
    const amount = cumulative - (this.#claimedBy.get(account) ?? 0n)
    this.#claimedBy.set(account, cumulative)
    this.claimed += amount
    return { amount, cumulative }
  }

  #credit(account: Address | undefined, amount: bigint): void {
    if (account !== undefined && amount > 0n) this.#earned.set(account, this.earned(account) + amount)
  }
}

const NAMES = new Map(Object.entries(READ_ECONOMY).map(([name, signature]) => [selectorOf(signature), name]))
