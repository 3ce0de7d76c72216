/** From what venues said to a signed quote and its kept trace, as a node does it: guard, SQLite and trace store. */
import { join } from 'node:path'
import { Guard } from '../../../oracle-node/guard/guard.ts'
import { createGuardStore, GUARD_MIGRATIONS } from '../../../oracle-node/guard/guard-store.ts'
import { Quoter, type QuoterDeps } from '../../../oracle-node/quoting/quoter.ts'
import { TraceKeeper } from '../../../oracle-node/quoting/trace-keeper.ts'
import type { SourcePlan } from '../../../protocol/sources/types.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import type { Service } from '../../../runtime/service.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { castOf, crypto, DOMAIN, FEED_ID, party, registryView } from '../network/cast.ts'

export interface SigningOptions {
  /** For the databases. */
  readonly directory: string
  readonly plan: SourcePlan
  readonly roundMs: number
}

export interface SigningDeps extends Pick<QuoterDeps, 'clock' | 'sources'> {
  /** Rounds by what came of them, and `trace KEPT` and the like. */
  readonly count: (outcome: string) => void
  readonly signedAfterMs?: (ms: number) => void
}

export interface Signing {
  /** In the order of their start. */
  readonly services: readonly Service[]
  /** Closes the guard, once the services are stopped. */
  close(): void
}

/** Member 0 of four, who all hold a key and whose clocks agree. */
export function createSigning({ directory, plan, roundMs }: SigningOptions, deps: SigningDeps): Signing {
  const { clock, sources, count, signedAfterMs } = deps
  const logger = silentLogger
  const database = openDatabase(join(directory, 'guard.sqlite'), GUARD_MIGRATIONS)
  const { identity, secret } = party('member 0')
  const guard = new Guard(
    { domain: DOMAIN, feedId: FEED_ID, slot: 0, secret },
    createGuardStore(database),
    crypto,
  )
  const traces = new TraceKeeper(
    { path: join(directory, 'traces.sqlite'), plan, roundMs },
    { logger, count: fate => count(`trace ${fate}`) },
  )
  const membership = registryView(castOf(4), {
    groupKey: { px: 5n, transcriptHash: FEED_ID, participants: [0, 1, 2, 3] },
  })
  const quoter = new Quoter(
    { feedId: FEED_ID, slot: 0, identity, roundMs, skewMs: 200 },
    {
      ...{ clock, logger, guard, sources, count },
      membershipAt: () => membership,
      clockOffsetMs: () => 0,
      publish: () => {},
      keepTrace: (signed, trace) => traces.keep(signed, trace),
      ...(signedAfterMs === undefined ? {} : { signedAfterMs }),
    },
  )
  return { services: [traces, quoter], close: () => database.close() }
}
