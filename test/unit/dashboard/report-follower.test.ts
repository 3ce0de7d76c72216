import { expect } from 'chai'
import { type FollowerPorts, ReportFollower } from '../../../dashboard/src/data/report-follower.ts'

const BASES = ['http://a', 'http://b']
const SILENT_MS = 9_000

/** A browser in which the test says what happens, and timers that fire when it says so. */
class FakeBrowser implements FollowerPorts {
  readonly opened: string[] = []
  readonly closed: string[] = []
  readonly loaded: string[] = []
  backlog: unknown = []
  line: Parameters<FollowerPorts['openStream']>[1] | null = null
  #timers: { delayMs: number; run: () => void }[] = []

  openStream: FollowerPorts['openStream'] = (url, on) => {
    this.opened.push(url)
    this.line = on
    return { close: () => this.closed.push(url) }
  }

  loadJson = async (url: string): Promise<unknown> => {
    this.loaded.push(url)
    if (this.backlog instanceof Error) throw this.backlog
    return this.backlog
  }

  after = (delayMs: number, run: () => void) => {
    const timer = { delayMs, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer)
    }
  }

  get delays(): number[] {
    return this.#timers.map(timer => timer.delayMs)
  }

  fire(): void {
    const timers = this.#timers
    this.#timers = []
    for (const timer of timers) timer.run()
  }
}

function follow(bases = BASES) {
  const browser = new FakeBrowser()
  const links: string[] = []
  const heard: unknown[] = []
  const follower = new ReportFollower({ bases, silentMs: SILENT_MS, backlog: 300 }, browser, {
    report: data => heard.push(data),
    backlog: data => heard.push(...data),
    update: data => heard.push(data),
    link: (index, status) => links.push(`${index} ${status}`),
  })
  follower.start()
  return { browser, follower, links, heard }
}

describe('following the aggregators', () => {
  it('opens the first one’s stream and then asks for what came before', async () => {
    const { browser, links, heard } = follow()
    browser.backlog = { reports: [{ round: 1 }] }
    expect(browser.loaded).to.deep.equal([])
    browser.line?.opened()
    browser.line?.message('report', '{"round":2}')
    await Promise.resolve()
    await Promise.resolve()
    expect(browser.opened).to.deep.equal(['http://a/v1/stream'])
    expect(browser.loaded).to.deep.equal(['http://a/v1/reports?limit=300'])
    expect(links).to.deep.equal(['0 connecting', '0 following'])
    expect(heard).to.deep.equal([{ round: 2 }, { round: 1 }])
  })

  it('goes on with the next one at once when the stream breaks', () => {
    const { browser, links } = follow()
    browser.line?.opened()
    browser.line?.failed()
    expect(browser.closed).to.deep.equal(['http://a/v1/stream'])
    expect(browser.delays).to.deep.equal([0])
    browser.fire()
    browser.line?.opened()
    expect(browser.opened.at(-1)).to.equal('http://b/v1/stream')
    expect(links).to.deep.equal(['0 connecting', '0 following', '0 down', '1 connecting', '1 following'])
  })

  it('pauses before another lap when all have failed', () => {
    const { browser } = follow()
    browser.line?.failed()
    browser.fire()
    browser.line?.failed()
    expect(browser.delays).to.deep.equal([1_000])
    browser.fire()
    expect(browser.opened).to.deep.equal(['http://a/v1/stream', 'http://b/v1/stream', 'http://a/v1/stream'])
  })

  it('leaves one that stays connected and says nothing', () => {
    const { browser, links } = follow()
    browser.line?.opened()
    expect(browser.delays).to.deep.equal([SILENT_MS])
    browser.fire()
    expect(links.at(-1)).to.equal('0 silent')
  })

  it('leaves one that neither opens nor fails', () => {
    const { browser, links } = follow()
    expect(browser.delays).to.deep.equal([4_000])
    browser.fire()
    expect(links.at(-1)).to.equal('0 down')
  })

  it('hears nothing more from a stream it has left', () => {
    const { browser, heard } = follow()
    const abandoned = browser.line
    abandoned?.opened()
    abandoned?.failed()
    abandoned?.message('report', '{}')
    abandoned?.failed()
    expect(heard).to.deep.equal([])
    expect(browser.delays).to.deep.equal([0])
  })

  it('leaves one whose backlog cannot be read', async () => {
    const { browser, links } = follow()
    browser.backlog = new Error('gone')
    browser.line?.opened()
    await new Promise(resolve => setImmediate(resolve))
    expect(links.at(-1)).to.equal('0 down')
  })

  it('hands on what is not JSON as nothing, for the parser to refuse', () => {
    const { browser, heard } = follow()
    browser.line?.message('update', '{')
    expect(heard).to.deep.equal([undefined])
  })

  it('has no timer and no stream left once stopped', () => {
    const { browser, follower } = follow()
    browser.line?.opened()
    follower.stop()
    expect(browser.delays).to.deep.equal([])
    expect(browser.closed).to.deep.equal(['http://a/v1/stream'])
  })

  it('does nothing in a network without aggregators', () => {
    expect(follow([]).browser.opened).to.deep.equal([])
  })
})
