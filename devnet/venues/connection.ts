import type { WebSocket } from 'ws'
import type { Clock } from '../../runtime/clock.ts'
import type { VenueState } from './control.ts'
import type { MarketView, Message, Reaction, Session, Subscription, VenueFormat } from './format.ts'
import { garbage } from './garbage.ts'
import { uniform } from './noise.ts'

/** Between two updates of a stream. Venues push tickers at about this pace. */
const MIN_GAP_MS = 100
const MAX_GAP_MS = 300
/** More streams than any venue here lists; a client cannot make a connection remember more. */
const MAX_SUBSCRIPTIONS = 16
/** A client that does not read is cut off before what waits for it grows further. */
const MAX_BUFFERED_BYTES = 1_000_000

export interface ConnectionOptions {
  readonly format: VenueFormat
  readonly state: VenueState
  readonly clock: Clock
  /** That the client connected with. */
  readonly query: URLSearchParams
  /** Makes the delivery times of this connection its own: no two clients see the same moments. */
  readonly jitterKey: string
  view(): MarketView
}

/** Serves one WebSocket client until it leaves or `signal` aborts. */
export async function serveConnection(
  socket: WebSocket,
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<void> {
  const { format, state, clock } = options
  const subscriptions = new Map<string, { subscription: Subscription; previousMs: number }>()
  const over = new AbortController()
  const end = (): void => over.abort(new Error('connection over'))
  if (signal.aborted) end()
  signal.addEventListener('abort', end, { once: true })
  socket.once('close', end)
  socket.on('error', end)

  const isMute = (): boolean => state.behaviour.ws === 'silent' || state.behaviour.ws === 'half-open'
  const send = (message: Message): void => {
    if (isMute() || socket.readyState !== socket.OPEN) return
    if (socket.bufferedAmount > MAX_BUFFERED_BYTES) {
      end()
      return
    }
    state.counts.wsMessagesOut += 1
    socket.send(message)
  }

  const react = ({ replies, subscribe = [] }: Reaction, { nowMs }: MarketView): void => {
    for (const reply of replies) send(reply)
    for (const subscription of subscribe) {
      if (subscriptions.has(subscription.key) || subscriptions.size >= MAX_SUBSCRIPTIONS) continue
      subscriptions.set(subscription.key, { subscription, previousMs: nowMs })
    }
  }
  const session: Session = new Set()
  socket.on('message', data => {
    state.counts.wsMessagesIn += 1
    const view = options.view()
    react(format.receive(data.toString(), view, session), view)
  })
  if (format.connect !== undefined) {
    const view = options.view()
    react(format.connect(options.query, view), view)
  }

  let heartbeatAt = clock.monotonic() + (format.heartbeat?.everyMs ?? 0)
  try {
    for (let beat = 0; ; beat += 1) {
      const jitter = uniform(`${options.jitterKey}/${beat}`)
      await clock.sleep(MIN_GAP_MS + (MAX_GAP_MS - MIN_GAP_MS) * jitter, over.signal)
      // Who does not read answers no ping either, and never learns that the other side has gone.
      if (state.behaviour.ws === 'half-open') socket.pause()
      else if (socket.isPaused) socket.resume()
      if (state.behaviour.ws === 'garbage') {
        send(garbage(beat))
        continue
      }
      const view = options.view()
      if (format.heartbeat !== undefined && clock.monotonic() >= heartbeatAt) {
        heartbeatAt = clock.monotonic() + format.heartbeat.everyMs
        send(format.heartbeat.message(view))
      }
      if (isMute()) continue
      for (const stream of subscriptions.values()) {
        if (state.behaviour.delisted.includes(stream.subscription.listing.symbol)) continue
        send(format.push(stream.subscription, view, stream.previousMs))
        stream.previousMs = view.nowMs
      }
    }
  } catch (error) {
    if (!over.signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', end)
    socket.terminate()
  }
}
