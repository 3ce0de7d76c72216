/**
 * Stands outside and remembers everything that ever left a member, over all its lives; and looks on its disk after
 * each. What it finds wrong is told in sentences.
 */
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { AUDIT_MIGRATIONS, AuditStore } from '../../../oracle-node/auditing/audit-store.ts'
import {
  createGuardStore,
  GUARD_MIGRATIONS,
  type GuardStore,
} from '../../../oracle-node/guard/guard-store.ts'
import { bytesOf, type Hash, type Hex, hexOf } from '../../../protocol/bytes.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import { decodeEpochSign } from '../../../protocol/epoch/messages.ts'
import { decodeSignedQuote } from '../../../protocol/quote.ts'
import { reportDigest } from '../../../protocol/report.ts'
import { sessionIdOf } from '../../../protocol/round/messages.ts'
import type { Round } from '../../../protocol/rounds.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { at, crypto, DOMAIN, FEED_ID } from '../network/cast.ts'
import { CAST, MEMBER } from './crash-network.ts'
import { readReply, type Sent } from './hostile-aggregator.ts'
import type { Line } from './lives.ts'

export class Recorder {
  readonly problems: string[] = []
  readonly #directory: string
  readonly #proposals: () => readonly Sent[]
  /** Round → what was quoted; round → words that were signed; nonce → what it signed. */
  readonly #quotes = new Map<Round, Set<Hex>>()
  readonly #words = new Map<Round, Set<bigint>>()
  readonly #nonces = new Map<Hex, number>()
  readonly #epochs = new Map<number, Set<Hash>>()
  /** By digest, for the signatures that were made and need not have left. */
  readonly #digests = new Map<Hash, { readonly round: Round; readonly word: bigint }>()
  /** Proposals whose digests are known. */
  #read = 0
  #shares = 0
  #epochShares = 0

  constructor(directory: string, proposals: () => readonly Sent[]) {
    this.#directory = directory
    this.#proposals = proposals
  }

  get seen() {
    return {
      quotes: this.#quotes.size,
      words: this.#words.size,
      shares: this.#shares,
      epochs: this.#epochs.size,
      epochShares: this.#epochShares,
    }
  }

  heard(line: Line): void {
    if (typeof line['signed'] === 'string') this.#onSignature(line['signed'] as Hash)
    const bytes = line['bytes'] as Hex
    switch (line['sent']) {
      case 'quote':
        this.#onQuote(bytes)
        return
      case 'answer':
        if (line['channel'] === CHANNELS.sign) this.#onAnswer(bytes)
        return
      case 'epoch signature':
        this.#onEpoch(line['digest'] as Hash)
        return
      case 'epoch share':
        this.#onEpochShare(line['request'] as Hex)
        return
      default:
    }
  }

  #onQuote(bytes: Hex): void {
    const { quote } = decodeSignedQuote(DOMAIN, bytesOf(bytes))
    this.#once(this.#quotes, quote.round, bytes, `round ${quote.round} was quoted twice`)
  }

  /** The key has made a signature: from here on it counts, even if the process died before it could send it. */
  #onSignature(digest: Hash): void {
    const proposals = this.#proposals()
    for (const { round, word } of proposals.slice(this.#read))
      this.#digests.set(hexOf(reportDigest(DOMAIN, FEED_ID, word)), { round, word })
    this.#read = proposals.length
    const known = this.#digests.get(digest)
    if (known !== undefined) this.#onWord(known.round, known.word)
  }

  #onWord(round: Round, word: bigint): void {
    this.#once(this.#words, round, word, `two words of round ${round} were signed`)
  }

  #onAnswer(bytes: Hex): void {
    const reply = readReply(bytes)
    if (reply.kind !== 'share') return
    const proposal = this.#proposals().findLast(
      ({ sealed }) => sessionIdOf(bytesOf(sealed)) === reply.sessionId,
    )
    if (proposal === undefined) throw new Error('a share for a proposal that nobody made')
    const digest = reportDigest(DOMAIN, FEED_ID, proposal.word)
    if (crypto.recover(digest, reply.identitySignature) !== at(CAST.members, MEMBER).identity)
      this.problems.push('a share came with a signature of something else')
    this.#shares += 1
    this.#onWord(proposal.round, proposal.word)
    this.#spend(hexOf(proposal.own.hiding))
  }

  #onEpoch(digest: Hash): void {
    const epoch = this.#epochOf.get(digest)
    if (epoch === undefined) throw new Error('an epoch that nobody asked for')
    this.#once(this.#epochs, epoch, digest, `two reports of epoch ${epoch} were signed`)
  }

  readonly #epochOf = new Map<Hash, number>()

  /** Says what a digest is of, before it is asked for. */
  expectEpoch(epoch: number, digests: readonly Hash[]): void {
    for (const digest of digests) this.#epochOf.set(digest, epoch)
  }

  #onEpochShare(request: Hex): void {
    const { epoch, digest, signers } = decodeEpochSign(bytesOf(request))
    const own = signers.find(({ slot }) => slot === MEMBER)
    if (own === undefined) throw new Error('a share of somebody else')
    this.#epochShares += 1
    this.#once(this.#epochs, epoch, digest, `two reports of epoch ${epoch} got a share`)
    this.#spend(hexOf(own.hiding))
  }

  #spend(hiding: Hex): void {
    const times = (this.#nonces.get(hiding) ?? 0) + 1
    this.#nonces.set(hiding, times)
    if (times > 1) this.problems.push(`the nonce ${hiding} was used ${times} times`)
  }

  #once<Key, Value>(map: Map<Key, Set<Value>>, key: Key, value: Value, problem: string): void {
    const values = map.get(key) ?? new Set<Value>()
    values.add(value)
    map.set(key, values)
    if (values.size > 1) this.problems.push(problem)
  }

  /** On a copy, so that the next life finds the disk as the last one left it. */
  inspect(): void {
    const copy = join(this.#directory, 'copy')
    rmSync(copy, { recursive: true, force: true })
    mkdirSync(copy)
    for (const name of ['guard.sqlite', 'audit.sqlite'])
      for (const suffix of ['', '-wal']) {
        const file = join(this.#directory, name + suffix)
        if (existsSync(file)) cpSync(file, join(copy, name + suffix))
      }
    const guardDatabase = openDatabase(join(copy, 'guard.sqlite'), GUARD_MIGRATIONS)
    const audits = new AuditStore(openDatabase(join(copy, 'audit.sqlite'), AUDIT_MIGRATIONS))
    this.#compare(createGuardStore(guardDatabase), audits)
    guardDatabase.close()
    audits.close()
  }

  #compare(guard: GuardStore, audits: AuditStore): void {
    for (const [round, words] of this.#words)
      if (!words.has(guard.lockOf(round)?.word ?? -1n))
        this.problems.push(`a word of round ${round} was signed and its lock is not on the disk`)
    for (const [round, quotes] of this.#quotes)
      if (!quotes.has(hexOf(guard.quoteBytes(round) ?? new Uint8Array())))
        this.problems.push(`round ${round} was quoted and the quote is not on the disk`)
    for (const [epoch, digests] of this.#epochs)
      if (!digests.has(audits.lockOf(epoch, 0)?.digest ?? '0x'))
        this.problems.push(`epoch ${epoch} was signed and its lock is not on the disk`)
  }
}
