/** The doors of the intake. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { MAX_COMMITMENT_BYTES } from '../../compute/challenge/transcript.ts'
import { MAX_BATCH_BYTES } from '../../protocol/usage/batch.ts'
import { encodeAcceptedHold } from '../../protocol/usage/hold.ts'
import { encodeInclusion } from '../../protocol/usage/inclusion.ts'
import type { WindowDesk } from '../challenge/window-desk.ts'
import type { BatchAnswer } from '../intake/batch-desk.ts'
import type { IntakeStats } from '../intake/epoch-store.ts'
import { IntakeBusyError, IntakeStoppedError } from '../intake/group-commit.ts'
import { HOLD_REQUEST_BYTES, type HoldDesk } from '../intake/hold-desk.ts'
import type { ReceiptAnswer } from '../intake/receipt-desk.ts'
import { type ProblemKinds, sendBadRequest, sendProblem } from '../problem.ts'
import {
  BATCH_PROBLEMS,
  COMMITMENT_PROBLEMS,
  HOLD_PROBLEMS,
  LOOKUP_PROBLEMS,
  OPENING_PROBLEMS,
  OVERLOAD,
  RECEIPT_PROBLEMS,
} from './problems.ts'
import { binaryRoutes, bodyOf, OCTETS, readDeviceWindow } from './requests.ts'

export type IntakeDoor = 'batches' | 'holds' | 'receipts' | 'commitments' | 'windows' | 'openings'

export interface IntakeDoors {
  /** Resolves when it is durable. */
  readonly takeBatch: (bytes: Uint8Array) => Promise<BatchAnswer>
  readonly takeReceipt: (bytes: Uint8Array) => Promise<ReceiptAnswer>
  readonly holds: Pick<HoldDesk, 'accept'>
  readonly windows: Pick<WindowDesk, 'take' | 'viewOf' | 'open'>
  readonly stats: () => IntakeStats
  /** Longest openings of this network. */
  readonly maxOpeningBytes: number
  readonly count: (door: IntakeDoor, outcome: string) => void
  /** Something went wrong inside, such as a chain that does not answer. */
  readonly failed: (door: IntakeDoor, error: unknown) => void
}

/** Longer than any receipt. */
const MAX_RECEIPT_BYTES = 512

export function intakeRoutes(app: FastifyInstance, doors: IntakeDoors): void {
  const { count } = doors
  const refuse = <Code extends string>(
    reply: FastifyReply,
    door: IntakeDoor,
    code: Code,
    kinds: ProblemKinds<Code>,
  ): FastifyReply => {
    count(door, code)
    return sendProblem(reply, code, kinds[code])
  }
  /** Work that waits in memory may find it full, or the relayer stopping. */
  const guarded = async (
    reply: FastifyReply,
    door: IntakeDoor,
    work: () => Promise<FastifyReply>,
  ): Promise<FastifyReply> => {
    try {
      return await work()
    } catch (error) {
      if (error instanceof IntakeBusyError || error instanceof IntakeStoppedError)
        return refuse(reply, door, error.code, OVERLOAD)
      count(door, 'INTERNAL')
      doors.failed(door, error)
      throw error
    }
  }
  const octets = (reply: FastifyReply, bytes: Uint8Array): FastifyReply =>
    reply.type(OCTETS).send(Buffer.from(bytes))

  binaryRoutes(app, MAX_BATCH_BYTES, scope =>
    scope.post('/v1/batches', (request, reply) =>
      guarded(reply, 'batches', async () => {
        const answer = await doors.takeBatch(bodyOf(request.body))
        if ('refused' in answer) return refuse(reply, 'batches', answer.refused, BATCH_PROBLEMS)
        count('batches', answer.repeated ? 'REPEATED' : 'TAKEN')
        return octets(reply, encodeInclusion(answer.promise))
      }),
    ),
  )
  binaryRoutes(app, Math.max(HOLD_REQUEST_BYTES, MAX_RECEIPT_BYTES), scope => {
    scope.post('/v1/holds', (request, reply) =>
      guarded(reply, 'holds', async () => {
        const answer = await doors.holds.accept(bodyOf(request.body))
        if ('refused' in answer) return refuse(reply, 'holds', answer.refused, HOLD_PROBLEMS)
        count('holds', answer.repeated ? 'REPEATED' : 'TAKEN')
        return octets(reply, encodeAcceptedHold(answer.accepted))
      }),
    )
    scope.post('/v1/receipts', (request, reply) =>
      guarded(reply, 'receipts', async () => {
        const answer = await doors.takeReceipt(bodyOf(request.body))
        if (typeof answer === 'object') return refuse(reply, 'receipts', answer.refused, RECEIPT_PROBLEMS)
        count('receipts', answer === 'KEPT' ? 'TAKEN' : 'REPEATED')
        return reply.code(204).send()
      }),
    )
  })
  binaryRoutes(app, MAX_COMMITMENT_BYTES, scope =>
    scope.post('/v1/commitments', (request, reply) =>
      guarded(reply, 'commitments', async () => {
        const answer = await doors.windows.take(bodyOf(request.body))
        if (typeof answer === 'object')
          return refuse(reply, 'commitments', answer.refused, COMMITMENT_PROBLEMS)
        count('commitments', answer === 'KEPT' ? 'TAKEN' : 'REPEATED')
        return reply.code(204).send()
      }),
    ),
  )
  binaryRoutes(app, doors.maxOpeningBytes, scope => {
    scope.get('/v1/windows/:window', (request, reply) => {
      const of = readDeviceWindow(request.params, request.query)
      if (typeof of === 'string') return sendBadRequest(reply, of)
      const view = doors.windows.viewOf(of)
      if ('refused' in view) return refuse(reply, 'windows', view.refused, LOOKUP_PROBLEMS)
      count('windows', 'SHOWN')
      return reply.send(view)
    })
    scope.post('/v1/windows/:window/openings', (request, reply) =>
      guarded(reply, 'openings', async () => {
        const of = readDeviceWindow(request.params, request.query)
        if (typeof of === 'string') return sendBadRequest(reply, of)
        const answer = await doors.windows.open(of, bodyOf(request.body))
        if (typeof answer === 'object') return refuse(reply, 'openings', answer.refused, OPENING_PROBLEMS)
        count('openings', answer)
        return reply.code(204).send()
      }),
    )
  })
  app.get('/v1/stats', (_request, reply) => reply.send(doors.stats()))
}
