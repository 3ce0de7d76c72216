/** What `ionet devnet` was asked for. */
export interface DevnetOptions {
  /** Of the page; all other ports are counted from it ({@link planPorts}). */
  readonly port: number
  readonly oracles: number
  readonly aggregators: number
  readonly workers: number
  /** Of the simulated venues' prices. */
  readonly seed: number
  readonly venues: 'auto' | 'live' | 'simulated'
  /** Working directory: emptied at the start. */
  readonly dir: string
}

/** The port plan has room for these. */
export const MAX_ORACLES = 20
export const MAX_AGGREGATORS = 10
export const MAX_WORKERS = 10
/** Customers of the local network: one that infers, and one that hires as well. */
export const PAYERS = 2
/** Highest offset of the plan: the last worker's http port. */
const PORTS_SPAN = 79
export const MAX_PORT = 65_535 - PORTS_SPAN

export interface PortPlan {
  readonly page: number
  readonly rpc: number
  readonly venues: number
  readonly relayer: { readonly p2p: number; readonly http: number }
  readonly gateway: number
  readonly workers: readonly number[]
  readonly oracles: readonly { readonly p2p: number; readonly http: number }[]
  readonly aggregators: readonly { readonly p2p: number; readonly http: number }[]
}

/**
 * page P, chain P+1, venues P+2, relayer P+3 and P+4, gateway P+5; oracle i: P+10+i and P+30+i; aggregator j: P+50+j
 * and P+60+j; worker k: P+70+k.
 */
export function planPorts(
  options: Pick<DevnetOptions, 'port' | 'oracles' | 'aggregators' | 'workers'>,
): PortPlan {
  const { port } = options
  return {
    page: port,
    rpc: port + 1,
    venues: port + 2,
    relayer: { p2p: port + 3, http: port + 4 },
    gateway: port + 5,
    workers: Array.from({ length: options.workers }, (_, k) => port + 70 + k),
    oracles: Array.from({ length: options.oracles }, (_, i) => ({ p2p: port + 10 + i, http: port + 30 + i })),
    aggregators: Array.from({ length: options.aggregators }, (_, j) => ({
      p2p: port + 50 + j,
      http: port + 60 + j,
    })),
  }
}

/** Every port of a plan, with what needs it. */
export function listPorts(plan: PortPlan): { readonly port: number; readonly what: string }[] {
  const nodes = (kind: string, ports: PortPlan['oracles']) =>
    ports.flatMap(({ p2p, http }, index) => [
      { port: p2p, what: `${kind}-${index}` },
      { port: http, what: `${kind}-${index}` },
    ])
  return [
    { port: plan.page, what: 'page' },
    { port: plan.rpc, what: 'chain' },
    { port: plan.venues, what: 'venue simulator' },
    { port: plan.relayer.p2p, what: 'relayer' },
    { port: plan.relayer.http, what: 'relayer' },
    { port: plan.gateway, what: 'gateway' },
    ...plan.workers.map((port, index) => ({ port, what: `worker-${index}` })),
    ...nodes('oracle', plan.oracles),
    ...nodes('aggregator', plan.aggregators),
  ]
}
