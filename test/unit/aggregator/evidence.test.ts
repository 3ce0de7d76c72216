import { join } from 'node:path'
import { expect } from 'chai'
import { createEvidenceStore, type EvidenceStore } from '../../../aggregator/evidence/evidence-store.ts'
import {
  EvidenceSubmitter,
  type EvidenceSubmitterDeps,
} from '../../../aggregator/evidence/evidence-submitter.ts'
import { FEED_MIGRATIONS } from '../../../aggregator/feed/report-store.ts'
import { TransactError } from '../../../chain/transactor.ts'
import type { Membership } from '../../../protocol/membership.ts'
import type { Equivocation } from '../../../protocol/round/quote-book.ts'
import type { Price } from '../../../protocol/units.ts'
import { openDatabase, type SqliteDatabase } from '../../../runtime/sqlite.ts'
import { at, castOf, DOMAIN, registryView, signQuoteAs } from '../../support/network/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

const cast = castOf(4)
const RETRY_MS = 5_000

function evidenceOf(slot: number, keyEpoch = 1, prices: readonly [bigint, bigint] = [5n, 6n]): Equivocation {
  const member = at(cast.members, slot)
  const quoteOf = (price: bigint) => signQuoteAs(member, slot, { keyEpoch, price: price as Price })
  return { slot, signer: member.identity, first: quoteOf(prices[0]), second: quoteOf(prices[1]) }
}

