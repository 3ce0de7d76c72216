/** What everybody may show this node, and read of it: promises and receipts in, audits and bundles out. */
import { createReadStream } from 'node:fs'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { SettlementReader } from '../../chain/settlement/types.ts'
import { DecodeError, type Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { MAX_PROMISED_BYTES } from '../../protocol/epoch/promised-batch.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { decodeSignedReceipt, isReceiptSigned, type SignedReceipt } from '../../protocol/usage/receipt.ts'
import type { Clock } from '../../runtime/clock.ts'
import { type Problems, sendProblemOf } from '../../runtime/problem.ts'
import type { AuditStore } from './audit-store.ts'
import type { BundleCopies } from './bundle-copies.ts'
import type { Hearing, InclusionRefusal } from './gossip.ts'
import { RateLimit } from './rate-limit.ts'

export interface AuditRoutesDeps {
  readonly domain: Domain
  readonly clock: Clock
  readonly crypto: Pick<IdentityCrypto, 'recover'>
  readonly chain: Pick<SettlementReader, 'account' | 'isWorker'>
  readonly store: AuditStore
  readonly copies: BundleCopies
  readonly hearing: Pick<Hearing, 'showInclusion'>
}

type ProblemCode = InclusionRefusal | 'NO_DEPOSIT' | 'TOO_MANY_REQUESTS' | 'NO_SUCH_BUNDLE'

const PROBLEMS: Problems<ProblemCode> = {
  MALFORMED: [400, 'these are not the bytes of such a message'],
  EPOCH_OVER: [409, 'its epoch is settled, or has not begun'],
  FULL: [409, 'as much as this node keeps has been promised for this epoch: show it to another node'],
  NOT_PROMISED: [422, 'no registered relayer signed the promise'],
  OTHER_BATCH: [422, 'the promise is for another batch'],
  BAD_SIGNATURE: [422, 'the worker of the batch, or the payer of the receipt, did not sign it'],
  UNKNOWN_WORKER: [422, 'its worker has registered no device'],
  NO_DEPOSIT: [422, 'its payer has no deposit'],
  TOO_MANY_REQUESTS: [429, 'too many requests from this address: wait a second'],
  NO_SUCH_BUNDLE: [404, 'this node holds no bundle of that hash'],
}

/** A worker shows each of its batches; a payer its receipts when it doubts the relayer. */
const LIMIT = { perSec: 20, burst: 100 }
const MAX_RECEIPT_BYTES = 512
/** Each record is hashed: so many bytes of a batch count as another request. */
const BYTES_A_REQUEST = 16 * 1024
const SHOWN_AUDITS = 50
const HASH = /^0x[0-9a-f]{64}$/

export function auditRoutes(app: FastifyInstance, deps: AuditRoutesDeps): void {
  const { store, copies, hearing } = deps
  const limit = new RateLimit({ each: LIMIT }, deps.clock)
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  )
  app.post('/v1/inclusions', { bodyLimit: MAX_PROMISED_BYTES }, async (request, reply) => {
    const { body } = request
    const bytes = body instanceof Uint8Array ? body : new Uint8Array()
    if (!limit.allows(request.ip, 1 + Math.floor(bytes.length / BYTES_A_REQUEST)))
      return problem(reply, 'TOO_MANY_REQUESTS')
    const refused = hearing.showInclusion(bytes)
    return refused === undefined ? reply.code(204).send() : problem(reply, refused)
  })
  app.post('/v1/receipts', { bodyLimit: MAX_RECEIPT_BYTES }, async (request, reply) => {
    if (!limit.allows(request.ip)) return problem(reply, 'TOO_MANY_REQUESTS')
    const signed = receiptOf(request.body)
    if (signed === undefined) return problem(reply, 'MALFORMED')
    const refused = await refuseReceipt(signed, deps)
    if (refused !== undefined) return problem(reply, refused)
    store.keepReceipt(signed, deps.clock.now())
    return reply.code(204).send()
  })
  app.get('/v1/epochs', async () => ({
    epochs: store.audits(SHOWN_AUDITS).map(({ outcome, ...audit }) => ({
      ...audit,
      verdict: outcome,
      signed: outcome === 'signed',
    })),
  }))
  app.get<{ Params: { hash: string } }>('/v1/bundles/:hash', async (request, reply) => {
    const { hash } = request.params
    const path = HASH.test(hash) ? copies.pathOf(hash as Hash) : undefined
    if (path === undefined) return problem(reply, 'NO_SUCH_BUNDLE')
    return reply.type('application/octet-stream').send(createReadStream(path))
  })
}

/** Anybody can sign receipts; only those of who has paid in are worth remembering. */
async function refuseReceipt(signed: SignedReceipt, deps: AuditRoutesDeps): Promise<ProblemCode | undefined> {
  const { receipt } = signed
  if (!deps.chain.isWorker(receipt.worker)) return 'UNKNOWN_WORKER'
  if (!isReceiptSigned(deps.domain, signed, deps.crypto)) return 'BAD_SIGNATURE'
  const { io, iosd } = await deps.chain.account(receipt.payer)
  return io.deposited + iosd.deposited > 0n ? undefined : 'NO_DEPOSIT'
}

function receiptOf(body: unknown): SignedReceipt | undefined {
  if (!(body instanceof Uint8Array)) return undefined
  try {
    return decodeSignedReceipt(body)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

function problem(reply: FastifyReply, code: ProblemCode): FastifyReply {
  return sendProblemOf(reply, PROBLEMS, code)
}
