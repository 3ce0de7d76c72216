import { expect } from 'chai'
import { CHANNELS } from '../../../../protocol/channels.ts'
import { openEpoch } from '../../../../protocol/epoch/machine.ts'
import {
  decodeShownRequest,
  encodeShownPage,
  type ShownPage,
  type ShownRequest,
} from '../../../../protocol/epoch/messages.ts'
import type { EpochRefusal } from '../../../../relayer/epochs/epoch-store.ts'
import { Recovery, slotsThatMiss } from '../../../../relayer/epochs/recovery.ts'
import type { Adoption, AdoptionAnswer } from '../../../../relayer/intake/adoption.ts'
import { promised, signReceipt } from '../../../support/epoch/cast.ts'
import { hire, inferenceReceipt, WORKER } from '../../../support/epoch/world.ts'
import { recordLogger } from '../../../support/network/record-logger.ts'
import { DOMAIN } from '../../../support/protocol/network.ts'
import { type PaperNetwork, paperNetwork } from '../../../support/relayer/paper-nodes.ts'

const EPOCH = 4
const refusal = (slot: number, attempt: number, code: string): EpochRefusal => ({
  ...{ slot, attempt, code },
  text: code,
})
const batchAt = (seqFrom: number) => promised({ worker: WORKER, seqFrom, records: [hire()] }, EPOCH)
const receipt = signReceipt(inferenceReceipt(), 'payer')
const limits = { maxRequestBytes: 64, maxInFlightPerPeer: 1, timeoutMs: 1_000 }

