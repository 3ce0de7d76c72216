/** How a local network ends: everything that must happen between Ctrl-C and the last process's end, in 5 s. */
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import { dumpState, standStill } from './anvil.ts'
import type { ChainObserver } from './chain-observer.ts'
import type { Observer } from './observer.ts'
import { saveChain } from './saved-chain.ts'
import type { DevnetSummary } from './summary.ts'

/**
 * When each part is given up, in ms since the end began. Nodes that hang are killed later than they are waited for:
 * the summary must not depend on them. What then remains is the chain's own end, which is quick.
 */
const NODES_UNTIL_MS = 2_700
const STANDSTILL_UNTIL_MS = 3_300
const SUMMARY_UNTIL_MS = 4_400
const SAVED_UNTIL_MS = 4_500

export interface EndingOptions {
  readonly rpcUrl: string
  /** The chain is saved in it. */
  readonly dir: string
  /** Monotonic time. */
  readonly beganAt: number
}

export interface EndingDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly chain: Pick<ChainObserver, 'snapshot'>
  readonly observer: Pick<Observer, 'summarize'>
}

/**
 * Waits until the nodes have stopped, as far as there is time; lets the chain stand still; sums it up at its last block;
 * and saves it. Never rejects: what cannot be done is said in one line.
 *
 * @returns undefined when the chain did not answer in time
 */
export async function endRun(
  options: EndingOptions,
  nodesGone: Promise<unknown>,
  deps: EndingDeps,
): Promise<DevnetSummary | undefined> {
  const { rpcUrl, dir, beganAt } = options
  const { clock, logger, chain, observer } = deps
  /** What `work` gives, unless it fails or its time is over first. */
  const until = async <T>(
    untilMs: number,
    otherwise: string,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> => {
    const over = new AbortController()
    const done = new AbortController()
    const leftMs = beganAt + untilMs - clock.monotonic()
    const late = clock.sleep(leftMs, done.signal).then(() => {
      const error = new Error(`no time is left, ${untilMs} ms after the end began`)
      over.abort(error)
      throw error
    })
    // It is aborted when the work is done in time.
    late.catch(() => {})
    try {
      return await Promise.race([work(over.signal), late])
    } catch (error) {
      logger.warn(otherwise, { error })
      return undefined
    } finally {
      done.abort()
    }
  }

  await until(NODES_UNTIL_MS, 'nodes are still stopping when the summary is made', () =>
    // How they ended is told by whoever stops them.
    nodesGone.catch(() => {}),
  )
  await until(STANDSTILL_UNTIL_MS, 'the chain does not stand still', signal => standStill(rpcUrl, signal))
  const summary = await until(SUMMARY_UNTIL_MS, 'no summary could be made', async () =>
    observer.summarize(await chain.snapshot()),
  )
  await until(SAVED_UNTIL_MS, 'the chain is not saved', async signal => {
    const state = await dumpState(rpcUrl, signal)
    signal.throwIfAborted()
    logger.info('the chain is saved', { file: saveChain(dir, state) })
  })
  return summary
}
