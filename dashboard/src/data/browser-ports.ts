import type { FollowerPorts } from './report-follower.ts'

const LOAD_MS = 5_000

export async function loadJson(url: string, init?: RequestInit): Promise<unknown> {
  const response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(LOAD_MS), ...init })
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  return response.json()
}

export function after(delayMs: number, run: () => void): () => void {
  const timer = setTimeout(run, delayMs)
  return () => clearTimeout(timer)
}

/** The follower's outside world in a browser. An EventSource is not left to reconnect: the next aggregator is tried. */
export const browserPorts: FollowerPorts = {
  loadJson,
  after,
  openStream(url, on) {
    const source = new EventSource(url)
    source.onopen = () => on.opened()
    source.onerror = () => on.failed()
    source.addEventListener('report', event => on.message('report', String(event.data)))
    source.addEventListener('update', event => on.message('update', String(event.data)))
    return source
  },
}
