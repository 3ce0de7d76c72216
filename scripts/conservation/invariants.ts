/** The invariants of the network's economics that a chain can show, each as a list of what breaks it. */
import type { Books, EpochEntry } from './books.ts'
import { heldOf, sum } from './books.ts'
import { BPS, type CurveTerms, MAX_SUPPLY, netCapIn, ONE, scheduledIn, YEAR_SEC } from './curve.ts'
import type { Reading } from './reading.ts'

export interface Invariant {
  /** As ECONOMICS counts them. */
  readonly number: number
  readonly name: string
  readonly says: string
  /** What breaks it; empty when it holds. */
  readonly check: (books: Books, reading: Reading) => string[]
}

/** What a chain cannot show, and who shows it. */
export const NOT_VISIBLE = [
  '7: when an epoch was settled plays no part in 1, 2 and 5, which are computed again from its number and events',
  '10: holds are off chain; `ionet verify epoch` checks them against the bundle (the debit limit is checked)',
  '14, 15: usage records are off chain; `ionet verify epoch` checks them against the bundle',
] as const

export const INVARIANTS: readonly Invariant[] = [
  {
    number: 1,
    name: 'SCHEDULE',
    says: 'each epoch mints what the curve gives, and genesis and schedule stay under the maximum',
    check: ({ epochs }, { state }) => [
      ...epochs.flatMap(({ epoch, minted }) =>
        differs(`epoch ${epoch} scheduled`, minted?.scheduled, scheduledIn(termsOf(state), epoch)),
      ),
      ...differs('Emission.totals().scheduled', state.totalScheduled, scheduledOf(epochs)),
      ...atMost('genesis and schedule', state.genesis + scheduledOf(epochs), MAX_SUPPLY),
    ],
  },
  {
    number: 2,
    name: 'NET_EMISSION',
    says: 'each epoch mints again the lesser of what was burned in it and its cap',
    check: ({ epochs, burns }, { state, burnedIn }) => [
      ...epochs.flatMap(({ epoch, net }) => {
        const burned = sum(burns.filter(burn => Number(burn.epoch) === epoch).map(burn => burn.io))
        const cap = netCapIn(termsOf(state), epoch)
        return [
          ...differs(`epoch ${epoch} burnedIn`, burnedIn[epoch], burned),
          ...differs(`epoch ${epoch} burned, as minted against`, net?.burned, burned),
          ...differs(`epoch ${epoch} cap`, net?.cap, cap),
          ...differs(`epoch ${epoch} net`, net?.net, burned < cap ? burned : cap),
        ]
      }),
      ...burns.flatMap(({ epoch, burnedSec }) =>
        differs('epoch of a burn', epoch, (burnedSec - state.epochStart) / state.epochLengthSec),
      ),
      ...differs('Emission.totals().net', state.totalNet, netOf(epochs)),
      ...atMost('net emission', netOf(epochs), burnedOf(burns)),
    ],
  },
  {
    number: 3,
    name: 'IO_SUPPLY',
    says: 'IO is genesis, schedule and net emission less what was burned, never above the maximum',
    check: ({ epochs, burns, io }, { state }) => {
      const made = state.genesis + scheduledOf(epochs) + netOf(epochs)
      return [
        ...differs('IO.totalSupply', state.ioSupply, made - burnedOf(burns)),
        ...differs('IO that came from nowhere', io.made, made),
        ...differs('IO that went to nowhere', io.destroyed, burnedOf(burns)),
        ...differs('Burner.totalBurned', state.totalBurned, burnedOf(burns)),
        ...atMost('the highest IO supply', io.highestSupply, MAX_SUPPLY),
      ]
    },
  },
  {
    number: 4,
    name: 'IOSD_SUPPLY',
    says: 'IOSD is what burns made less what epochs spent, and moves only to and from the escrow',
    check: ({ burns, epochs, iosd }, { state }) => {
      const made = sum(burns.map(burn => burn.iosd))
      const spent = spentOf(epochs)
      return [
        ...differs('IOSD.totalSupply', state.iosdSupply, made - spent),
        ...differs('IOSD that came from nowhere', iosd.made, made),
        ...differs('IOSD that went to nowhere', iosd.destroyed, spent),
        ...differs('IOSD transfers past the escrow', iosd.strayTransfers, 0),
      ]
    },
  },
  {
    number: 4,
    name: 'BURN_PRICE',
    says: 'every burn gave one IOSD for each dollar, at the price that stood on chain',
    check: ({ burns }) =>
      burns.flatMap(({ io, iosd, price, round, standing }, index) => {
        const exactIn = iosd === (io * price) / ONE
        const exactOut = io === (iosd * ONE + price - 1n) / price
        return [
          ...differs(`price of burn ${index}`, price, standing?.price),
          ...differs(`round of burn ${index}`, round, standing?.round),
          ...(exactIn || exactOut ? [] : [`burn ${index}: ${iosd} IOSD for ${io} IO at ${price}`]),
        ]
      }),
  },
  {
    number: 5,
    name: 'EPOCH_IDENTITY',
    says: 'what an epoch mints, releases and debits is paid or reserved, to the wei',
    check: ({ epochs }, { state, limits }) => [
      ...epochs.flatMap((entry, index) =>
        identityOf(entry, epochs[index - 1]?.posted.reserve ?? 0n, state.epochLengthSec, limits[entry.epoch]),
      ),
      ...differs('Settlement.reserve', state.reserve, epochs.at(-1)?.posted.reserve ?? 0n),
      ...atMost('the reserve', state.reserve, state.ioOf.settlement),
    ],
  },
  {
    number: 6,
    name: 'ORDER',
    says: 'every epoch is active once, in order, after its end',
    check: (
      { epochs, counts: { EpochMinted, NetEmissionMinted, Debited, RootPosted, EpochEmptied } },
      { state },
    ) => [
      ...epochs.flatMap(({ epoch, activatedSec }, index) => {
        const endSec = state.epochStart + BigInt(epoch + 1) * state.epochLengthSec
        return [
          ...differs(`activation ${index}`, epoch, index),
          ...(activatedSec >= endSec ? [] : [`epoch ${epoch}: active at ${activatedSec}, ends at ${endSec}`]),
        ]
      }),
      ...differs('Settlement.nextEpoch', state.settlementNextEpoch, epochs.length),
      ...differs('Emission.nextEpoch', state.emissionNextEpoch, epochs.length),
      ...differs('settledEpochs of the escrow', state.debits.settledEpochs, BigInt(epochs.length)),
      ...differs(
        'rootEpochs of the escrow',
        state.debits.rootEpochs,
        BigInt((lastReported(epochs)?.epoch ?? -1) + 1),
      ),
      ...Object.entries({ EpochMinted, NetEmissionMinted }).flatMap(([name, count]) =>
        differs(`events ${name}`, count, epochs.length),
      ),
      ...Object.entries({ Debited, RootPosted }).flatMap(([name, count]) =>
        differs(`events ${name}`, count, epochs.length - emptiedOf(epochs)),
      ),
      ...differs('events EpochEmptied', EpochEmptied, emptiedOf(epochs)),
    ],
  },
  {
    number: 6,
    name: 'CHAINED_REPORTS',
    says: 'each report stands on the roots and sums of the one before, and emptied epochs leave them',
    check: ({ epochs }, { state }) => [
      ...epochs.flatMap((entry, index) => {
        const before = lastReported(epochs, index)?.report
        return entry.emptied ? emptyChainOf(entry, before) : chainOf(entry, before)
      }),
      ...differs(
        'Escrow.debits().root',
        state.debits.root,
        lastReported(epochs)?.report?.debitRoot ?? ZERO_HASH,
      ),
    ],
  },
  {
    number: 8,
    name: 'DISTRIBUTOR',
    says: 'the distributor was funded with what the roots add, and holds what was not claimed',
    check: ({ epochs, claims }, { state }) => {
      const last = epochs.at(-1)
      const claimed = sum(claims.map(claim => claim.amount))
      return [
        ...differs('RewardsDistributor.funded', state.funded, postedOf(epochs)),
        ...differs(
          'cumulativeRewards',
          lastReported(epochs)?.report?.cumulativeRewards ?? 0n,
          postedOf(epochs),
        ),
        ...differs('RewardsDistributor.claimed', state.claimed, claimed),
        ...(last === undefined ? [] : differs('RewardsDistributor.root', state.root, last.posted.rewardRoot)),
        ...atMost('claims', claimed, postedOf(epochs)),
        ...atMost('what is not claimed', postedOf(epochs) - claimed, state.ioOf.rewardsDistributor),
      ]
    },
  },
  {
    number: 9,
    name: 'LEAVES_NEVER_FALL',
    says: 'every claim pays the growth of its cumulative amount, and no sum of leaves falls',
    check: ({ epochs, claims }) => {
      const paid = new Map<string, bigint>()
      const broken = claims.flatMap(({ account, amount, cumulative }) => {
        const before = paid.get(account) ?? 0n
        paid.set(account, cumulative)
        return differs(`claim of ${account}`, amount, cumulative - before)
      })
      const reported = epochs.filter(({ emptied }) => !emptied)
      const sums = reported.map(({ report }) => report?.cumulativeRewards ?? 0n)
      return [
        ...broken,
        ...reported.flatMap(({ epoch }, index) =>
          atMost(`rewards before epoch ${epoch}`, sums[index - 1] ?? 0n, sums[index] ?? 0n),
        ),
      ]
    },
  },
  {
    number: 10,
    name: 'DEBIT_LIMIT',
    says: 'no epoch takes more of the escrow than its parameters allow',
    check: ({ epochs, heldAtEnd }, { limits }) =>
      epochs.flatMap(({ epoch, emptied, debited }) => {
        if (emptied && debited === undefined) return []
        const before = heldAtEnd.get(epoch)
        const limit = limits[epoch]
        if (before === undefined || limit === undefined || debited === undefined)
          return [`epoch ${epoch}: no debit`]
        const most = (held: bigint) => (held * limit.maxDebitBps) / BPS
        return [
          ...atMost(`IO debit of epoch ${epoch}`, debited.io, most(before.io)),
          ...atMost(`IOSD debit of epoch ${epoch}`, debited.iosd, most(before.iosd)),
        ]
      }),
  },
  {
    number: 11,
    name: 'ESCROW',
    says: 'the escrow holds deposits less withdrawals and debits, of each asset and of each payer',
    check: ({ escrow, payers }, reading) => [
      ...differs('Escrow.held(IO)', reading.state.heldIo, heldOf(escrow.io)),
      ...differs('Escrow.held(IOSD)', reading.state.heldIosd, heldOf(escrow.iosd)),
      ...atMost('IO in escrow', heldOf(escrow.io), reading.state.ioOf.escrow),
      ...atMost('IOSD in escrow', heldOf(escrow.iosd), reading.state.iosdOfEscrow),
      ...(escrow.io.lowest < 0n || escrow.iosd.lowest < 0n ? ['the escrow was below zero'] : []),
      ...differs('IO debits', reading.state.debits.io, escrow.io.debited),
      ...differs('IOSD debits', reading.state.debits.iosd, escrow.iosd.debited),
      ...reading.payers.flatMap(({ payer, asset, deposited, withdrawn }) => {
        const line = payers.get(`${payer} ${asset}`)
        return [
          ...differs(`deposits of ${payer}, asset ${asset}`, deposited, line?.deposited ?? 0n),
          ...differs(`withdrawals of ${payer}, asset ${asset}`, withdrawn, line?.withdrawn ?? 0n),
        ]
      }),
    ],
  },
  {
    number: 13,
    name: 'HIRES_LOSE_THE_TAX',
    says: 'IOSD hires are paid at most (1 − τ) of what was spent, at the highest price on chain in the epoch',
    check: ({ epochs, updates }, { state, limits }) =>
      epochs.flatMap(({ epoch, report }) => {
        const limit = limits[epoch]
        const prices = updates
          .filter(
            ({ word }) => (observedSec(word) - state.epochStart) / state.epochLengthSec === BigInt(epoch),
          )
          .map(({ price }) => price)
        const highest = prices.reduce((most, price) => (price > most ? price : most), 0n)
        // A price that never came on chain may have been certified: only the bundle has it.
        if (report === undefined || limit === undefined || highest === 0n) return []
        const most = (report.debitIosd * (BPS - limit.hireTaxBps) * ONE) / (BPS * highest)
        return atMost(`hires of epoch ${epoch}`, report.hiredPaid, most)
      }),
  },
]

