/**
 * Member 0 with its real guard, quoter, signing service and epoch signer on the real databases in `argv[2]`, and with
 * points before each durable step and each thing that leaves. Its clock is the asker's, and so is the number of points
 * that it lives for.
 *
 * A signature that was made and not yet sent changes nothing on the disk, so there is a point before it leaves only.
 *
 * It says `{ sent, … }` for whatever leaves to the network, and `{ signed: digest }` for each use of its identity key.
 */
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { AUDIT_MIGRATIONS, AuditStore, EpochLockedError } from '../../../oracle-node/auditing/audit-store.ts'
import { EpochSigner } from '../../../oracle-node/auditing/epoch-signer.ts'
import { Guard } from '../../../oracle-node/guard/guard.ts'
import {
  createGuardStore,
  GUARD_MIGRATIONS,
  type GuardStore,
} from '../../../oracle-node/guard/guard-store.ts'
import { Quoter } from '../../../oracle-node/quoting/quoter.ts'
import { SigningService } from '../../../oracle-node/signing/signing-service.ts'
import { bytesOf, type Hash, hexOf } from '../../../protocol/bytes.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import { decodeEpochSign } from '../../../protocol/epoch/messages.ts'
import type { IdentityCrypto } from '../../../protocol/identity.ts'
import type { PeerKey } from '../../../protocol/membership.ts'
import { QuoteBook } from '../../../protocol/round/quote-book.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { type Price, parseDecimal } from '../../../protocol/units.ts'
import { loadNativeFrostCrypto } from '../../../runtime/native-frost.ts'
import type { PeerNetwork, RequestHandler } from '../../../runtime/p2p/peer-network.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { crypto, DOMAIN, FEED_ID, party, TIMING } from '../network/cast.ts'
import { recordLogger } from '../network/record-logger.ts'
import { FakeClock } from '../runtime/fake-clock.ts'
import { crashRegistry, epochReportOf, KEY, MEMBER } from './crash-network.ts'
import { KillPoints, say } from './kill-points.ts'

type Observed = ReturnType<ConstructorParameters<typeof Quoter>[1]['sources']['observe']>

const [, , directory = '', startText = '', lifeText = ''] = process.argv
const life = Number(lifeText)
const points = new KillPoints()
const clock = new FakeClock(Number(startText))
const logger = recordLogger()
const view = crashRegistry()

function send(kind: string, bytes: Uint8Array, more: Record<string, unknown> = {}): void {
  points.pass(`before ${kind} leaves`)
  say({ sent: kind, bytes: hexOf(bytes), ...more })
  points.pass(`after ${kind} left`)
}

const watchedCrypto: IdentityCrypto = {
  ...crypto,
  sign: (digest, secret) => {
    const signature = crypto.sign(digest, secret)
    say({ signed: hexOf(digest) })
    return signature
  },
}

function watchedStore(store: GuardStore): GuardStore {
  return {
    ...store,
    transaction: work => {
      points.pass('before a transaction of the guard')
      const result = store.transaction(() => {
        const made = work()
        points.pass('before a commit of the guard')
        return made
      })
      points.pass('after a commit of the guard')
      return result
    },
    addQuote: (round, bytes) => {
      points.pass('before a quote is written')
      store.addQuote(round, bytes)
    },
    addLock: (round, lock) => {
      points.pass('before a lock is written')
      store.addLock(round, lock)
    },
  }
}

/** The share cannot be read without passing a point, once the round has begun to be signed. */
function watchedKey() {
  const { identifier, signingShare } = KEY.shareOf(MEMBER)
  const secret = {
    identifier,
    get signingShare() {
      if (isAnswering) points.pass('before the key share is touched')
      return signingShare
    },
  }
  return { secret, public: KEY.groupPublic }
}

