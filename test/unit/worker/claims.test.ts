import { expect } from 'chai'
import { encodeAbiParameters, encodeEventTopics, type PublicClient } from 'viem'
import { rewardsDistributorAbi } from '../../../chain/abi/rewards-distributor.ts'
import { claimRewards } from '../../../chain/settlement/claim.ts'
import { type ContractCall, TransactError, type Transactor } from '../../../chain/transactor.ts'
import type { Address, Hash } from '../../../protocol/bytes.ts'
import { proveReward, type RewardLine, rewardRootOf } from '../../../protocol/epoch/ledger.ts'
import { createClaims } from '../../../worker/claims/claims.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

const SELF: Address = `0x${'11'.repeat(20)}`
const DISTRIBUTOR: Address = `0x${'dd'.repeat(20)}`
const OTHER: RewardLine = { account: `0x${'22'.repeat(20)}`, cumulative: 5n }
const signal = new AbortController().signal

describe('claiming rewards', () => {
  let root: Hash
  let paid: bigint
  let calls: ContractCall[]
  let onSend: () => void
  let logged: boolean

  const reader = {
    readContract: async ({ functionName }: { functionName: string }) =>
      functionName === 'root' ? root : paid,
  } as unknown as PublicClient
  const transactor = {
    address: SELF,
    send: async (call: ContractCall) => {
      onSend()
      calls.push(call)
      return { transactionHash: '0xabc', logs: claimedLogs() }
    },
  } as unknown as Transactor
  /** As the distributor pays: what has not been paid when the transaction is mined. */
  const claimedLogs = () => {
    const cumulative = calls.at(-1)?.args?.[1] as bigint
    const event = { abi: rewardsDistributorAbi, eventName: 'Claimed' } as const
    const topics = encodeEventTopics({ ...event, args: { account: SELF, payout: SELF } })
    const data = encodeAbiParameters(
      [{ type: 'uint256' }, { type: 'uint256' }],
      [cumulative - paid, cumulative],
    )
    return logged ? [{ address: DISTRIBUTOR, topics, data }] : []
  }
  const lineOf = (cumulative: bigint) => {
    const lines = [{ account: SELF, cumulative }, OTHER]
    const proven = proveReward(lines, SELF)
    if (proven === undefined) throw new Error('no line')
    return { line: proven, root: rewardRootOf(lines) }
  }
  const claim = (cumulative: bigint) =>
    claimRewards(
      { transactor, reader, distributor: DISTRIBUTOR, account: SELF, line: lineOf(cumulative).line },
      signal,
    )

  beforeEach(() => {
    calls = []
    paid = 30n
    root = lineOf(100n).root
    onSend = () => {}
    logged = true
  })

  it('sends one transaction for what has not been paid', async () => {
    expect(await claim(100n)).to.deep.equal({ kind: 'claimed', amount: 70n, txHash: '0xabc' })
    expect(calls).to.have.length(1)
    expect(calls[0]).to.deep.include({ address: DISTRIBUTOR, functionName: 'claim' })
    expect(calls[0]?.args).to.deep.equal([SELF, 100n, lineOf(100n).line.proof])
  })

  it('says what the transaction paid, not what was due when it was sent', async () => {
    onSend = () => {
      paid = 80n
    }
    expect(await claim(100n)).to.deep.equal({ kind: 'claimed', amount: 20n, txHash: '0xabc' })
    logged = false
    expect(await claim(100n).catch((reason: unknown) => reason)).to.include({ code: 'RPC_FAILED' })
  })

  it('sends nothing when all has been paid, or when the proof is for another root', async () => {
    paid = 100n
    expect(await claim(100n)).to.deep.equal({ kind: 'nothing' })
    expect(await claim(99n)).to.deep.equal({ kind: 'stale-proof', root })
    expect(calls).to.deep.equal([])
  })

  it('takes what somebody else has claimed for it meanwhile for paid, and other failures for failures', async () => {
    const failing = (errorName: string) => () => {
      throw Object.assign(new TransactError('WOULD_REVERT', 'claim'), { errorName })
    }
    onSend = failing('NothingToClaim')
    expect(await claim(100n)).to.deep.equal({ kind: 'nothing' })
    onSend = failing('Paused')
    const error = await claim(100n).catch((reason: unknown) => reason)
    expect(error).to.be.instanceOf(TransactError)
  })

  it('asks again when the root has just changed, and at the next turn when the relayer is away', async () => {
    const clock = new FakeClock()
    const log = recordLogger()
    const answers = [99n, 100n]
    let away = false
    const claims = createClaims(
      { account: SELF, distributor: DISTRIBUTOR, everySec: 60 },
      {
        ...{ clock, logger: log, transactor, reader },
        relayer: {
          account: async () => {
            if (away) throw new Error('away')
            const { line } = lineOf(answers.shift() ?? 100n)
            return { ...line, epoch: 1, root }
          },
        },
        onClaimed: () => {
          paid = 100n
        },
      },
    )
    await claims.start(signal)
    await clock.advance(600)
    expect(calls).to.have.length(1)
    away = true
    await clock.advance(60_000)
    expect(log.lines.map(({ level }) => level)).to.deep.equal(['info', 'warn'])
    away = false
    await clock.advance(60_000)
    expect(calls).to.have.length(1)
    await claims.stop()
  })
})
