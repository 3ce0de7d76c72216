/** Where proofs of beacons and transcripts of keys come from. What they show is judged by the chain and nothing else. */
import { existsSync } from 'node:fs'
import { BEACON_MIGRATIONS, type BeaconStore, createBeaconStore } from '../../member/beacons/beacon-store.ts'
import { type BeaconInput, rootOf } from '../../protocol/beacon/input.ts'
import { openDatabase } from '../../runtime/sqlite.ts'
import { request } from '../../sdk/http.ts'

export interface BeaconSource {
  /** Bytes that may be the proof; undefined when the source has none, or does not answer. */
  proof(input: BeaconInput): Promise<Uint8Array | undefined>
  transcript(keyEpoch: number): Promise<Uint8Array | undefined>
}

export interface BeaconSources {
  /** The database that a relayer or an oracle node keeps, when it is there and nobody runs. */
  readonly file: string | undefined
  /** Relayers and oracle nodes. */
  readonly urls: readonly string[]
}

const TIMEOUT_MS = 15_000

/** Runs `use` with the file, if it is there, before everybody that serves over HTTP. */
export async function withBeaconSources<T>(
  { file, urls }: BeaconSources,
  use: (sources: readonly BeaconSource[]) => Promise<T>,
): Promise<T> {
  const store =
    file !== undefined && existsSync(file)
      ? createBeaconStore(openDatabase(file, BEACON_MIGRATIONS))
      : undefined
  try {
    return await use([...(store === undefined ? [] : [storedIn(store)]), ...urls.map(servedAt)])
  } finally {
    store?.close()
  }
}

function storedIn(store: BeaconStore): BeaconSource {
  return {
    proof: async input => store.find(input)?.proof,
    transcript: async keyEpoch => store.transcript(keyEpoch),
  }
}

function servedAt(url: string): BeaconSource {
  const target = { url: url.replace(/\/+$/, ''), timeoutMs: TIMEOUT_MS }
  const get = (path: string) => request(target, { method: 'GET', path }).catch(() => undefined)
  return {
    proof: input =>
      get(`/v1/beacons/${input.slot}/${input.kind === 'window' ? 'proof' : `draws/${rootOf(input)}`}`),
    transcript: keyEpoch => get(`/v1/transcripts/${keyEpoch}`),
  }
}
