import { expect } from 'chai'
import { createTestClient, type HDAccount, type Hex, http, publicActions } from 'viem'
import { createEvidenceStore, type EvidenceStore } from '../../../aggregator/evidence/evidence-store.ts'
import { EvidenceSubmitter } from '../../../aggregator/evidence/evidence-submitter.ts'
import { FEED_MIGRATIONS } from '../../../aggregator/feed/report-store.ts'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { createReader } from '../../../chain/clients.ts'
import { deploy } from '../../../chain/deploy.ts'
import { judgementOf, suspendCall } from '../../../chain/evidence.ts'
import { readRegistry } from '../../../chain/membership-reader.ts'
import { createTransactor } from '../../../chain/transactor.ts'
import type { Address, Hash } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/domain.ts'
import type { Membership } from '../../../protocol/membership.ts'
import { encodeSignedQuote, quoteDigest, type SignedQuote } from '../../../protocol/quote.ts'
import type { Equivocation } from '../../../protocol/round/quote-book.ts'
import type { Price } from '../../../protocol/units.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { openDatabase, type SqliteDatabase } from '../../../runtime/sqlite.ts'
import { type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { aQuote, at, castOf } from '../../support/network/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { waitFor } from '../../support/network/wait.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

const RETRY_MS = 5_000

/** One aggregator's part of it, with a memory and an account of its own. */
interface Accuser {
  readonly submitter: EvidenceSubmitter
  readonly store: EvidenceStore
  readonly account: HDAccount
  readonly outcomes: string[]
  readonly clock: FakeClock
  readonly database: SqliteDatabase
}

describe('evidence of equivocation on the chain', function () {
  this.timeout(60_000)
  const cast = castOf(4)
  let anvil: Anvil
  let client: ReturnType<typeof connect>
  let domain: Domain
  let clean: Hex
  let view: Membership
  let accusers: Accuser[]

  const connect = (rpcUrl: string) =>
    createTestClient({ mode: 'anvil', transport: http(rpcUrl), pollingInterval: 20 }).extend(publicActions)
  const membership = async (): Promise<Membership> =>
    (await readRegistry(createReader([anvil.rpcUrl]), { ...domain, finality: 'latest' })).newest
  const suspended = async (): Promise<number[]> =>
    (await membership()).members.filter(member => member.suspended).map(({ slot }) => slot)
  const state = () =>
    client.readContract({ address: domain.registry, abi: oracleRegistryAbi, functionName: 'state' })
  const events = (eventName: 'MemberSuspended' | 'EquivocationRecorded') =>
    client.getContractEvents({ address: domain.registry, abi: oracleRegistryAbi, eventName, fromBlock: 0n })
  const nonceOf = ({ account }: Accuser): Promise<number> =>
    client.getTransactionCount({ address: account.address })

  const signedQuote = (slot: number, price: bigint): SignedQuote => {
    const quote = aQuote({ keyEpoch: 0, price: price as Price })
    return encodeSignedQuote(domain, slot, quote, at(cast.members, slot).sign(quoteDigest(domain, quote)))
  }
  const evidenceOf = (slot: number): Equivocation => ({
    slot,
    signer: at(cast.members, slot).identity,
    first: signedQuote(slot, 5n),
    second: signedQuote(slot, 6n),
  })
  const transactorOf = (account: HDAccount) =>
    createTransactor(
      {
        account,
        chainId: domain.chainId,
        rpcUrls: [anvil.rpcUrl],
        maxFeePerGasCeiling: 10n ** 12n,
        minedWithinMs: 10_000,
      },
      { reader: createReader([anvil.rpcUrl]), clock: systemClock },
    )

  const startAccuser = async (index: number, maySign?: () => Promise<unknown>): Promise<Accuser> => {
    const database = openDatabase(':memory:', FEED_MIGRATIONS)
    const store = createEvidenceStore(database, domain)
    const funded = fundedAccount(index)
    const account: HDAccount = {
      ...funded,
      signTransaction: async (...asked) => {
        await maySign?.()
        return funded.signTransaction(...asked)
      },
    }
    const transactor = transactorOf(account)
    const clock = new FakeClock()
    const outcomes: string[] = []
    const submitter = new EvidenceSubmitter({
      clock,
      logger: recordLogger(),
      store,
      membership: () => view,
      send: async (evidence, signal) => {
        const receipt = await transactor.send(suspendCall(domain.registry, evidence), signal)
        return { judgement: judgementOf(receipt), transaction: receipt.transactionHash }
      },
      count: outcome => outcomes.push(outcome),
    })
    await submitter.start(new AbortController().signal)
    const accuser = { submitter, store, account, outcomes, clock, database }
    accusers.push(accuser)
    return accuser
  }
  const submit = async ({ submitter, outcomes }: Accuser, evidence: Equivocation): Promise<void> => {
    const before = outcomes.length
    submitter.submit(evidence)
    await waitFor('an outcome', () => outcomes.length > before)
  }

  before(async () => {
    anvil = await startAnvil()
    client = connect(anvil.rpcUrl)
    const { chainId, contracts } = await deploy({
      rpcUrl: anvil.rpcUrl,
      deployer: fundedAccount(0),
      members: cast.members.map(({ identity, peerKey }) => ({ identity, peerKey: peerKey as Hash })),
      aggregators: [],
      genesis: [{ account: fundedAccount(1).address, amount: 1n }],
      epochLengthSec: 60,
    })
    domain = { chainId, registry: contracts.oracleRegistry.toLowerCase() as Address }
    clean = await client.snapshot()
  })
  after(() => anvil.stop())
  beforeEach(async () => {
    accusers = []
    view = await membership()
  })
  afterEach(async () => {
    for (const { submitter, database } of accusers) {
      await submitter.stop()
      database.close()
    }
    await client.setAutomine(true)
    await client.revert({ id: clean })
    // A snapshot can be gone back to once.
    clean = await client.snapshot()
  })

  it('suspends the member, in the registry and in what everybody reads of it', async () => {
    const accuser = await startAccuser(2)
    expect(await suspended()).to.deep.equal([])
    await submit(accuser, evidenceOf(1))
    expect(accuser.outcomes).to.deep.equal(['SUSPENDED'])
    const { newest, registryVersion } = await state()
    expect({ bits: newest.suspended, registryVersion }).to.deep.equal({ bits: 0b10n, registryVersion: 2 })
    expect(await suspended()).to.deep.equal([1])
  })

  it('costs the second who has it no transaction', async () => {
    await submit(await startAccuser(2), evidenceOf(1))
    const second = await startAccuser(3)
    await submit(second, evidenceOf(1))
    expect(second.outcomes).to.deep.equal(['ALREADY_SUSPENDED'])
    expect(second.store.pending()).to.deep.equal([])
    expect(await nonceOf(second)).to.equal(0)
  })

  it('has done its work for both when two send it into one block', async () => {
    await client.setAutomine(false)
    // Both have estimated before either signs: what waits for a block tells an estimate that the work is done.
    let asked = 0
    const bothAsked = () => {
      asked += 1
      return waitFor('two signatures asked for', () => asked >= 2)
    }
    const both = [await startAccuser(2, bothAsked), await startAccuser(3, bothAsked)]
    for (const { submitter } of both) submitter.submit(evidenceOf(1))
    await waitFor('two transactions', async () => (await client.getTxpoolStatus()).pending === 2)
    await client.mine({ blocks: 1 })
    const outcomes = () => both.flatMap(accuser => accuser.outcomes).sort()
    await waitFor('two outcomes', () => outcomes().length === 2)
    expect(outcomes()).to.deep.equal(['FAILED', 'SUSPENDED'])
    for (const { clock } of both) await clock.advance(RETRY_MS)
    await waitFor('a third outcome', () => outcomes().length === 3)
    expect(outcomes()).to.deep.equal(['ALREADY_SUSPENDED', 'FAILED', 'SUSPENDED'])
    expect(await Promise.all(both.map(nonceOf))).to.deep.equal([1, 1])
  })

  it('is recorded, once, against one member more than may be faulty', async () => {
    const accuser = await startAccuser(2)
    await submit(accuser, evidenceOf(1))
    await submit(accuser, evidenceOf(2))
    await accuser.clock.advance(RETRY_MS)
    expect(accuser.outcomes).to.deep.equal(['SUSPENDED', 'RECORDED'])
    expect(await suspended()).to.deep.equal([1])
    expect((await events('EquivocationRecorded')).length).to.equal(1)
    expect(await nonceOf(accuser)).to.equal(2)
  })

  it('is kept while the registry will not have it', async () => {
    const accuser = await startAccuser(2)
    const quote = evidenceOf(1).first
    await submit(accuser, { ...evidenceOf(1), second: quote })
    expect(accuser.outcomes).to.deep.equal(['FAILED'])
    expect(accuser.store.pending().length).to.equal(1)
    expect(await nonceOf(accuser)).to.equal(0)
  })
})
