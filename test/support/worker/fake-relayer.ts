/** A relayer that keeps everything in memory, over real HTTP: takes batches exactly once and checks openings. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  commitmentDigest,
  decodeCommitment,
  type SignedCommitment,
} from '../../../compute/challenge/commitment.ts'
import type { BeaconInput } from '../../../protocol/beacon/input.ts'
import { type Address, type Hash, type Hex, hexOf } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/domain.ts'
import {
  type ChallengeResult,
  commitmentLeaf,
  OPENING,
  windowRootOf,
} from '../../../protocol/epoch/availability.ts'
import { EMPTY_ROOT, merkleProof } from '../../../protocol/merkle.ts'
import { admitBatch } from '../../../protocol/usage/admit.ts'
import { batchIdentity, decodeSignedBatch, type SignedBatch } from '../../../protocol/usage/batch.ts'
import { encodeInclusion, inclusionDigest } from '../../../protocol/usage/inclusion.ts'
import { decodeSignedReceipt, type SignedReceipt } from '../../../protocol/usage/receipt.ts'
import type { UsageRecord } from '../../../protocol/usage/record.ts'
import { FIRST_SEQUENCE, type SequenceState } from '../../../protocol/usage/sequence.ts'
import { createHttpServer, type HttpServer } from '../../../runtime/http.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { crypto } from '../network/cast.ts'
import { beaconValue, dealBeacon, proofBytes } from '../protocol/beacon-key.ts'
import { RELAYER_SECRET } from './customer.ts'

/** Of the only key epoch there is. */
export const BEACON_KEY = dealBeacon([0, 1, 2, 3], 3, 'fake relayer')

export interface FakeRelayer {
  readonly server: HttpServer
  readonly batches: SignedBatch[]
  readonly receipts: SignedReceipt[]
  readonly commitments: SignedCommitment[]
  readonly openings: { readonly window: number; readonly bytes: Uint8Array }[]
  /** Windows that can be asked for. */
  readonly closed: Set<number>
  /** Windows of which members have drawn. */
  readonly drawn: Set<number>
  readonly accounts: Map<Address, unknown>
  /** Promises shown to oracle nodes, for which this server stands too. */
  readonly inclusions: Uint8Array[]
  /** Answers 503 to batches while true. */
  down: boolean
  /** Answers 503 to receipts while false. */
  takesReceipts: boolean
  sequence: SequenceState
  /** All records taken, by number. */
  records(): Map<number, UsageRecord>
}

