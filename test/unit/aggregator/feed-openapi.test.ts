import { join } from 'node:path'
import { expect } from 'chai'
import { z } from 'zod'
import { certified, type FeedServer, roundOf, startFeed } from '../../support/aggregator/feed-server.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'

interface Answer {
  readonly content?: Readonly<Record<string, { readonly schema: Readonly<Record<string, unknown>> }>>
}
interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[]
  readonly responses: Readonly<Record<string, Answer>>
}
interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, { readonly get: Operation }>>
  readonly components: { readonly schemas: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
}

/** Paths with which each documented answer is met. */
const REQUESTS: readonly (readonly [path: string, request: string, status: number])[] = [
  ['/v1/reports/latest', '/v1/reports/latest', 200],
  ['/v1/reports/{round}', `/v1/reports/${roundOf(3)}`, 200],
  ['/v1/reports/{round}', `/v1/reports/${roundOf(2)}`, 200],
  ['/v1/reports/{round}', `/v1/reports/${roundOf(9)}`, 404],
  ['/v1/reports/{round}', `/v1/reports/${roundOf(0)}`, 410],
  ['/v1/reports/{round}', '/v1/reports/soon', 400],
  ['/v1/reports', '/v1/reports?limit=2', 200],
  ['/v1/reports', `/v1/reports?after=${roundOf(9)}`, 200],
  ['/v1/reports', '/v1/reports?limit=0', 400],
  ['/v1/stream', '/v1/stream?after=x', 400],
  ['/v1/ws', '/v1/ws', 426],
  ['/v1/openapi.json', '/v1/openapi.json', 200],
]

describe('the OpenAPI document of the feed', () => {
  let directory: TemporaryDirectory
  let server: FeedServer
  let document: Document

  before(async () => {
    directory = temporaryDirectory()
    server = await startFeed(join(directory.path, 'feed.sqlite'), { keep: 3 })
    for (let index = 0; index < 5; index++) server.feed.publish(certified(index, index === 2))
    const response = await fetch(`${server.url}/v1/openapi.json`)
    document = (await response.json()) as Document
  })
  after(async () => {
    await server.stop()
    directory.remove()
  })

  /** As the document says it, read back: nothing of the feed's own schemas is used. */
  const validatorOf = (schema: Readonly<Record<string, unknown>>): z.ZodType => {
    const local = (value: unknown) =>
      JSON.parse(JSON.stringify(value).replaceAll('#/components/schemas/', '#/$defs/'))
    return z.fromJSONSchema({ ...local(schema), $defs: local(document.components.schemas) })
  }
  const schemaOf = (path: string, status: number, type: string) => {
    const content = document.paths[path]?.get.responses[status]?.content
    const found = content?.[type]
    if (found === undefined) throw new Error(`${path} does not document ${status} as ${type}`)
    return found.schema
  }

  it('fits every answer that is really given', async () => {
    for (const [path, request, status] of REQUESTS) {
      const response = await fetch(server.url + request)
      expect(response.status, request).to.equal(status)
      const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? ''
      const result = validatorOf(schemaOf(path, status, type)).safeParse(await response.json())
      expect(result.error?.message, request).to.equal(undefined)
    }
  })

  it('fits what a stream carries', async () => {
    const abort = new AbortController()
    const response = await fetch(`${server.url}/v1/stream?after=${roundOf(0)}`, { signal: abort.signal })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes(`id: ${roundOf(4)}\n`) || !text.endsWith('\n\n'))
      text += (await reader?.read())?.value ?? ''
    abort.abort()
    const events = [...text.matchAll(/^event: (\w+)\n(?:id: \d+\n)?data: (.*)$/gm)]
    expect(events.map(([, event]) => event)).to.deep.equal(['gap', 'report', 'report', 'report'])
    const message = validatorOf({ $ref: '#/components/schemas/StreamMessage' })
    for (const [, event = '', data = ''] of events) {
      const result = message.safeParse({ type: event, [event]: JSON.parse(data) })
      expect(result.error?.message, event).to.equal(undefined)
    }
  })

  it('would notice an answer that has changed', () => {
    const report = validatorOf({ $ref: '#/components/schemas/Report' })
    const { priceUsd, ...without } = certified(0)
    expect(report.safeParse({ ...without, priceUsd }).success).to.equal(true)
    expect(report.safeParse(without).success).to.equal(false)
    expect(report.safeParse({ ...certified(0), price: 1 }).success).to.equal(false)
    expect(report.safeParse({ ...certified(0), more: 1 }).success).to.equal(false)
  })

  it('is whole: every path was asked for, every reference leads somewhere, every parameter is told', () => {
    const asked = new Set(REQUESTS.map(([path]) => path))
    expect(Object.keys(document.paths).filter(path => !asked.has(path))).to.deep.equal([])
    const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)]
    expect(references.length).to.be.greaterThan(10)
    const names = Object.keys(document.components.schemas)
    expect(references.map(match => match[1]).filter(name => !names.includes(name ?? ''))).to.deep.equal([])
    const parameters = document.paths['/v1/reports']?.get.parameters.map(({ name, required }) => [
      name,
      required,
    ])
    expect(parameters).to.deep.equal([
      ['limit', false],
      ['before', false],
      ['after', false],
    ])
    expect(document.openapi).to.equal('3.1.0')
  })
})