describe('a relayer whose epoch lacks something', () => {
  let network: PaperNetwork
  let logger: ReturnType<typeof recordLogger>
  let recovery: Recovery
  let asked: string[]
  let given: { batches: number[]; receipts: number }
  let answerOf: (seqFrom: number) => AdoptionAnswer

  let kept: number[]

  const adoption: Adoption = {
    batches: batches =>
      batches.map(({ batch }) => {
        given.batches.push(batch.batch.seqFrom)
        return answerOf(batch.batch.seqFrom)
      }),
    receipts: receipts => {
      given.receipts += receipts.length
      kept.push(...receipts.map(signed => Number(signed.receipt.cumulativeUnits)))
      return receipts.length
    },
  }
  const shows = (slot: number, page: (request: ShownRequest) => ShownPage) =>
    network.nodes[slot]?.peer.handle(CHANNELS.epochShown, limits, async bytes => {
      const request = decodeShownRequest(bytes)
      asked.push(`${slot}: ${request.cursor.part} after ${request.cursor.after}`)
      return encodeShownPage(page(request))
    })
  let from: number
  const recover = (attempt: number, ...refusals: EpochRefusal[]) =>
    recovery.recover(
      { state: { ...openEpoch(EPOCH), phase: 'sealed', attempt }, steps: [], refusals },
      { from, to: EPOCH },
      network.membership,
      () => adoption,
      new AbortController().signal,
    )
  const said = () => logger.lines.map(({ sentence }) => sentence)

  beforeEach(() => {
    network = paperNetwork(DOMAIN)
    logger = recordLogger()
    recovery = new Recovery({ logger, network: network.peer })
    asked = []
    from = EPOCH
    given = { batches: [], receipts: 0 }
    kept = []
    answerOf = seqFrom => ({ adopted: `batch ${seqFrom}` })
  })

  it('asks those that missed something in the attempt before, and nobody else', async () => {
    const refusals = [
      refusal(0, 0, 'MISSING_BATCH'),
      refusal(1, 1, 'MISSING_RECEIPT'),
      refusal(2, 1, 'TOTALS'),
      refusal(3, 1, 'MISSING_BATCH'),
    ]
    expect([...slotsThatMiss(refusals, 2)]).to.deep.equal([1, 3])
    expect(slotsThatMiss(refusals, 0).size).to.equal(0)
    for (const slot of [0, 1, 2, 3]) shows(slot, () => ({ batches: [], receipts: [], next: undefined }))
    await recover(2, ...refusals)
    expect(asked).to.deep.equal(['1: batches after 0', '3: batches after 0'])
    expect(said()).to.deep.equal(['oracle nodes miss something, and show nothing that could be added'])
  })

  it('takes over page after page, and receipts that several show once, after the batches', async () => {
    shows(0, ({ cursor }) =>
      cursor.after === 0
        ? { batches: [batchAt(1)], receipts: [], next: { part: 'batches', after: 7 } }
        : { batches: [batchAt(2)], receipts: [receipt], next: undefined },
    )
    shows(1, () => ({ batches: [batchAt(3)], receipts: [receipt], next: undefined }))
    const refusals = [refusal(0, 0, 'MISSING_BATCH'), refusal(1, 0, 'MISSING_BATCH')]
    await recover(1, ...refusals)
    expect(given).to.deep.equal({ batches: [1, 2, 3], receipts: 1 })
    expect(asked).to.deep.equal(['0: batches after 0', '0: batches after 7', '1: batches after 0'])
    await recover(1, ...refusals)
    expect(asked, 'once an attempt').to.have.length(3)
  })

  it('asks for the emptied epochs before, too, and takes receipts from the last pages alone', async () => {
    from = EPOCH - 2
    const old = batchAt(9)
    shows(0, ({ epoch, cursor }) => {
      asked.push(`of ${epoch}`)
      if (epoch === EPOCH) return { batches: [batchAt(3)], receipts: [receipt], next: undefined }
      if (epoch === EPOCH - 1) return { batches: [], receipts: [receipt], next: undefined }
      return cursor.after === 0
        ? { batches: [old], receipts: [receipt], next: { part: 'receipts', after: 7 } }
        : { batches: [], receipts: [receipt], next: undefined }
    })
    await recover(1, refusal(0, 0, 'MISSING_BATCH'))
    expect(asked.filter(text => text.startsWith('of'))).to.deep.equal(['of 2', 'of 3', 'of 4'])
    expect(given).to.deep.equal({ batches: [9, 3], receipts: 1 })
  })

  it('takes no receipt from the pages of emptied epochs, and every one from those of the last', async () => {
    from = EPOCH - 2
    const receiptOf = (cumulativeUnits: bigint) => signReceipt(inferenceReceipt({ cumulativeUnits }), 'payer')
    const page = (batch: number | undefined, units: bigint, hasMore: boolean): ShownPage => ({
      batches: batch === undefined ? [] : [batchAt(batch)],
      receipts: [receiptOf(units)],
      next: hasMore ? { part: 'receipts', after: 0 } : undefined,
    })
    shows(0, ({ epoch, cursor }) => {
      asked.push(`of ${epoch}`)
      const isFirst = cursor.part === 'batches'
      if (epoch === EPOCH - 2) return page(1, 1n, false)
      if (epoch === EPOCH - 1) return isFirst ? page(2, 2n, true) : page(undefined, 3n, false)
      return isFirst ? page(3, 4n, true) : page(undefined, 5n, false)
    })
    await recover(1, refusal(0, 0, 'MISSING_BATCH'))
    expect(asked.filter(text => text.startsWith('of'))).to.deep.equal(['of 2', 'of 3', 'of 4', 'of 4'])
    expect(given.batches).to.deep.equal([1, 2, 3])
    expect(kept).to.deep.equal([4, 5])
  })

  it('goes on without who does not answer, answers nonsense, or never comes to an end', async () => {
    network.wire.disconnect(network.nodes[0]?.party.peerKey ?? '0x')
    network.nodes[1]?.peer.handle(CHANNELS.epochShown, limits, async () => Uint8Array.of(7))
    shows(2, () => ({ batches: [batchAt(2)], receipts: [], next: { part: 'batches', after: 0 } }))
    shows(3, () => ({ batches: [batchAt(3)], receipts: [], next: undefined }))
    await recover(1, ...[0, 1, 2, 3].map(slot => refusal(slot, 0, 'MISSING_BATCH')))
    expect(given.batches).to.deep.equal([2, 3])
    const silent = said().filter(text => text === 'an oracle node does not say what it was shown')
    expect(silent).to.have.length(3)
  })

  it('says once of a batch that it cannot be added', async () => {
    answerOf = () => ({ refused: 'CONTRADICTS', name: 'a batch' })
    for (const slot of [0, 1]) shows(slot, () => ({ batches: [batchAt(1)], receipts: [], next: undefined }))
    for (const attempt of [1, 2])
      await recover(attempt, ...[0, 1].map(slot => refusal(slot, attempt - 1, 'MISSING_BATCH')))
    const text = 'a batch that an oracle node was shown cannot be added to its epoch'
    expect(said().filter(line => line === text)).to.have.length(1)
  })
})