describe('evidence of equivocation', () => {
  let directory: TemporaryDirectory
  let database: SqliteDatabase
  let store: EvidenceStore

  const open = (domain = DOMAIN): void => {
    database = openDatabase(join(directory.path, 'feed.sqlite'), FEED_MIGRATIONS)
    store = createEvidenceStore(database, domain)
  }
  const reopen = (domain = DOMAIN): void => {
    database.close()
    open(domain)
  }
  const rows = (): unknown => database.prepare('SELECT count(*) AS count FROM evidence').get()
  beforeEach(() => {
    directory = temporaryDirectory()
    open()
  })
  afterEach(() => {
    database.close()
    directory.remove()
  })

  describe('in its store', () => {
    it('is there as it was, after being opened again', () => {
      expect(store.add(evidenceOf(1))).to.equal(true)
      reopen()
      expect(store.pending()).to.deep.equal([evidenceOf(1)])
    })

    it('is kept once a member and key epoch, the first', () => {
      store.add(evidenceOf(1))
      expect(store.add(evidenceOf(1, 1, [7n, 8n]))).to.equal(false)
      expect([store.add(evidenceOf(2)), store.add(evidenceOf(1, 2))]).to.deep.equal([true, true])
      expect(store.pending()).to.deep.equal([evidenceOf(1), evidenceOf(2), evidenceOf(1, 2)])
    })

    it('is not pending and not taken anew once it has ended', () => {
      store.add(evidenceOf(1))
      store.end(evidenceOf(1), 'SUSPENDED')
      reopen()
      expect(store.pending()).to.deep.equal([])
      expect(store.add(evidenceOf(1, 1, [7n, 8n]))).to.equal(false)
    })

    it('is forgotten with its key epoch, but not before it has ended', () => {
      for (const slot of [0, 1]) store.add(evidenceOf(slot))
      store.add(evidenceOf(0, 2))
      store.end(evidenceOf(0), 'SUSPENDED')
      store.end(evidenceOf(0, 2), 'SUSPENDED')
      store.forgetBefore(2)
      expect(rows()).to.deep.equal({ count: 2 })
      expect(store.pending()).to.deep.equal([evidenceOf(1)])
    })

    it('is not seen by another network that uses the same directory', () => {
      store.add(evidenceOf(1))
      reopen({ ...DOMAIN, chainId: 1 })
      expect(store.pending()).to.deep.equal([])
    })
  })

  describe('on its way to the registry', () => {
    const onChain = { judgement: 'SUSPENDED', transaction: '0xabc' } as const
    const refusal = (errorName: string): TransactError =>
      Object.assign(new TransactError('WOULD_REVERT', 'suspendEquivocator'), { errorName })
    let clock: FakeClock
    let logger: ReturnType<typeof recordLogger>
    let view: Membership | undefined
    let sent: Equivocation[]
    let outcomes: string[]
    let answer: () => ReturnType<EvidenceSubmitterDeps['send']>
    let submitter: EvidenceSubmitter

    const start = async (): Promise<void> => {
      submitter = new EvidenceSubmitter({
        clock,
        logger,
        store,
        membership: () => view,
        send: evidence => {
          sent.push(evidence)
          return answer()
        },
        count: outcome => outcomes.push(outcome),
      })
      await submitter.start(new AbortController().signal)
      await clock.advance(0)
    }
    const submit = async (evidence: Equivocation): Promise<void> => {
      submitter.submit(evidence)
      await clock.advance(0)
    }
    beforeEach(async () => {
      clock = new FakeClock()
      logger = recordLogger()
      view = registryView(cast, { keyEpoch: 1 })
      sent = []
      outcomes = []
      answer = async () => onChain
      await start()
    })
    afterEach(() => submitter.stop())

    it('is sent at once, and never again', async () => {
      await submit(evidenceOf(1))
      await submit(evidenceOf(1, 1, [7n, 8n]))
      await clock.advance(3 * RETRY_MS)
      expect({ sent, outcomes }).to.deep.equal({ sent: [evidenceOf(1)], outcomes: ['SUSPENDED'] })
    })

    it('is not sent again after a restart', async () => {
      await submit(evidenceOf(1))
      await submitter.stop()
      reopen()
      await start()
      await submit(evidenceOf(1))
      expect(sent).to.deep.equal([evidenceOf(1)])
    })

    it('has ended too when the registry only recorded it', async () => {
      answer = async () => ({ ...onChain, judgement: 'RECORDED' })
      await submit(evidenceOf(1))
      await clock.advance(RETRY_MS)
      expect({ sent: sent.length, outcomes }).to.deep.equal({ sent: 1, outcomes: ['RECORDED'] })
    })

    it('is sent again after a while for as long as that fails', async () => {
      const errors = [new TransactError('RPC_FAILED', 'x'), refusal('WrongKeyEpoch'), new Error('unheard of')]
      answer = async () => {
        const error = errors.shift()
        if (error !== undefined) throw error
        return onChain
      }
      await submit(evidenceOf(1))
      await clock.advance(RETRY_MS - 1)
      expect(outcomes).to.deep.equal(['FAILED'])
      await clock.advance(5 * RETRY_MS)
      expect(outcomes).to.deep.equal(['FAILED', 'FAILED', 'FAILED', 'SUSPENDED'])
      expect(sent.length).to.equal(4)
    })

    it('goes on after a restart in the middle', async () => {
      answer = async () => {
        throw new TransactError('NOT_MINED', 'x')
      }
      await submit(evidenceOf(1))
      await submitter.stop()
      reopen()
      answer = async () => onChain
      await start()
      expect(outcomes).to.deep.equal(['FAILED', 'SUSPENDED'])
    })

    it('has done its work when the registry says that the member is suspended already', async () => {
      answer = async () => {
        throw refusal('NotActiveMember')
      }
      await submit(evidenceOf(1))
      await clock.advance(2 * RETRY_MS)
      expect({ sent: sent.length, outcomes }).to.deep.equal({ sent: 1, outcomes: ['ALREADY_SUSPENDED'] })
    })

    it('is not sent when the member is seen to be suspended', async () => {
      view = registryView(cast, { keyEpoch: 1, suspended: [1] })
      await submit(evidenceOf(1))
      expect({ sent, outcomes }).to.deep.equal({ sent: [], outcomes: ['ALREADY_SUSPENDED'] })
    })

    it('outlives its key epoch, and is forgotten once it has been judged', async () => {
      answer = async () => {
        if (sent.length === 1) throw new TransactError('RPC_FAILED', 'x')
        return onChain
      }
      await submit(evidenceOf(1))
      view = registryView(cast, { keyEpoch: 2 })
      await clock.advance(2 * RETRY_MS)
      expect(outcomes).to.deep.equal(['FAILED', 'SUSPENDED'])
      expect(rows()).to.deep.equal({ count: 0 })
    })

    it('does not wait for evidence against another that cannot be sent', async () => {
      answer = async () => {
        if (sent.at(-1)?.slot === 0) throw new TransactError('RPC_FAILED', 'x')
        return onChain
      }
      await submit(evidenceOf(0))
      await submit(evidenceOf(1))
      await clock.advance(RETRY_MS)
      expect(sent.map(({ slot }) => slot)).to.deep.equal([0, 0, 1, 0])
      expect(outcomes).to.deep.equal(['FAILED', 'FAILED', 'SUSPENDED', 'FAILED'])
    })

    it('waits for its turn while other evidence is being sent', async () => {
      const mined = Promise.withResolvers<typeof onChain>()
      answer = () => mined.promise
      await submit(evidenceOf(0))
      await submit(evidenceOf(1))
      expect(sent).to.deep.equal([evidenceOf(0)])
      mined.resolve(onChain)
      await clock.advance(RETRY_MS)
      expect(sent).to.deep.equal([evidenceOf(0), evidenceOf(1)])
    })

    it('is kept for the next start when it comes while nothing is running', async () => {
      await submitter.stop()
      await submit(evidenceOf(1))
      expect(sent).to.deep.equal([])
      await start()
      expect(sent).to.deep.equal([evidenceOf(1)])
    })

    it('holds up no stop, though its transaction waits behind others', async () => {
      answer = () => Promise.withResolvers<typeof onChain>().promise
      await submit(evidenceOf(1))
      await submitter.stop()
      expect({ outcomes, pending: store.pending() }).to.deep.equal({ outcomes: [], pending: [evidenceOf(1)] })
    })

    it('is named in the log once, with whom it is about', async () => {
      await submit(evidenceOf(1))
      await submit(evidenceOf(1))
      const about = {
        slot: 1,
        signer: at(cast.members, 1).identity,
        keyEpoch: 1,
        round: evidenceOf(1).first.quote.round,
      }
      expect(logger.lines).to.deep.equal([
        { level: 'warn', sentence: 'a member signed two different quotes for one round', fields: about },
        { level: 'warn', sentence: 'evidence of equivocation is on chain', fields: { ...about, ...onChain } },
      ])
    })
  })
})
