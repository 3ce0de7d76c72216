import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { Deployment } from '../chain/deployment.ts'
import { createHttpServer, type HttpServer } from '../runtime/http.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { LOOPBACK } from './files.ts'
import type { PortPlan } from './options.ts'

/** What the page needs to find the network: answered as /page.json. */
export interface PageDescription {
  readonly chainId: number
  readonly rpcUrl: string
  readonly contracts: Readonly<Record<string, string>>
  readonly feed: string
  readonly feedId: string
  readonly roundMs: number
  readonly venues: 'live' | 'simulated'
  readonly aggregators: readonly string[]
  readonly relayer: string
  readonly gateway: string
  readonly epochs: { readonly startSec: number; readonly lengthSec: number }
  readonly oracles: readonly {
    readonly slot: number
    readonly address: string
    readonly name: string
    readonly url: string
  }[]
}

/** Shown while there is no built page. */
const PLACEHOLDER =
  '<!doctype html><title>ionet</title><p>The page has not been built. The network is described in <a href="/page.json">page.json</a>.'

/** Serves the page of the local network from `staticDir`, and /page.json. */
export function createPageServer(
  options: { readonly port: number; readonly staticDir: string; readonly page: PageDescription },
  deps: { readonly logger: Logger; readonly metrics: Metrics },
): HttpServer {
  const isBuilt = existsSync(join(options.staticDir, 'index.html'))
  return createHttpServer(
    {
      name: 'page',
      host: LOOPBACK,
      port: options.port,
      cors: false,
      health: () => ({ healthy: true, details: { page: isBuilt } }),
      routes: async app => {
        app.get('/page.json', async () => options.page)
        if (isBuilt) await app.register(fastifyStatic, { root: options.staticDir })
        else app.get('/', async (_request, reply) => reply.type('text/html').send(PLACEHOLDER))
      },
    },
    deps,
  )
}

/** The description of a prepared network. */
export function describePage(network: {
  readonly deployment: Deployment
  readonly network: { readonly feed: string; readonly roundMs: number }
  readonly oracles: readonly { readonly address: string; readonly name: string }[]
  readonly ports: PortPlan
  readonly rpcUrl: string
  readonly venues: 'live' | 'simulated'
  readonly aggregators: readonly string[]
}): PageDescription {
  const { chainId, contracts, feedId, epochStart, epochLengthSec } = network.deployment
  return {
    chainId,
    rpcUrl: network.rpcUrl,
    contracts,
    feed: network.network.feed,
    feedId,
    roundMs: network.network.roundMs,
    venues: network.venues,
    aggregators: network.aggregators,
    relayer: `http://${LOOPBACK}:${network.ports.relayer.http}`,
    gateway: `http://${LOOPBACK}:${network.ports.gateway}`,
    epochs: { startSec: epochStart, lengthSec: epochLengthSec },
    oracles: network.oracles.map(({ address, name }, slot) => ({
      slot,
      address,
      name,
      url: `http://${LOOPBACK}:${network.ports.oracles[slot]?.http}`,
    })),
  }
}
