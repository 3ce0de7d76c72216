import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createReader } from '../../../chain/clients.ts'
import { claimAsIosdCall, claimCall } from '../../../chain/settlement/calls.ts'
import type { ProvenLine } from '../../../chain/settlement/claim.ts'
import type { ContractCall } from '../../../chain/transactor.ts'
import { readConservation } from '../../../devnet/conservation.ts'
import { proveReward } from '../../../protocol/epoch/ledger.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { keepBooks } from '../../../scripts/conservation/books.ts'
import { readContracts } from '../../../scripts/conservation/contracts.ts'
import { INVARIANTS } from '../../../scripts/conservation/invariants.ts'
import { type ChainLog, type Reading, readChain } from '../../../scripts/conservation/reading.ts'
import { AMPLE_GAS, fundedAccount } from '../../support/chain/anvil.ts'
import {
  type SettledChain,
  startSettledChain,
  startTroubledChain,
  TROUBLED,
} from '../../support/cli/settled-chain.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'

const violated = (given: Reading): string[] =>
  INVARIANTS.filter(({ check }) => check(keepBooks(given), given).length > 0).map(({ name }) => name)

type Args = Record<string, unknown> & { readonly report: Readonly<Record<string, bigint>> }

/** A reading with one kind of event changed, or gone. */
const withEvents = (
  reading: Reading,
  name: ChainLog['eventName'],
  change: (args: Args) => Args | undefined,
): Reading => ({
  ...reading,
  logs: reading.logs.flatMap(log => {
    if (log.eventName !== name) return [log]
    const args = change(log.args as unknown as Args)
    return args === undefined ? [] : [{ ...log, args } as unknown as ChainLog]
  }),
})
const more =
  (field: string) =>
  (args: Args): Args => ({ ...args, [field]: BigInt(String(args[field] ?? 0)) + 1n })

