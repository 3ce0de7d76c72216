import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { claimAsIosdCall, claimCall } from '../../../chain/settlement/calls.ts'
import type { ProvenLine } from '../../../chain/settlement/claim.ts'
import type { ContractCall } from '../../../chain/transactor.ts'
import { proveReward } from '../../../protocol/epoch/ledger.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { keepBooks } from '../../../scripts/conservation/books.ts'
import { readContracts } from '../../../scripts/conservation/contracts.ts'
import { INVARIANTS } from '../../../scripts/conservation/invariants.ts'
import { type ChainLog, type Reading, readChain } from '../../../scripts/conservation/reading.ts'
import { AMPLE_GAS, fundedAccount } from '../../support/chain/anvil.ts'
import { type SettledChain, startSettledChain } from '../../support/cli/settled-chain.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'

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

  const violated = (given: Reading): string[] =>
    INVARIANTS.filter(({ check }) => check(keepBooks(given), given).length > 0).map(({ name }) => name)

  /** The reading with one kind of event changed, or gone. */
  const withEvents = (name: ChainLog['eventName'], change: (args: Args) => Args | undefined): Reading => ({
    ...reading,
    logs: reading.logs.flatMap(log => {
      if (log.eventName !== name) return [log]
      const args = change(log.args as unknown as Args)
      return args === undefined ? [] : [{ ...log, args } as unknown as ChainLog]
    }),
  })
  type Args = Record<string, unknown> & { readonly report: Readonly<Record<string, bigint>> }
  const more =
    (field: string) =>
    (args: Args): Args => ({ ...args, [field]: BigInt(String(args[field] ?? 0)) + 1n })
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
      () => withEvents('EpochMinted', more('scheduled')),
      ['SCHEDULE', 'IO_SUPPLY', 'EPOCH_IDENTITY'],
    ],
    [
      'more minted again than was burned or allowed',
      () => withEvents('NetEmissionMinted', more('net')),
      ['NET_EMISSION', 'IO_SUPPLY', 'EPOCH_IDENTITY'],
    ],
    [
      'an epoch without its net emission',
      () => withEvents('NetEmissionMinted', () => undefined),
      ['NET_EMISSION', 'IO_SUPPLY', 'EPOCH_IDENTITY', 'ORDER'],
    ],
    ['a burn that gave too much', () => withEvents('Burned', more('iosd')), ['IOSD_SUPPLY', 'BURN_PRICE']],
    [
      'prices that were a wei higher, at which the hires were paid to the wei',
      () => withEvents('PriceUpdated', more('price')),
      ['BURN_PRICE', 'HIRES_LOSE_THE_TAX'],
    ],
    ['a burn in another epoch', () => withEvents('Burned', more('epoch')), ['NET_EMISSION']],
    [
      'a root that adds more than was paid',
      () => withEvents('RewardsPosted', more('added')),
      ['EPOCH_IDENTITY', 'CHAINED_REPORTS', 'DISTRIBUTOR'],
    ],
    ['a reserve that lost something', () => withEvents('RewardsPosted', more('reserve')), ['EPOCH_IDENTITY']],
    [
      'an epoch that was never posted',
      () => withEvents('RewardsPosted', args => (args['epoch'] === 0n ? undefined : args)),
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
      () => withEvents('EpochStaged', reports('hiredPaid', 10n ** 20n)),
      ['EPOCH_IDENTITY', 'HIRES_LOSE_THE_TAX'],
    ],
    [
      'a claim that paid too much',
      () => withEvents('Claimed', more('amount')),
      ['DISTRIBUTOR', 'LEAVES_NEVER_FALL'],
    ],
    ['a deposit that is not counted', () => withEvents('Deposited', more('amount')), ['ESCROW']],
    ['a debit that no report has', () => withEvents('Debited', more('io')), ['CHAINED_REPORTS', 'ESCROW']],
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
