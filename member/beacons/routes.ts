/**
 * Beacons over HTTP, for workers, pages and whoever checks an epoch. A value is said to anybody; who wants to be sure
 * takes the proof and the transcript of its key, whose hash is on chain.
 */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { z } from 'zod'
import type { BeaconInput } from '../../protocol/beacon/input.ts'
import type { Hash } from '../../protocol/bytes.ts'
import { type Problems, sendProblemOf } from '../../runtime/problem.ts'
import type { BeaconKeys } from './beacon-keys.ts'
import type { Beacons } from './beacons.ts'

export interface BeaconRoutesDeps {
  readonly beacons: Pick<Beacons, 'proof' | 'waitFor'>
  readonly keys: Pick<BeaconKeys, 'transcript'>
}

export const BEACON_PROBLEMS = ['BAD_REQUEST', 'NO_BEACON', 'NO_TRANSCRIPT'] as const
type BeaconProblem = (typeof BEACON_PROBLEMS)[number]

const PROBLEMS: Problems<BeaconProblem> = {
  BAD_REQUEST: [400, 'slots and key epochs are whole numbers, roots are 0x and 64 hexadecimal digits'],
  NO_BEACON: [404, 'too few members have made their part of this beacon, as far as this node has heard'],
  NO_TRANSCRIPT: [404, 'this node has not seen the transcript of that key epoch'],
}

const OCTETS = 'application/octet-stream'
/** A request waits so long for a beacon that is about to come, so that nobody has to ask often. */
const MAX_WAIT_MS = 2_000

const slotParams = z.object({
  slot: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1),
})
const drawParams = slotParams.extend({
  root: z
    .string()
    .regex(/^0x[0-9a-f]{64}$/)
    .transform(root => root as Hash),
})
const keyParams = z.object({
  keyEpoch: z.coerce
    .number()
    .int()
    .min(1)
    .max(2 ** 32 - 1),
})
const waitQuery = z.object({ waitMs: z.coerce.number().int().min(0).max(MAX_WAIT_MS).default(0) })

export function beaconRoutes(app: FastifyInstance, { beacons, keys }: BeaconRoutesDeps): void {
  const shown = (reply: FastifyReply, input: BeaconInput): FastifyReply => {
    const proof = beacons.proof(input)
    if (proof !== undefined) return reply.type(OCTETS).send(Buffer.from(proof))
    return problem(reply, 'NO_BEACON')
  }
  app.get('/v1/beacons/:slot', async (request, reply) => {
    const params = slotParams.safeParse(request.params)
    const query = waitQuery.safeParse(request.query)
    if (!params.success || !query.success) return problem(reply, 'BAD_REQUEST')
    const { slot } = params.data
    const { signal } = hangUp(request.raw)
    const value = await beacons.waitFor({ kind: 'window', slot }, query.data.waitMs, signal)
    return value === undefined ? problem(reply, 'NO_BEACON') : reply.send({ slot, value })
  })
  app.get('/v1/beacons/:slot/proof', (request, reply) => {
    const params = slotParams.safeParse(request.params)
    if (!params.success) return problem(reply, 'BAD_REQUEST')
    return shown(reply, { kind: 'window', slot: params.data.slot })
  })
  app.get('/v1/beacons/:slot/draws/:root', (request, reply) => {
    const params = drawParams.safeParse(request.params)
    return params.success ? shown(reply, { kind: 'draw', ...params.data }) : problem(reply, 'BAD_REQUEST')
  })
  app.get('/v1/transcripts/:keyEpoch', (request, reply) => {
    const params = keyParams.safeParse(request.params)
    if (!params.success) return problem(reply, 'BAD_REQUEST')
    const transcript = keys.transcript(params.data.keyEpoch)
    if (transcript === undefined) return problem(reply, 'NO_TRANSCRIPT')
    return reply.type(OCTETS).send(Buffer.from(transcript))
  })
}

/** Aborts when the one who asked has hung up. */
function hangUp(request: { once(event: 'close', listener: () => void): unknown }): AbortController {
  const controller = new AbortController()
  request.once('close', () => controller.abort(new Error('nobody waits for the answer any more')))
  return controller
}

function problem(reply: FastifyReply, code: BeaconProblem): FastifyReply {
  return sendProblemOf(reply, PROBLEMS, code)
}