describe('the conservation check', function () {
  this.timeout(120_000)
  let dir: string
  let chain: SettledChain
  let reading: Reading
  /** Of the model: claims its royalties as IOSD. */
  const owner = fundedAccount(3)

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-check-'))
    chain = await startSettledChain(dir)
    const rewards = chain.outcomes.at(-1)?.rewards ?? []
    for (const { account } of rewards) {
      const line = proveReward(rewards, account)
      if (line === undefined) throw new Error('a line has no proof')
      const isOwner = account === owner.address.toLowerCase()
      const call = isOwner ? await asIosd(line) : claimCall(distributor(), line, line.proof)
      const sender = isOwner ? owner : fundedAccount(0)
      const request = { ...call, account: sender, chain: null, gas: AMPLE_GAS }
      const hash = await chain.client.writeContract(request as never)
      const { status } = await chain.client.waitForTransactionReceipt({ hash })
      expect(status).to.equal('success')
    }
    reading = await readChain(chain.rpcUrl, readContracts(chain.deploymentFile))
  })
  after(async () => {
    await chain.stop()
    rmSync(dir, { recursive: true })
  })

  const distributor = () => chain.deployment.contracts.rewardsDistributor
  const asIosd = async ({ cumulative, proof }: ProvenLine): Promise<ContractCall> => {
    const { word, certificate } = await chain.certify(ONE as Price)
    if (certificate.kind !== 'group') throw new Error('identities signed it')
    const report = { word, ...certificate.signature }
    return claimAsIosdCall(distributor(), cumulative, proof, { minIosdOut: 1n, deadline: 2n ** 40n, report })
  }

  const changed = (name: ChainLog['eventName'], change: (args: Args) => Args | undefined): Reading =>
    withEvents(reading, name, change)
  const reports =
    (field: string, by: bigint) =>
    (args: Args): Args => ({ ...args, report: { ...args.report, [field]: (args.report[field] ?? 0n) + by } })

  it('finds nothing on a chain where two epochs were settled and claimed, as IO and as IOSD', () => {
    expect(reading.logs.filter(({ eventName }) => eventName === 'ClaimedAsIosd')).to.have.length(1)
    expect(violated(reading)).to.deep.equal([])
  })

  const broken: readonly [string, () => Reading, string[]][] = [
    [
      'more minted than the curve gives',
      () => changed('EpochMinted', more('scheduled')),
      ['SCHEDULE', 'IO_SUPPLY', 'EPOCH_IDENTITY'],
    ],
    [
      'more minted again than was burned or allowed',
      () => changed('NetEmissionMinted', more('net')),
      ['NET_EMISSION', 'IO_SUPPLY', 'EPOCH_IDENTITY'],
    ],
    [
      'an epoch without its net emission',
      () => changed('NetEmissionMinted', () => undefined),
      ['NET_EMISSION', 'IO_SUPPLY', 'EPOCH_IDENTITY', 'ORDER'],
    ],
    ['a burn that gave too much', () => changed('Burned', more('iosd')), ['IOSD_SUPPLY', 'BURN_PRICE']],
    [
      'prices that were a wei higher, at which the hires were paid to the wei',
      () => changed('PriceUpdated', more('price')),
      ['BURN_PRICE', 'HIRES_LOSE_THE_TAX'],
    ],
    ['a burn in another epoch', () => changed('Burned', more('epoch')), ['NET_EMISSION']],
    [
      'a root that adds more than was paid',
      () => changed('RewardsPosted', more('added')),
      ['EPOCH_IDENTITY', 'CHAINED_REPORTS', 'DISTRIBUTOR'],
    ],
    ['a reserve that lost something', () => changed('RewardsPosted', more('reserve')), ['EPOCH_IDENTITY']],
    [
      'an epoch that was never posted',
      () => changed('RewardsPosted', args => (args['epoch'] === 0n ? undefined : args)),
      [
        'SCHEDULE',
        'NET_EMISSION',
        'IO_SUPPLY',
        'IOSD_SUPPLY',
        'EPOCH_IDENTITY',
        'ORDER',
        'CHAINED_REPORTS',
        'DISTRIBUTOR',
      ],
    ],
    [
      'hires that were paid more than IOSD was spent',
      () => changed('EpochStaged', reports('hiredPaid', 10n ** 20n)),
      ['EPOCH_IDENTITY', 'HIRES_LOSE_THE_TAX'],
    ],
    [
      'a claim that paid too much',
      () => changed('Claimed', more('amount')),
      ['DISTRIBUTOR', 'LEAVES_NEVER_FALL'],
    ],
    ['a deposit that is not counted', () => changed('Deposited', more('amount')), ['ESCROW']],
    ['a debit that no report has', () => changed('Debited', more('io')), ['CHAINED_REPORTS', 'ESCROW']],
    [
      'a debit above the limit',
      () => ({ ...reading, limits: reading.limits.map(limit => ({ ...limit, maxDebitBps: 1n })) }),
      ['DEBIT_LIMIT'],
    ],
    [
      'a distributor without the IO that it owes',
      () => withHoldings({ rewardsDistributor: -1n }),
      ['DISTRIBUTOR'],
    ],
    ['a settlement without its reserve', () => withHoldings({ settlement: 0n }), ['EPOCH_IDENTITY']],
    ['an escrow without its deposits', () => withHoldings({ escrow: 0n }), ['ESCROW']],
  ]
  const withHoldings = (ioOf: Partial<Reading['state']['ioOf']>): Reading => ({
    ...reading,
    state: { ...reading.state, ioOf: { ...reading.state.ioOf, ...ioOf } },
  })
  for (const [what, given, names] of broken) {
    it(`names what is broken by ${what}`, () => {
      expect(violated(given())).to.have.members(names)
    })
  }

  it('does not judge another chain than the deployment is on', async () => {
    const file = join(dir, 'elsewhere.json')
    const deployment = JSON.parse(readFileSync(chain.deploymentFile, 'utf8'))
    writeFileSync(file, JSON.stringify({ ...deployment, chainId: 1 }))
    const script = spawnNode('scripts/check-conservation.ts', ['--rpc', chain.rpcUrl, '--deployment', file])
    expect(await script.ended).to.equal(2)
    expect(script.stderr()).to.equal(
      'check-conservation: the endpoint serves chain 31337, the deployment is on chain 1\n',
    )
  })

  it('prints a table for people', async () => {
    const args = ['--rpc', chain.rpcUrl, '--deployment', chain.deploymentFile]
    const script = spawnNode('scripts/check-conservation.ts', args)
    expect(await script.ended).to.equal(0)
    expect(script.stdout()).to.match(/^epochsSettled +2$/m)
    expect(script.stdout()).to.match(/^ok +3 IO_SUPPLY /m)
  })
})

