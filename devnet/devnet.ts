import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../runtime/clock.ts'
import type { Lock } from '../runtime/lock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import type { Service } from '../runtime/service.ts'
import { anvilCommand, startBlocks, waitForChain } from './anvil.ts'
import { type ChainObserver, createChainObserver } from './chain-observer.ts'
import { createChildFactory } from './children.ts'
import { endRun } from './ending.ts'
import { LOOPBACK, writeVenuesConfig } from './files.ts'
import { parallelGroup } from './group.ts'
import type { LogView } from './log-view.ts'
import { createObserver, type Observer } from './observer.ts'
import { type DevnetOptions, listPorts, planPorts } from './options.ts'
import { buildPage } from './page-build.ts'
import { createPageServer, describePage } from './page-server.ts'
import { requireFreePorts } from './ports.ts'
import { prepareNetwork } from './prepare.ts'
import type { DevnetSummary } from './summary.ts'
import { decideVenues } from './venue-choice.ts'
import { warmUp } from './warm-up.ts'
import { prepareWorkingDir, refuseForeignDir } from './working-dir.ts'

export interface DevnetDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** Shows the lines of the processes. */
  readonly view: LogView
  /** Monotonic time at which the command was started. */
  readonly startedAt: number
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface Devnet extends Service {
  /** Rejects when the network cannot go on. */
  readonly failed: Promise<never>
  /** Made by `stop`, of the chain's last block; undefined when the chain could not be asked. */
  readonly summary: DevnetSummary | undefined
}

/** There once the contracts are deployed. */
interface Observed {
  readonly observer: Observer
  readonly chain: ChainObserver
  readonly rpcUrl: string
  readonly dir: string
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/**
 * A whole network on this machine, of real processes: chain, venues, oracle nodes, aggregators, relayer, gateway,
 * workers, payers, and the page. Everything listens on loopback only, and keeps its files in one directory.
 */
export function createDevnet(options: DevnetOptions, deps: DevnetDeps): Devnet {
  const { clock, logger } = deps
  const failure = Promise.withResolvers<never>()
  // It may reject before anybody waits for it.
  failure.promise.catch(() => {})
  /** What the nodes need: stopped after them, so that they do not complain of its absence while they stop. */
  const foundation: Service[] = []
  const nodes: Service[] = []
  let lock: Lock | undefined
  let observed: Observed | undefined
  let summary: DevnetSummary | undefined
  let page: Service | undefined
  const stopping = new AbortController()

  const startAll = async (
    kept: Service[],
    services: readonly Service[],
    signal: AbortSignal,
  ): Promise<void> => {
    signal.throwIfAborted()
    kept.push(...services)
    await parallelGroup('processes', services).start(signal)
  }

  const start = async (signal: AbortSignal): Promise<void> => {
    refuseForeignDir(options.dir)
    const ports = planPorts(options)
    await requireFreePorts(listPorts(ports), LOOPBACK)
    const chain = anvilCommand(ROOT, deps.env, ports.rpc)
    const workingDir = prepareWorkingDir(options.dir)
    lock = workingDir.lock
    const dir = workingDir.path
    const children = createChildFactory({ root: ROOT, dir }, deps)
    const rpcUrl = `http://${LOOPBACK}:${ports.rpc}`
    const staticDir = join(ROOT, 'dashboard', 'dist')
    const pageBuild = buildPage(ROOT, staticDir, logger, signal)
    // It is waited for at the end; until then its failure must not count as unhandled.
    pageBuild.catch(() => {})

    const compiled = warmUp(ROOT, logger, signal)
    compiled.catch(() => {})

    const onChainEnd = (reason: string) => failure.reject(new Error(`the chain ended: ${reason}`))
    await startAll(foundation, [children.program('chain', chain, onChainEnd)], signal)
    const venues = await decideVenues(options.venues, logger, signal)
    if (venues === 'simulated') {
      await startAll(
        foundation,
        [children.ionet('venues', 'venues', writeVenuesConfig(dir, ports.venues, options.seed))],
        signal,
      )
    }
    await Promise.race([waitForChain(rpcUrl, clock, signal), failure.promise])

    const network = await prepareNetwork({ root: ROOT, dir, ports, rpcUrl, venues }, signal)
    await startBlocks(rpcUrl, signal)
    logger.info('contracts deployed', { ...network.deployment.contracts })
    await compiled
    await startAll(
      nodes,
      [
        ...network.oracles.map(({ name, config }) => children.ionet('oracle', name, config)),
        ...network.aggregators.map(({ name, config }) => children.ionet('aggregator', name, config)),
      ],
      signal,
    )

    const aggregators = ports.aggregators.map(({ http }) => `http://${LOOPBACK}:${http}`)
    const chainObserver = createChainObserver(rpcUrl, network.deployment)
    const observer = createObserver(
      {
        chain: chainObserver,
        aggregators,
        relayer: `http://${LOOPBACK}:${ports.relayer.http}`,
        oracles: options.oracles,
        venues,
        startedAt: deps.startedAt,
      },
      deps,
    )
    observed = { observer, chain: chainObserver, rpcUrl, dir }
    await observer.start(signal)
    // Without a price they could do nothing, and starting them all at once would make the price late.
    const afterPrice = [
      children.ionet('relayer', network.relayer.name, network.relayer.config),
      children.ionet('gateway', network.gateway.name, network.gateway.config),
      ...network.workers.map(({ name, config }) => children.ionet('worker', name, config)),
      ...network.payers.map(({ name, config }) => children.ionet('payer', name, config)),
    ]
    observer.firstPrice.then(() => startAll(nodes, afterPrice, stopping.signal)).catch(failure.reject)

    await pageBuild
    const description = describePage({ ...network, rpcUrl, venues, aggregators, ports })
    const server = createPageServer({ port: ports.page, staticDir, page: description }, deps)
    page = server
    await server.start(signal)
    logger.info('open the page to watch the network', { page: server.url, venues, dir })
  }

  return {
    name: 'devnet',
    failed: failure.promise,
    get summary() {
      return summary
    },
    start,
    stop: async () => {
      stopping.abort(new Error('the network is stopping'))
      const beganAt = clock.monotonic()
      await observed?.observer.stop()
      const nodesGone = parallelGroup('nodes', [...(page === undefined ? [] : [page]), ...nodes]).stop()
      // It is waited for below; until then its failure must not count as unhandled.
      nodesGone.catch(() => {})
      if (observed === undefined) await nodesGone.catch(() => {})
      else summary = await endRun({ ...observed, beganAt }, nodesGone, { clock, logger, ...observed })
      try {
        await parallelGroup('foundation', foundation).stop()
      } finally {
        await nodesGone
      }
      lock?.release()
    },
  }
}