/** Making nonces changes nothing that a crash could leave half done. */
let isAnswering = false
const key = watchedKey()
const handlers = new Map<string, RequestHandler>()
const network: Pick<PeerNetwork, 'handle'> = {
  handle: (channel, _limits, handler) => {
    handlers.set(channel, handler)
  },
}
const guard = new Guard(
  { domain: DOMAIN, feedId: FEED_ID, slot: MEMBER, secret: party(`member ${MEMBER}`).secret },
  watchedStore(createGuardStore(openDatabase(join(directory, 'guard.sqlite'), GUARD_MIGRATIONS))),
  watchedCrypto,
)
const signing = new SigningService(
  { domain: DOMAIN, feedId: FEED_ID, slot: MEMBER, timing: TIMING },
  {
    ...{ clock, logger, guard, network },
    crypto: watchedCrypto,
    frost: loadNativeFrostCrypto(),
    book: new QuoteBook({ domain: DOMAIN, feedId: FEED_ID, timing: TIMING }, crypto),
    view: () => view,
    key: () => key,
    highestCertified: () => asRound(0),
    count: () => {},
    fault: () => {},
    learned: () => {},
  },
)
const quoter = new Quoter(
  {
    ...{ feedId: FEED_ID, slot: MEMBER, identity: party(`member ${MEMBER}`).identity },
    ...{ roundMs: TIMING.roundMs, skewMs: TIMING.skewMs },
  },
  {
    ...{ clock, logger, guard },
    membershipAt: () => view.newest,
    clockOffsetMs: () => 0,
    count: () => {},
    // Every life sees another price: a quote that is made again is another quote.
    sources: { observe: nowMs => observed(parseDecimal('0.25') + BigInt(life), nowMs) },
    publish: quote => send('quote', quote.bytes),
  },
)
const audits = new AuditStore(openDatabase(join(directory, 'audit.sqlite'), AUDIT_MIGRATIONS))
const epochs = new EpochSigner(
  { domain: DOMAIN, slot: MEMBER },
  {
    store: {
      lockOf: (epoch, attempt) => audits.lockOf(epoch, attempt),
      lock: (epoch, attempt, lock) => {
        points.pass('before an epoch is locked')
        audits.lock(epoch, attempt, lock)
        points.pass('after an epoch was locked')
      },
    },
    sign: digest => guard.signDigest(digest),
    key: () => key,
  },
)

function observed(price: bigint, nowMs: number): Observed {
  const outcome = {
    kind: 'price',
    price: price as Price,
    confidenceBps: 10,
    observedAtMs: nowMs,
    effectiveSources: 3,
    legs: [],
    unplanned: [],
  }
  const trace = { feed: 'IO/USD', nowMs, values: [] }
  return { outcome, root: `0x${'22'.repeat(32)}`, trace } as unknown as Observed
}

interface Order {
  readonly do: 'arm' | 'disarm' | 'start' | 'time' | 'request' | 'epoch' | 'epoch share'
  readonly at: number
  readonly channel: string
  readonly from: PeerKey
  readonly bytes: Hash
  readonly variant: number
}

async function perform(order: Order): Promise<Record<string, unknown>> {
  switch (order.do) {
    case 'arm':
      points.arm(order.at)
      return {}
    case 'disarm':
      points.disarm()
      return {}
    case 'start':
      await signing.start()
      await quoter.start()
      return {}
    case 'time':
      await clock.advance(order.at - clock.now())
      return {}
    case 'request': {
      isAnswering = order.channel === CHANNELS.sign
      const answer = await handlers.get(order.channel)?.(
        bytesOf(order.bytes),
        order.from,
        new AbortController().signal,
      )
      if (answer === undefined) throw new Error(`nobody answers on ${order.channel}`)
      send('answer', answer, { channel: order.channel })
      return { answer: hexOf(answer) }
    }
    case 'epoch': {
      isAnswering = false
      const report = epochReportOf(order.at, order.variant)
      try {
        const { signature, nonce } = epochs.lockAndSign(report, order.from)
        send('epoch signature', signature, { digest: epochs.digestOf(report) })
        return nonce === undefined ? {} : { hiding: hexOf(nonce.hiding), binding: hexOf(nonce.binding) }
      } catch (error) {
        if (error instanceof EpochLockedError) return { refused: error.code }
        throw error
      }
    }
    case 'epoch share': {
      isAnswering = true
      const share = epochs.share(decodeEpochSign(bytesOf(order.bytes)), order.from, view.newest)
      if (share === undefined) return { refused: 'NO_SHARE' }
      send('epoch share', share, { request: order.bytes })
      return { share: hexOf(share) }
    }
    default:
      return order.do satisfies never
  }
}

signing.register()
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as Order
  say({ ...(await perform(order)), done: order.do })
}