/** Word: price 80 | 0 (80) | confidence 16 | observedAt 40 | round 40. */
function observedSec(word: bigint): bigint {
  return (word >> 40n) & (2n ** 40n - 1n)
}

/** Step 6 and 8, from the report, the three events and the reserve before. */
function identityOf(
  { epoch, emptied, minted, net, report, posted }: EpochEntry,
  reserveBefore: bigint,
  epochLengthSec: bigint,
  limit: Reading['limits'][number] | undefined,
): string[] {
  const isReported = report !== undefined && !emptied
  if (minted === undefined || net === undefined || limit === undefined || !(emptied || isReported))
    return [`epoch ${epoch}: an event of its settlement is missing`]
  const released = reserveBefore / (YEAR_SEC / epochLengthSec)
  const pool = minted.scheduled + net.net + released
  const paid = isReported ? report.hiredPaid + report.availabilityPaid : 0n
  const passed = isReported ? report.debitIo : 0n
  const identity = [
    ...differs(`epoch ${epoch} released`, posted.released, released),
    ...differs(`epoch ${epoch} added`, posted.added, paid + passed),
    ...differs(`epoch ${epoch} reserve`, posted.reserve, reserveBefore - released + (pool - paid)),
  ]
  if (!isReported) return identity
  return [
    ...identity,
    ...atMost(`epoch ${epoch} hires`, report.hiredPaid, ((pool - net.net) * limit.hiredBps) / BPS + net.net),
    ...differs(`epoch ${epoch} version of parameters`, report.paramsVersion, limit.version),
  ]
}