describe('the conservation check of epochs that members vetoed or emptied', function () {
  this.timeout(120_000)
  let dir: string
  let chain: SettledChain
  let reading: Reading
  const { vetoedAndEmptied, vetoed, emptied } = TROUBLED

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-check-'))
    chain = await startTroubledChain(dir)
    reading = await readChain(chain.rpcUrl, readContracts(chain.deploymentFile))
  })
  after(async () => {
    await chain.stop()
    rmSync(dir, { recursive: true })
  })

  /** The reading with the events of one name changed in one epoch, or gone from it. */
  const inEpoch = (epoch: number, name: ChainLog['eventName'], change: (args: Args) => Args | undefined) =>
    withEvents(reading, name, args => (args['epoch'] === BigInt(epoch) ? change(args) : args))
  const gone = () => undefined
  /** An event of the last settled epoch, in the transaction of another one. */
  const alsoIn = (epoch: number, name: ChainLog['eventName']): Reading => {
    const { logs } = reading
    const isPosting = ({ eventName, args }: ChainLog) =>
      eventName === 'RewardsPosted' && args.epoch === BigInt(epoch)
    const [posting, other] = [logs.find(isPosting), logs.findLast(({ eventName }) => eventName === name)]
    if (posting === undefined || other === undefined) throw new Error('no such event')
    const { transactionHash, blockNumber } = posting
    const added = { ...other, transactionHash, blockNumber, args: { ...other.args, epoch: BigInt(epoch) } }
    return { ...reading, logs: logs.flatMap(log => (log === posting ? [added as ChainLog, log] : [log])) }
  }

  it('finds nothing where they did so rightly, nor does the local network', async () => {
    const namesIn = (epoch: number): string[] =>
      reading.logs.flatMap(({ eventName, args }) =>
        'epoch' in args && args.epoch === BigInt(epoch) ? [eventName] : [],
      )
    const mints = ['EpochMinted', 'NetEmissionMinted']
    expect(namesIn(vetoedAndEmptied)).to.have.ordered.members([
      ...['EpochStaged', 'EpochVetoed', 'EpochEmptied', ...mints, 'RewardsPosted'],
    ])
    expect(namesIn(vetoed)).to.have.ordered.members([
      ...['EpochStaged', 'EpochVetoed', 'EpochStaged', ...mints, 'RewardsPosted', 'Debited', 'RootPosted'],
    ])
    expect(namesIn(emptied)).to.have.ordered.members(['EpochEmptied', ...mints, 'RewardsPosted'])
    const { epochs } = keepBooks(reading)
    expect(epochs.map(({ report }) => report?.attempt)).to.deep.equal([0, undefined, 1, undefined])
    expect(epochs[vetoed]?.report?.debitIo).to.equal(3n * ONE)

    expect(violated(reading)).to.deep.equal([])
    const { rpcUrl, deployment, client } = chain
    const summary = await readConservation(createReader([rpcUrl]), deployment, await client.getBlockNumber())
    expect(summary).to.include({ epochsSettled: 4, conservation: 'ok' })
    const args = ['--rpc', rpcUrl, '--deployment', chain.deploymentFile, '--json']
    const script = spawnNode('scripts/check-conservation.ts', args)
    expect(await script.ended).to.equal(0)
    expect(JSON.parse(script.stdout())).to.include({ epochsSettled: 4, epochsEmptied: 2 })
  })

  const other = `0x${'5a'.repeat(32)}`
  const spoilt: readonly [string, () => Reading, string[]][] = [
    [
      'pays something',
      () => inEpoch(vetoedAndEmptied, 'RewardsPosted', more('added')),
      ['EPOCH_IDENTITY', 'DISTRIBUTOR'],
    ],
    [
      'keeps something from the reserve',
      () => inEpoch(vetoedAndEmptied, 'RewardsPosted', more('reserve')),
      ['EPOCH_IDENTITY'],
    ],
    [
      'releases more than its part of the reserve',
      () => inEpoch(emptied, 'RewardsPosted', more('released')),
      ['EPOCH_IDENTITY'],
    ],
    [
      'posts another root of rewards',
      () => inEpoch(vetoedAndEmptied, 'RewardsPosted', args => ({ ...args, rewardRoot: other })),
      ['CHAINED_REPORTS'],
    ],
    [
      'posts another root of debits',
      () => inEpoch(emptied, 'RewardsPosted', args => ({ ...args, debitRoot: other })),
      ['CHAINED_REPORTS'],
    ],
    [
      'names a bundle',
      () => inEpoch(emptied, 'RewardsPosted', args => ({ ...args, bundleHash: other })),
      ['CHAINED_REPORTS'],
    ],
    [
      'debits the escrow',
      () => alsoIn(vetoedAndEmptied, 'Debited'),
      ['IOSD_SUPPLY', 'ORDER', 'CHAINED_REPORTS', 'ESCROW'],
    ],
    [
      'gives the distributor a root',
      () => alsoIn(vetoedAndEmptied, 'RootPosted'),
      ['ORDER', 'CHAINED_REPORTS'],
    ],
    [
      'was emptied over a stage that nobody had vetoed',
      () => inEpoch(vetoedAndEmptied, 'EpochVetoed', gone),
      ['CHAINED_REPORTS'],
    ],
    [
      'has neither a report nor the signatures of a quorum',
      () => inEpoch(vetoedAndEmptied, 'EpochEmptied', gone),
      ['EPOCH_IDENTITY', 'ORDER', 'CHAINED_REPORTS', 'LEAVES_NEVER_FALL', 'DEBIT_LIMIT'],
    ],
    [
      'became active although its only report was vetoed',
      () => inEpoch(vetoed, 'EpochStaged', args => (args['attempt'] === 0 ? args : undefined)),
      ['EPOCH_IDENTITY', 'CHAINED_REPORTS', 'DISTRIBUTOR', 'LEAVES_NEVER_FALL'],
    ],
    [
      'lets the escrow think that it had a root',
      () => {
        const debits = { ...reading.state.debits, rootEpochs: reading.state.debits.settledEpochs }
        return { ...reading, state: { ...reading.state, debits } }
      },
      ['ORDER'],
    ],
  ]
  for (const [what, given, names] of spoilt) {
    it(`names what is broken by an epoch that ${what}`, () => {
      expect(violated(given())).to.have.members(names)
    })
  }

  it('names a report that does not stand on the last one before the emptied epoch', () => {
    for (const field of [
      'previousRewardRoot',
      'previousDebitRoot',
      'cumulativeDebitIosd',
      'cumulativeDebitIo',
    ]) {
      const given = inEpoch(vetoed, 'EpochStaged', args => ({
        ...args,
        report: { ...args.report, [field]: BigInt(args.report[field] ?? 0) ^ 1n },
      }))
      expect(violated(given), field).to.deep.equal(['CHAINED_REPORTS'])
    }
  })
})
