/** From where a verification takes what it needs, by what it was asked. */
import { join } from 'node:path'
import { InputError } from '../input-error.ts'
import type { BeaconSources } from './beacon-source.ts'
import type { BundleSources } from './bundle-source.ts'
import { type ChainSource, chainOf } from './endpoint.ts'

export interface VerifyOptions {
  readonly deployment?: string
  readonly rpc?: string
  readonly devnet?: string
  readonly network?: string
  readonly bundle?: string
  readonly bundles?: string
  readonly from?: readonly string[]
  readonly previous?: string
  readonly json?: boolean
}

export interface Whereabouts {
  readonly deployment: string
  readonly network: string | undefined
  readonly chain: ChainSource
  /** Files come before sources. */
  readonly bundle: string | undefined
  readonly previous: string | undefined
  readonly sources: BundleSources
  /** Of the proofs of challenge windows. */
  readonly beacons: BeaconSources
}

/** @throws {InputError} when something is nowhere to be had */
export function whereaboutsOf(options: VerifyOptions): Whereabouts {
  const { devnet, bundle, previous, from: urls = [] } = options
  const within = (...path: string[]) => (devnet === undefined ? undefined : join(devnet, ...path))
  const deployment = options.deployment ?? within('deployment.json')
  if (deployment === undefined)
    throw new InputError(
      'say which network: give --deployment and --rpc, or the directory of a finished local one with --devnet',
    )
  const directory = options.bundles ?? within('relayer', 'data', 'bundles')
  if (bundle === undefined && directory === undefined && urls.length === 0)
    throw new InputError(
      'say where the bundle is: a file with --bundle, a directory of them with --bundles, or a relayer or oracle node with --from',
    )
  const chain = chainOf(options)
  if (chain === undefined) throw new InputError('say where the chain is: a JSON-RPC endpoint with --rpc')
  return {
    deployment,
    network: options.network ?? within('devnet.json'),
    chain,
    bundle,
    previous,
    sources: { directory, urls },
    beacons: { file: within('relayer', 'data', 'beacons.sqlite'), urls },
  }
}