/** The roots of no lines, and the bundle of an emptied epoch. */
const ZERO_HASH = `0x${'00'.repeat(32)}`

/** The newest entry that is not emptied, of all or of those before `end`. */
function lastReported(epochs: Books['epochs'], end = epochs.length): EpochEntry | undefined {
  for (let index = end - 1; index >= 0; index--) if (epochs[index]?.emptied === false) return epochs[index]
  return undefined
}

/** @param last the report of the newest epoch before that had one */
function chainOf({ epoch, report, posted, debited, root }: EpochEntry, last: EpochEntry['report']): string[] {
  if (report === undefined || debited === undefined || root === undefined)
    return [`epoch ${epoch}: an event of its settlement is missing`]
  return [
    ...differs(`epoch ${epoch} previousRewardRoot`, report.previousRewardRoot, last?.rewardRoot ?? ZERO_HASH),
    ...differs(`epoch ${epoch} previousDebitRoot`, report.previousDebitRoot, last?.debitRoot ?? ZERO_HASH),
    ...differs(
      `epoch ${epoch} cumulativeRewards`,
      report.cumulativeRewards,
      (last?.cumulativeRewards ?? 0n) + posted.added,
    ),
    ...differs(
      `epoch ${epoch} cumulativeDebitIosd`,
      report.cumulativeDebitIosd,
      (last?.cumulativeDebitIosd ?? 0n) + debited.iosd,
    ),
    ...differs(
      `epoch ${epoch} cumulativeDebitIo`,
      report.cumulativeDebitIo,
      (last?.cumulativeDebitIo ?? 0n) + debited.io,
    ),
    ...differs(`epoch ${epoch} debitIosd`, debited.iosd, report.debitIosd),
    ...differs(`epoch ${epoch} debitIo`, debited.io, report.debitIo),
    ...differs(`epoch ${epoch} reward root`, posted.rewardRoot, report.rewardRoot),
    ...differs(`epoch ${epoch} debit root`, posted.debitRoot, report.debitRoot),
    ...differs(`epoch ${epoch} root of the distributor`, root.root, report.rewardRoot),
    ...differs(`epoch ${epoch} root of the escrow`, debited.root, report.debitRoot),
    ...differs(`epoch ${epoch} bundle`, posted.bundleHash, report.bundleHash),
  ]
}

