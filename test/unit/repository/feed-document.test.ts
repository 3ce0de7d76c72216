import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { FEED_PROBLEMS } from '../../../aggregator/feed/problems.ts'
import { DEFAULT_READERS } from '../../../aggregator/feed/readers.ts'
import { CLOSE_CODES } from '../../../aggregator/feed/web-socket.ts'
import { certified, type FeedServer, startFeed } from '../../support/aggregator/feed-server.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { ROOT } from '../../support/runtime/spawned.ts'

const text = readFileSync(join(ROOT, 'docs/feed.md'), 'utf8')

describe('the document of the feed', () => {
  let directory: TemporaryDirectory
  let server: FeedServer

  before(async () => {
    directory = temporaryDirectory()
    server = await startFeed(join(directory.path, 'feed.sqlite'))
    for (let index = 0; index < 3; index++) server.feed.publish(certified(index))
  })
  after(async () => {
    await server.stop()
    directory.remove()
  })

  it('shows only requests that are answered', async () => {
    const shown = [...text.matchAll(/^curl (?:-N )?(?:-H "([\w-]+): (\w+)" )?"?\$FEED(\/[^\s"]+)"?$/gm)]
    expect(shown.length).to.equal(text.match(/^curl (?!-s)/gm)?.length)
    for (const [line, header, value, path = ''] of shown) {
      const abort = new AbortController()
      // Of rounds, those of this network.
      const url = server.url + path.replace(/reports\/\d+/, `reports/${certified(1).round}`)
      const headers: Record<string, string> = header === undefined ? {} : { [header]: value ?? '' }
      const response = await fetch(url, { headers, signal: abort.signal })
      expect(response.status, line).to.equal(200)
      abort.abort()
    }
  })

  it('names every field of a report, and no other', () => {
    const table = /## A report\n([\s\S]*?)\n## /.exec(text)?.[1] ?? ''
    const named = [...table.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
    )
    expect(named.toSorted()).to.deep.equal(Object.keys(certified(0)).toSorted())
  })

  it('names every refusal with its status, and every close code', () => {
    const table = text.slice(text.indexOf('## Refusals'))
    const told = [...table.matchAll(/^\| (`.*`) \| (\d+) \|/gm)].flatMap(([, codes = '', status]) =>
      [...codes.matchAll(/`(\w+)`/g)].map(([, code]) => [code, Number(status)]),
    )
    const real = Object.entries(FEED_PROBLEMS).map(([code, { status }]) => [code, status])
    expect(Object.fromEntries(told)).to.deep.equal(Object.fromEntries(real))
    const closes = [...text.matchAll(/^\| `(\w+)` \| (\d{4}) \|/gm)].map(([, code, number]) => [
      code,
      Number(number),
    ])
    expect(Object.fromEntries(closes)).to.deep.equal(CLOSE_CODES)
  })

  it('tells the bounds that there are', () => {
    expect(text).to.include(`at most ${DEFAULT_READERS.highWater / 1024} KiB wait`)
    expect(text).to.include(`serves ${DEFAULT_READERS.maxReaders} readers`)
    expect(text).to.include(`nothing was taken for ${DEFAULT_READERS.stallMs / 1_000} s`)
    expect(text).to.include(`a ping every ${DEFAULT_READERS.pingMs / 1_000} s`)
  })
})
