/** A worker as gateways see one: a real model, real statements, and faults on demand. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { complete } from '../../../compute/model/complete.ts'
import { BUILT_IN_MODEL, modelHash, unitsPerToken } from '../../../compute/model/spec.ts'
import { loadModel } from '../../../compute/model/weights.ts'
import { type Address, bytesOf, hexOf } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { decodeSignedReceipt } from '../../../protocol/usage/receipt.ts'
import { inferenceWorkHash } from '../../../protocol/usage/work-hash.ts'
import { addressOf } from '../epoch/cast.ts'
import { MODEL, statementBytes } from './payments.ts'
import { deviceName, deviceOf } from './registered-device.ts'

const UNITS = unitsPerToken(BUILT_IN_MODEL)
/** Wei of IO for a unit: a thousandth of what the worker states for a thousand. */
const WEI_PER_UNIT = 10n ** 13n

export type Fault =
  | 'none'
  /** Is hired when the work comes. */
  | 'hired'
  /** Breaks the connection in the middle of the work. */
  | 'breaks'
  /** Signs for more than its receipt. */
  | 'overcharges'
  /** Answers what the model does not. */
  | 'lies'
  /** Asks for more when the work comes than it did when it was asked. */
  | 'dearer'
  /** Says that it charged less than it signed for. */
  | 'understates'
  /** Charges, and answers with an error of its own. */
  | 'fails'
  /** Has lost its connection after each answer, and is asked the same again: it answers as before. */
  | 'repeats'
  /** Does not work yet. */
  | 'not ready'
  /** Answers with what somebody else signed. */
  | 'forges'
  /** Sees less left of the hold than the gateway does. */
  | 'hold'

export interface FakeWorker {
  readonly url: string
  readonly address: Address
  fault: Fault
  /** Requests for work that came in. */
  asked: number
  stop(): Promise<void>
}

export async function startFakeWorker(name: string, domain: Domain): Promise<FakeWorker> {
  const model = loadModel(BUILT_IN_MODEL)
  const address = addressOf(name)
  const charged = new Map<string, { units: bigint; wei: bigint }>()
  let last: Answer | undefined
  const state = { fault: 'none' as Fault, asked: 0 }

  const profile = () => ({
    worker: address,
    device: deviceName(deviceOf(name)),
    state: 'idle',
    model: { ...MODEL, hash: modelHash(BUILT_IN_MODEL), unitsPerToken: String(UNITS) },
    price: { ioPerThousandUnitsWei: String(WEI_PER_UNIT * 1_000n), iosdPerSecWei: '1' },
  })
  const offer = ({ payer, gateway, prompt, maxTokens }: Question) => {
    const before = charged.get(payer) ?? { units: 0n, wei: 0n }
    const units = BigInt(prompt.length + 1 + maxTokens) * UNITS
    return {
      worker: address,
      gateway,
      kind: 2,
      ...MODEL,
      cumulativeUnits: String(before.units + units),
      cumulativeCeiling: String(before.wei + units * WEI_PER_UNIT),
      validUntilEpoch: 0,
    }
  }
  const asked = (body: Question): Answer =>
    state.fault === 'not ready' ? [503, problem('NOT_READY')] : [200, offer(body)]
  const infer = (body: Work): Answer => {
    state.asked++
    const { receipt } = decodeSignedReceipt(bytesOf(body.receipt))
    const { payer, gateway } = receipt
    if (state.fault === 'not ready') return [503, problem('NOT_READY')]
    if (state.fault === 'repeats' && last !== undefined) return last
    if (state.fault === 'hired') return [409, problem('HIRED')]
    if (state.fault === 'breaks') return ['break']
    if (state.fault === 'hold') return [402, problem('HOLD_USED_UP')]
    if (state.fault === 'dearer') {
      state.fault = 'none'
      charged.set(payer, { units: 680n, wei: 680n * WEI_PER_UNIT })
      return [402, { ...problem('RECEIPT_TOO_LOW'), offer: offer({ ...body, payer, gateway }) }]
    }
    const answer = complete(model, body)
    const text = state.fault === 'lies' ? answer.text.split('').reverse().join('') : answer.text
    const before = charged.get(payer) ?? { units: 0n, wei: 0n }
    const now = { units: before.units + answer.units, wei: before.wei + answer.units * WEI_PER_UNIT }
    charged.set(payer, now)
    if (state.fault === 'fails') return [500, problem('INTERNAL')]
    const { worker, kind, id, version } = receipt
    const statement = statementBytes(
      {
        ...{ payer, worker, gateway, kind, id, version },
        cumulativeUnits: now.units,
        cumulativeCharge: state.fault === 'overcharges' ? receipt.cumulativeCeiling + 1n : now.wei,
        workHash: inferenceWorkHash(body.prompt, body.maxTokens, text),
      },
      state.fault === 'forges' ? 'somebody' : name,
      domain,
    )
    last = [
      200,
      {
        text,
        finish: answer.finish,
        promptTokens: answer.promptTokens,
        tokens: answer.completionTokens,
        units: String(answer.units),
        chargedWei: String(state.fault === 'understates' ? 1n : answer.units * WEI_PER_UNIT),
        statement: hexOf(statement),
      },
    ]
    return last
  }

  const server = createServer((request, response) => {
    const reply = (...[status, body]: Answer): void => {
      if (status === 'break') {
        response.destroy()
        return
      }
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    void bodyOf(request).then(body => {
      if (request.url === '/v1/offer') reply(200, profile())
      else if (request.url === '/v1/inferences/offer') reply(...asked(body as Question))
      else reply(...infer(body as Work))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const listening = server.address()
  const port = typeof listening === 'object' && listening !== null ? listening.port : 0

  return {
    url: `http://127.0.0.1:${port}`,
    address,
    get fault() {
      return state.fault
    },
    set fault(fault) {
      state.fault = fault
    },
    get asked() {
      return state.asked
    },
    set asked(asked) {
      state.asked = asked
    },
    stop: async () => {
      server.closeAllConnections()
      const closed = once(server, 'close')
      server.close()
      await closed
    },
  }
}

interface Question {
  readonly payer: Address
  readonly gateway: Address
  readonly prompt: string
  readonly maxTokens: number
}

interface Work {
  readonly prompt: string
  readonly maxTokens: number
  readonly receipt: string
}

type Answer = [status: number | 'break', body?: unknown]

function problem(code: string) {
  return { type: 'about:blank', title: code, status: 0, detail: '', code }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const text = Buffer.concat(parts).toString()
  return text === '' ? undefined : JSON.parse(text)
}