/** Nothing but the reserve may change. @param last as of {@link chainOf} */
function emptyChainOf(
  { epoch, report, posted, debited, root }: EpochEntry,
  last: EpochEntry['report'],
): string[] {
  return [
    ...differs(`epoch ${epoch} reward root`, posted.rewardRoot, last?.rewardRoot ?? ZERO_HASH),
    ...differs(`epoch ${epoch} debit root`, posted.debitRoot, last?.debitRoot ?? ZERO_HASH),
    ...differs(`epoch ${epoch} bundle`, posted.bundleHash, ZERO_HASH),
    ...(report === undefined ? [] : [`epoch ${epoch}: emptied while attempt ${report.attempt} was staged`]),
    ...(debited === undefined ? [] : [`epoch ${epoch}: emptied, with a debit`]),
    ...(root === undefined ? [] : [`epoch ${epoch}: emptied, with a root for the distributor`]),
  ]
}

export const emptiedOf = (epochs: Books['epochs']): number => epochs.filter(({ emptied }) => emptied).length

export const scheduledOf = (epochs: Books['epochs']): bigint =>
  sum(epochs.map(({ minted }) => minted?.scheduled ?? 0n))
export const netOf = (epochs: Books['epochs']): bigint => sum(epochs.map(({ net }) => net?.net ?? 0n))
export const postedOf = (epochs: Books['epochs']): bigint => sum(epochs.map(({ posted }) => posted.added))
export const spentOf = (epochs: Books['epochs']): bigint =>
  sum(epochs.map(({ debited }) => debited?.iosd ?? 0n))
export const burnedOf = (burns: Books['burns']): bigint => sum(burns.map(burn => burn.io))

function termsOf(state: Reading['state']): CurveTerms {
  return state
}

function differs<T extends string | number | bigint>(
  what: string,
  found: T | undefined,
  expected: T | undefined,
): string[] {
  if (found === expected) return []
  return [`${what}: ${found ?? 'nothing'} on chain, expected ${expected ?? 'nothing'}`]
}

function atMost(what: string, found: bigint, maximum: bigint): string[] {
  return found <= maximum ? [] : [`${what}: ${found}, at most ${maximum}`]
}
