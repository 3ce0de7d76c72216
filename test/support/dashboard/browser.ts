import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

/** The browser on this machine, or undefined. */
export function findBrowser(): string | undefined {
  return NAMES.find(name => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0)
}

const CLOSE_MS = 5_000

/** A headless browser with one page, spoken to over its DevTools protocol. */
export class Browser {
  readonly #process: ChildProcess
  readonly #socket: WebSocket
  readonly #profile: string
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #loaded: () => void = () => {}
  #nextId = 1

  private constructor(process: ChildProcess, socket: WebSocket, profile: string) {
    this.#process = process
    this.#socket = socket
    this.#profile = profile
    socket.on('message', data => {
      const answer: Answer = JSON.parse(String(data))
      if (answer.method === 'Page.loadEventFired') this.#loaded()
      this.#waiting.get(answer.id)?.(answer)
      this.#waiting.delete(answer.id)
    })
  }

  static async launch(command: string): Promise<Browser> {
    const profile = await mkdtemp(join(tmpdir(), 'ionet-browser-'))
    const child = spawn(
      command,
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--hide-scrollbars',
        '--remote-debugging-port=0',
        `--user-data-dir=${profile}`,
        'about:blank',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    const endpoint = await endpointOf(child)
    const listed = await fetch(`http://${new URL(endpoint).host}/json/list`)
    const pages: { type: string; webSocketDebuggerUrl: string }[] = JSON.parse(await listed.text())
    const page = pages.find(candidate => candidate.type === 'page')
    if (page === undefined) throw new Error('the browser has no page')
    const socket = new WebSocket(page.webSocketDebuggerUrl)
    await once(socket, 'open')
    return new Browser(child, socket, profile)
  }

  async send(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = this.#nextId++
    const answer = await new Promise<Answer>(resolve => {
      this.#waiting.set(id, resolve)
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`)
    return answer.result ?? {}
  }

  async open(url: string, view: { width: number; height: number; dark: boolean }): Promise<void> {
    const { width, height, dark } = view
    const mobile = width < 600
    await this.send('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      deviceScaleFactor: mobile ? 2 : 1,
      mobile,
    })
    await this.send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }],
    })
    await this.send('Page.enable')
    const loaded = new Promise<void>(resolve => {
      this.#loaded = resolve
    })
    await this.send('Page.navigate', { url })
    await loaded
  }

  /** Value of an expression in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`)
    return Reflect.get(Object(result), 'value')
  }

  /** Resolves when the expression is true in the page; watched at every change of the document, not by the clock. */
  async until(expression: string, withinMs: number): Promise<void> {
    const met = await this.evaluate(`new Promise(resolve => {
      const check = () => { if (${expression}) { watcher.disconnect(); clearTimeout(timer); resolve(true) } }
      const watcher = new MutationObserver(check)
      const timer = setTimeout(() => { watcher.disconnect(); resolve(false) }, ${withinMs})
      watcher.observe(document, { subtree: true, childList: true, characterData: true, attributes: true })
      check()
    })`)
    if (met !== true) {
      const text = await this.evaluate('document.body.innerText')
      throw new Error(`"${expression}" was not met in ${withinMs} ms; the page says:\n${text}`)
    }
  }

  /** PNG of what is visible, or of the whole page. */
  async screenshot(whole: boolean): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', {
      format: 'png',
      captureBeyondViewport: whole,
    })
    return Buffer.from(String(data), 'base64')
  }

  async close(): Promise<void> {
    const gone = this.#process.exitCode === null ? once(this.#process, 'exit') : undefined
    // Asked to, it ends its own children first; a signal would leave them behind.
    this.#socket.send(JSON.stringify({ id: this.#nextId++, method: 'Browser.close' }))
    const impatience = setTimeout(() => this.#process.kill('SIGKILL'), CLOSE_MS)
    await gone
    clearTimeout(impatience)
    this.#socket.terminate()
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** The answer to a request, or an event, which has a method and no id. */
interface Answer {
  id: number
  method?: string
  result?: Record<string, unknown>
  error?: { message: string }
}

/** The browser prints where it listens. */
async function endpointOf(child: ChildProcess): Promise<string> {
  if (child.stderr === null) throw new Error('the browser has no standard error')
  for await (const line of createInterface({ input: child.stderr })) {
    const found = /DevTools listening on (\S+)/.exec(line)?.[1]
    if (found !== undefined) return found
  }
  throw new Error('the browser ended before it listened')
}
