import { expect } from 'chai'
import fc from 'fast-check'
import { quorumOf } from '../../../protocol/quorum.ts'
import { medianWord } from '../../../protocol/round/median.ts'
import {
  chosenSigner,
  FEED_ID,
  ProtocolNetwork,
  ROUND,
  T_MS,
  TIMING,
} from '../../support/protocol/network.ts'
import { type Lie, type Plan, RoundSimulation } from '../../support/protocol/round-simulation.ts'

const SIZES = [4, 5, 6, 7]
const networks = new Map(
  SIZES.map(n => {
    const network = new ProtocolNetwork(n)
    return [n, { network, quotes: network.signedQuotes() }] as const
  }),
)

function networkOf(n: number) {
  const found = networks.get(n)
  if (found === undefined) throw new Error(`no network of ${n}`)
  return found
}

const slotsOf = (n: number) => Array.from({ length: n }, (_, slot) => slot)

function anyPlan(n: number, lies: readonly Lie[]): fc.Arbitrary<Plan> {
  const seen = fc.array(fc.subarray(slotsOf(n)), { minLength: n, maxLength: n })
  const liars = fc.uniqueArray(fc.tuple(fc.nat(n - 1), fc.constantFrom(...lies)), {
    maxLength: quorumOf(n).f,
    selector: ([slot]) => slot,
  })
  return fc.record({ seen, liars }).map(plan => ({ seen: plan.seen, lies: new Map(plan.liars) }))
}

const size = fc.constantFrom(...SIZES)
const LIES: readonly Lie[] = [
  'silent',
  'refuses',
  'signs anything',
  'bad share',
  'claims something is missing',
]

describe('a round', function () {
  this.timeout(30_000)

  it('ends with a certificate whatever f members refuse or spoil, when the aggregator has what others saw', () => {
    const scene = size.chain(n =>
      fc.record({ n: fc.constant(n), plan: anyPlan(n, LIES), more: fc.subarray(slotsOf(n)) }),
    )
    fc.assert(
      fc.property(scene, ({ n, plan, more }) => {
        const { network, quotes } = networkOf(n)
        const has = new Set([...plan.seen.flat(), ...more, ...slotsOf(n).slice(0, quorumOf(n).q)])
        const simulation = new RoundSimulation(network, quotes, plan)
        expect(simulation.run(0, 'primary', [...has]).phase).to.equal('certified')
        expect(simulation.certifiable).to.have.length(1)
      }),
      { numRuns: 200 },
    )
  })

  it('ends with a certificate of all that was seen, when only the aggregator lacked some of it', () => {
    const scene = size.chain(n =>
      fc.record({
        n: fc.constant(n),
        plan: anyPlan(n, ['signs anything']),
        seen: fc.subarray(slotsOf(n)),
        has: fc.subarray(slotsOf(n), { minLength: quorumOf(n).q }),
      }),
    )
    fc.assert(
      fc.property(scene, ({ n, plan, seen, has }) => {
        const { network, quotes } = networkOf(n)
        const simulation = new RoundSimulation(network, quotes, { ...plan, seen: slotsOf(n).map(() => seen) })
        expect(simulation.run(0, 'primary', has).phase).to.equal('certified')
        const all = [...new Set([...seen, ...has])].flatMap(slot => quotes[slot] ?? [])
        expect(simulation.certifiable).to.deep.equal([medianWord(all.map(signed => signed.quote))])
      }),
      { numRuns: 200 },
    )
  })

  it('opens no session that breaks a rule of the protocol', () => {
    const scene = size.chain(n =>
      fc.record({
        n: fc.constant(n),
        plan: anyPlan(n, ['refuses', 'bad share', 'claims something is missing']),
        has: fc.subarray(slotsOf(n)),
      }),
    )
    fc.assert(
      fc.property(scene, ({ n, plan, has }) => {
        const { network, quotes } = networkOf(n)
        const { q } = quorumOf(n)
        const simulation = new RoundSimulation(network, quotes, plan)
        simulation.run(0, 'primary', has)
        const sessions = simulation.effects.flatMap(effect =>
          effect.type === 'propose' ? [effect.session] : [],
        )
        expect(sessions.map(session => session.number)).to.deep.equal(sessions.map((_, index) => index))
        const perWord = new Map<bigint, number>()
        for (const { signers, word, quotes: used } of sessions) {
          perWord.set(word, (perWord.get(word) ?? 0) + 1)
          expect(signers).to.have.length(q)
          expect(signers).to.deep.equal([...new Set(signers)].sort((a, b) => a - b))
          expect(used.length).to.be.at.least(q)
          expect(word).to.equal(medianWord(used.map(signed => signed.quote)))
        }
        for (const count of perWord.values()) expect(count).to.be.at.most(n - q + 1)
      }),
      { numRuns: 200 },
    )
  })

  it('is finished by the backup with the word that members were locked to, when the primary stops halfway', () => {
    const scene = size.chain(n =>
      fc.record({
        n: fc.constant(n),
        stopAfter: fc.nat(3 * n),
        backup: fc.subarray(slotsOf(n), { minLength: quorumOf(n).q }),
      }),
    )
    fc.assert(
      fc.property(scene, ({ n, stopAfter, backup }) => {
        const { network, quotes } = networkOf(n)
        // Everybody honest has seen the same quotes; what the aggregators have of them differs.
        const plan: Plan = { seen: slotsOf(n).map(() => []), lies: new Map() }
        const simulation = new RoundSimulation(network, quotes, plan)
        simulation.run(0, 'primary', slotsOf(n), stopAfter)
        expect(simulation.run(1, 'backup', backup).phase).to.equal('certified')
        expect(simulation.certifiable).to.have.length(1)
      }),
      { numRuns: 150 },
    )
  })

  it('never has two words that a quorum signed, though both aggregators and f members lie', () => {
    const scene = size.chain(n => {
      const { f, q } = quorumOf(n)
      const proposal = fc.record({
        aggregator: fc.nat(1),
        quotes: fc.subarray(slotsOf(n), { minLength: q }),
        signers: fc.subarray(slotsOf(n), { minLength: q, maxLength: q }),
      })
      return fc.record({
        n: fc.constant(n),
        liars: fc.subarray(slotsOf(n), { maxLength: f }),
        proposals: fc.array(proposal, { minLength: 2, maxLength: 12 }),
      })
    })
    fc.assert(
      fc.property(scene, ({ n, liars, proposals }) => {
        const { network, quotes } = networkOf(n)
        // Nobody has seen anything in time, so that the rule of missing quotes stops no proposal.
        const plan: Plan = { seen: [], lies: new Map() }
        const simulation = new RoundSimulation(network, quotes, plan)
        for (const { aggregator, quotes: chosen, signers } of proposals) {
          const from = chosen.flatMap(slot => quotes[slot] ?? [])
          const word = medianWord(from.map(signed => signed.quote))
          const proposal = {
            feedId: FEED_ID,
            round: ROUND,
            session: 0,
            quotes: from.map(quote => quote.bytes),
            word,
            signers: signers.map(chosenSigner),
            equivocations: [],
          }
          for (const slot of signers) {
            if (liars.includes(slot)) simulation.note(slot, word)
            else simulation.ask(slot, aggregator, proposal, T_MS + TIMING.collectMs + TIMING.backupMs)
          }
          // Liars sign every word, asked or not.
          for (const slot of liars) simulation.note(slot, word)
        }
        expect(simulation.certifiable.length).to.be.at.most(1)
      }),
      { numRuns: 400 },
    )
  })
})
