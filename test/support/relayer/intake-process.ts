/**
 * An intake on the database at `argv[2]` behind a real HTTP server on loopback, in which the cast's worker is registered.
 * Prints its address and then serves until it is killed: nothing is closed or flushed.
 */
import { createIntake, INTAKE_MIGRATIONS } from '../../../relayer/intake/intake.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { createHttpServer } from '../../../runtime/http.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { createIdentityCrypto } from '../../../runtime/native-identity.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { network } from '../epoch/cast.ts'
import { START_SEC, WORKER } from '../epoch/world.ts'
import { DOMAIN } from '../protocol/network.ts'
import { seeded } from '../protocol/seeded.ts'
import { FakeBeacons } from './fake-beacons.ts'
import { FakeChain } from './fake-chain.ts'
import { windowTermsOf } from './intake-world.ts'

const [, , path = ''] = process.argv
const chain = new FakeChain(START_SEC)
chain.workers.add(WORKER)
const crypto = createIdentityCrypto(silentLogger)
const secret = seeded('relayer')
const metrics = createMetrics({ processMetrics: false })
const intake = createIntake(
  { domain: DOMAIN, windowTerms: windowTermsOf(chain), challengeSize: 64 },
  {
    database: openDatabase(path, INTAKE_MIGRATIONS),
    chain: chain.view(),
    beacons: new FakeBeacons(chain),
    membership: () => network.membership,
    crypto,
    sign: digest => crypto.sign(digest, secret),
    publishSeal: () => {},
    clock: systemClock,
    logger: silentLogger,
    metrics,
    currentPrice: () => undefined,
  },
)
const server = createHttpServer(
  {
    name: 'intake',
    host: '127.0.0.1',
    port: 0,
    cors: false,
    routes: app => intake.routes(app),
    health: () => ({ healthy: true, details: {} }),
  },
  { logger: silentLogger, metrics },
)
await intake.start(new AbortController().signal)
await server.start(new AbortController().signal)
process.stdout.write(`${server.url}\n`)