export async function startFakeRelayer(domain: Domain): Promise<FakeRelayer> {
  const problem = (reply: FastifyReply, status: number, code: string) =>
    reply
      .code(status)
      .type('application/problem+json')
      .send(JSON.stringify({ type: 'about:blank', title: code, status, detail: code, code }))
  const bytesOf = (request: FastifyRequest): Uint8Array => Uint8Array.from(request.body as Buffer)
  const windowOf = (request: FastifyRequest): number => Number((request.params as { window: string }).window)

  const slotOf = (request: FastifyRequest): number => Number((request.params as { slot: string }).slot)
  const showProof = (reply: FastifyReply, input: BeaconInput) =>
    reply.send(Buffer.from(proofBytes(BEACON_KEY, 1, input, [0, 1, 2], domain)))

  const takeBatch = (request: FastifyRequest, reply: FastifyReply) => {
    if (relayer.down) return problem(reply, 503, 'BUSY')
    const bytes = bytesOf(request)
    const decision = admitBatch(bytes, {
      domain,
      isWorker: () => true,
      sequenceOf: () => relayer.sequence,
      crypto,
    })
    if ('refused' in decision) {
      const known = relayer.batches.find(
        ({ batch }) =>
          batchIdentity(batch).batchRoot === batchIdentity(decodeSignedBatch(bytes).batch).batchRoot,
      )
      if (decision.refused !== 'ALREADY_TAKEN' || known === undefined)
        return problem(reply, 409, decision.refused)
    } else {
      relayer.sequence = decision.sequence
      relayer.batches.push(decision.accepted)
    }
    const receipt = { epoch: 0, ...batchIdentity(decodeSignedBatch(bytes).batch) }
    const signature = crypto.sign(inclusionDigest(domain, receipt), RELAYER_SECRET)
    return reply.send(Buffer.from(encodeInclusion({ receipt, signature })))
  }
  const resultsOf = (window: number): ChallengeResult[] =>
    relayer.commitments
      .filter(({ commitment }) => Number(commitment.window) === window)
      .map(({ commitment }) => ({
        window,
        worker: commitment.worker,
        device: commitment.device,
        products: commitment.roots.length,
        commitment: hexOf(commitmentDigest(domain, commitment)),
        opening: OPENING.notDrawn,
        transcriptHash: EMPTY_ROOT,
      }))
  const showWindow = (request: FastifyRequest, reply: FastifyReply) => {
    const window = windowOf(request)
    const { device } = request.query as { device: Hex }
    const results = resultsOf(window)
    const own = results.find(result => result.device === device)
    if (!relayer.closed.has(window) || own === undefined) return problem(reply, 404, 'NOT_CLOSED')
    const leaves = results.map(commitmentLeaf)
    return reply.send({
      window,
      root: windowRootOf(results),
      count: results.length,
      index: 0,
      proof: merkleProof(leaves, commitmentLeaf(own)),
    })
  }

  const relayer: FakeRelayer = {
    server: createHttpServer(
      {
        name: 'fake relayer',
        host: '127.0.0.1',
        port: 0,
        cors: false,
        bodyLimitBytes: 2 ** 24,
        health: () => ({ healthy: true, details: {} }),
        routes: app => {
          app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_r, body, done) =>
            done(null, body),
          )
          app.post('/v1/batches', takeBatch)
          app.post('/v1/receipts', async (request, reply) => {
            if (!relayer.takesReceipts) return problem(reply, 503, 'BUSY')
            relayer.receipts.push(decodeSignedReceipt(bytesOf(request)))
            return reply.code(204).send()
          })
          app.post('/v1/commitments', async (request, reply) => {
            relayer.commitments.push(decodeCommitment(bytesOf(request)))
            return reply.code(204).send()
          })
          app.get('/v1/windows/:window', showWindow)
          app.get('/v1/beacons/:slot', (request, reply) => {
            const slot = slotOf(request)
            return reply.send({ slot, value: beaconValue(BEACON_KEY, { kind: 'window', slot }, domain) })
          })
          app.get('/v1/beacons/:slot/proof', (request, reply) =>
            showProof(reply, { kind: 'window', slot: slotOf(request) }),
          )
          app.get('/v1/beacons/:slot/draws/:root', (request, reply) => {
            const { root } = request.params as { root: Hash }
            const slot = slotOf(request)
            if (!relayer.drawn.has(slot)) return problem(reply, 404, 'NO_BEACON')
            return showProof(reply, { kind: 'draw', slot, root })
          })
          app.get('/v1/transcripts/:keyEpoch', (_request, reply) =>
            reply.send(Buffer.from(BEACON_KEY.transcript)),
          )
          app.post('/v1/windows/:window/openings', async (request, reply) => {
            relayer.openings.push({ window: windowOf(request), bytes: bytesOf(request) })
            return reply.code(204).send()
          })
          app.get('/v1/workers/:address', async request => ({
            worker: (request.params as { address: string }).address,
            nextSequence: relayer.sequence.next,
            gaps: [],
            refused: [],
          }))
          app.get('/v1/accounts/:address', async (request, reply) => {
            const account = relayer.accounts.get((request.params as { address: Address }).address)
            return account === undefined ? problem(reply, 404, 'NO_REWARD') : account
          })
          app.post('/v1/inclusions', async (request, reply) => {
            relayer.inclusions.push(bytesOf(request))
            return reply.code(204).send()
          })
        },
      },
      { logger: silentLogger, metrics: createMetrics({ processMetrics: false }) },
    ),
    batches: [],
    receipts: [],
    commitments: [],
    openings: [],
    closed: new Set(),
    drawn: new Set(),
    accounts: new Map(),
    inclusions: [],
    down: false,
    takesReceipts: true,
    sequence: FIRST_SEQUENCE,
    records: () =>
      new Map(
        relayer.batches.flatMap(({ batch }) =>
          batch.records.map((record, index) => [batch.seqFrom + index, record] as const),
        ),
      ),
  }
  await relayer.server.start(new AbortController().signal)
  return relayer
}
