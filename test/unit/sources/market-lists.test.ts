import { Readable } from 'node:stream'
import { expect } from 'chai'
import type { Adapter, RestResponse } from '../../../oracle-node/sources/adapters/adapter.ts'
import { MAX_LIST_LENGTH } from '../../../oracle-node/sources/adapters/bounded-answer.ts'
import { VENUE_ENTRIES } from '../../../oracle-node/sources/adapters/entries.ts'
import { TooLargeError } from '../../../oracle-node/sources/adapters/errors.ts'
import { observeRestCalls } from '../../../oracle-node/sources/adapters/rest-calls.ts'
import { systemClock } from '../../../runtime/clock.ts'

function anAdapter() {
  const adapter = {
    fetch: async () => {},
    parseJson: (text: string) => JSON.parse(text),
  } as unknown as Adapter
  const calls = observeRestCalls(adapter, { timeoutMs: 5_000, hashFrames: false, clock: systemClock })
  return { adapter, calls }
}

const answerOf = (bytes: number): RestResponse => ({
  statusCode: 200,
  headers: {},
  body: Readable.from([Buffer.alloc(bytes, ' ')]),
})

describe('an answer of a venue', () => {
  it('is not looked at further when a list in it is too long, wherever it stands', () => {
    const { adapter } = anAdapter()
    const list = (length: number) => Array.from({ length }, () => 0)
    const places = [
      (length: number) => list(length),
      (length: number) => ({ symbols: list(length) }),
      (length: number) => ({ result: { list: list(length) } }),
      (length: number) => [list(length)],
      (length: number) => ({ result: Object.fromEntries(list(length).map((_, nth) => [`X${nth}`, {}])) }),
    ]
    for (const place of places) {
      const fits = JSON.stringify(place(MAX_LIST_LENGTH))
      expect(JSON.stringify(adapter.parseJson(fits))).to.equal(fits)
      expect(() => adapter.parseJson(JSON.stringify(place(MAX_LIST_LENGTH + 1)))).to.throw(TooLargeError)
    }
  })

  it('has the bound of the call, which all pages of a list share', async () => {
    const { adapter, calls } = anAdapter()
    await calls.within({ maxBytes: 100 }, async () => {
      await adapter.undiciBody(answerOf(60))
      const error = await adapter.undiciBody(answerOf(60)).catch((reason: unknown) => reason)
      expect(error).to.be.instanceOf(TooLargeError)
    })
    await calls.within({ maxBytes: 100 }, () => adapter.undiciBody(answerOf(60)))
  })

  it('shares that bound with those that are read at the same time', async () => {
    const { adapter, calls } = anAdapter()
    const read = await calls.within({ maxBytes: 100 }, () =>
      Promise.allSettled([adapter.undiciBody(answerOf(60)), adapter.undiciBody(answerOf(60))]),
    )
    expect(read.map(({ status }) => status)).to.have.members(['fulfilled', 'rejected'])
  })
})

describe('the market list of Binance', () => {
  it('is asked for without what is not traded, and without permission sets', async () => {
    const asked: unknown[] = []
    const adapter = { fetchMarkets: async (params: unknown) => void asked.push(params) } as unknown as Adapter
    VENUE_ENTRIES.binance.prepare(adapter, address => address)
    await adapter.fetchMarkets()
    expect(asked).to.deep.equal([{ showPermissionSets: false, symbolStatus: 'TRADING' }])
  })
})
