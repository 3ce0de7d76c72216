/** What anybody may read of epochs, and what suppliers and payers need to be paid and to withdraw. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { AssetAccount, SettlementReader } from '../../chain/settlement/types.ts'
import type { Address } from '../../protocol/bytes.ts'
import type { EpochIntake, SpokenFor } from '../intake/intake.ts'
import { type ProblemKind, sendBadRequest, sendProblem } from '../problem.ts'
import type { BundleStore } from './bundle-store.ts'
import { epochJson } from './epoch-json.ts'
import type { EpochRecord, EpochStore } from './epoch-store.ts'
import type { Ledger } from './ledger.ts'
import type { RefusedRecords } from './refused-records.ts'

export interface EpochRoutesDeps {
  readonly chain: Pick<SettlementReader, 'clock' | 'account'>
  readonly store: EpochStore
  readonly bundles: BundleStore
  readonly ledger: Ledger
  readonly refusedRecords: RefusedRecords
  readonly intake: Pick<EpochIntake, 'recordsAccepted' | 'sequenceOf' | 'spokenFor'>
}

const PROBLEMS = {
  NO_EPOCH: {
    status: 404,
    title: 'This relayer knows nothing of the epoch.',
    advice: 'It has not begun, or it is too old: its bundle is named on chain and served by oracle nodes.',
  },
  NO_BUNDLE: {
    status: 404,
    title: 'There is no bundle of the epoch here.',
    advice: 'Ask again once the epoch has been computed, or ask an oracle node for the hash on chain.',
  },
  NO_REWARD: {
    status: 404,
    title: 'The account has not earned anything in any active epoch.',
    advice: 'Ask again after the next epoch has become active.',
  },
} as const satisfies Record<string, ProblemKind>

const DEFAULT_LIMIT = 20
const MAX_LIMIT = 200
const ADDRESS = /^0x[0-9a-f]{40}$/

export function epochRoutes(app: FastifyInstance, deps: EpochRoutesDeps): void {
  const { chain, store, bundles, ledger, intake } = deps
  const json = (record: EpochRecord) =>
    epochJson(record, chain.clock, intake.recordsAccepted(record.state.epoch))
  const problem = (reply: FastifyReply, code: keyof typeof PROBLEMS) =>
    sendProblem(reply, code, PROBLEMS[code])

  app.get<{ Querystring: { limit?: string } }>('/v1/epochs', async (request, reply) => {
    const limit = integerOf(request.query.limit ?? String(DEFAULT_LIMIT))
    if (limit === undefined || limit < 1 || limit > MAX_LIMIT)
      return sendBadRequest(reply, `limit is a number from 1 to ${MAX_LIMIT}.`)
    return { epochs: store.newest(limit).map(json) }
  })

  app.get<{ Params: { epoch: string } }>('/v1/epochs/:epoch', async (request, reply) => {
    const epoch = integerOf(request.params.epoch)
    if (epoch === undefined) return sendBadRequest(reply, 'An epoch is a number from 0.')
    const record = store.record(epoch)
    return record === undefined ? problem(reply, 'NO_EPOCH') : json(record)
  })

  app.get<{ Params: { epoch: string } }>('/v1/epochs/:epoch/bundle', async (request, reply) => {
    const epoch = integerOf(request.params.epoch)
    if (epoch === undefined) return sendBadRequest(reply, 'An epoch is a number from 0.')
    const hash = store.state(epoch)?.bundleHash
    const size = hash === undefined ? undefined : bundles.sizeOf(hash)
    if (hash === undefined || size === undefined) return problem(reply, 'NO_BUNDLE')
    return reply
      .type('application/octet-stream')
      .header('content-length', size)
      .header('io-bundle-hash', hash)
      .send(bundles.stream(hash))
  })

  app.get<{ Params: { address: string } }>('/v1/accounts/:address', async (request, reply) => {
    const account = addressOf(request.params.address)
    if (account === undefined) return sendBadRequest(reply, NO_ADDRESS)
    const reward = ledger.reward(account)
    const current = ledger.current()
    if (reward === undefined || current === undefined) return problem(reply, 'NO_REWARD')
    return {
      account,
      epoch: current.report.epoch,
      cumulativeWei: reward.cumulative,
      root: current.report.rewardRoot,
      proof: reward.proof,
    }
  })

  app.get<{ Params: { address: string } }>('/v1/payers/:address', async (request, reply) => {
    const payer = addressOf(request.params.address)
    if (payer === undefined) return sendBadRequest(reply, NO_ADDRESS)
    const { io, iosd } = await chain.account(payer)
    const spoken = intake.spokenFor(payer)
    const debit = ledger.debit(payer)
    const current = ledger.current()
    return {
      payer,
      io: amounts(io, debit?.cumulativeIo ?? 0n, spoken.io),
      iosd: amounts(iosd, debit?.cumulativeIosd ?? 0n, spoken.iosd),
      debit:
        debit === undefined || current === undefined
          ? null
          : {
              epoch: current.report.epoch,
              cumulativeIosdWei: debit.cumulativeIosd,
              cumulativeIoWei: debit.cumulativeIo,
              root: current.report.debitRoot,
              proof: debit.proof,
            },
    }
  })

  app.get('/v1/workers', async () => {
    const result = ledger.current()?.result
    const earned = new Map(result?.rewards.map(({ account, cumulative }) => [account, cumulative]))
    return {
      workers: (result?.closing.sequences ?? []).slice(0, MAX_WORKERS).map(({ worker, sequence }) => ({
        worker,
        devices: result?.proven.get(worker)?.devices ?? 0,
        records: takenOf(sequence),
        products: result?.proven.get(worker)?.products ?? 0,
        earnedWei: earned.get(worker) ?? 0n,
      })),
    }
  })

  app.get<{ Params: { address: string } }>('/v1/workers/:address', async (request, reply) => {
    const worker = addressOf(request.params.address)
    if (worker === undefined) return sendBadRequest(reply, NO_ADDRESS)
    const { next, gaps } = intake.sequenceOf(worker)
    return { worker, nextSequence: next, gaps, refused: deps.refusedRecords.of(worker) }
  })
}

/** @param debited wei of the asset by the last active epoch */
function amounts({ deposited, withdrawn }: AssetAccount, debited: bigint, { open, unsettled }: SpokenFor) {
  return { depositWei: deposited - withdrawn - debited, openWei: open, unsettledWei: unsettled }
}

/** A page shows a few; whoever wants all reads the bundle. */
const MAX_WORKERS = 1_000
const NO_ADDRESS = 'An address is 0x and 40 digits in hexadecimal.'

function takenOf({ next, gaps }: ReturnType<EpochIntake['sequenceOf']>): number {
  return gaps.reduce((count, { from, to }) => count - (to - from + 1), next - 1)
}

function addressOf(text: string): Address | undefined {
  const lower = text.toLowerCase()
  return ADDRESS.test(lower) ? (lower as Address) : undefined
}

function integerOf(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
