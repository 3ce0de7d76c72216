/** What no implementation of the protocol can go without: its signatures, made and checked one after the other. */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { quorumOf } from '../../protocol/quorum.ts'
import { loadNativeFrostCrypto } from '../../runtime/native-frost.ts'
import { loadNativeIdentityCrypto } from '../../runtime/native-identity.ts'
import { makeKey, publicOf, secretShareOf } from '../../test/support/protocol/group-key.ts'
import { AGGREGATORS } from './plan.ts'

const DIGEST = keccak_256(new TextEncoder().encode('a report'))
const REPETITIONS = 5
const CHECKS = 500

/**
 * CPU milliseconds of all members and aggregators together in one round: q shares and their new nonces, one
 * aggregation, and everybody's check of every quote.
 */
export function arithmeticFloor(n: number): number {
  const { q } = quorumOf(n)
  const slots = Array.from({ length: q }, (_, slot) => slot)
  const key = makeKey(slots, q, 'floor')
  const frost = loadNativeFrostCrypto()
  const threshold = cpuMsOf(REPETITIONS, () => {
    const nonces = slots.map(slot => frost.commit(secretShareOf(key, slot)))
    const commitments = nonces.map(nonce => nonce.commitments)
    const shares = new Map(
      nonces.map(({ nonces: secret }, slot) => [
        slot,
        frost.signShare(secretShareOf(key, slot), publicOf(key, slot), secret, commitments, DIGEST),
      ]),
    )
    frost.aggregate(publicOf(key), commitments, DIGEST, shares)
  })
  const crypto = loadNativeIdentityCrypto()
  const secret = keccak_256(DIGEST)
  const signature = crypto.sign(DIGEST, secret)
  const check = cpuMsOf(CHECKS, () => crypto.recover(DIGEST, signature))
  return threshold + check * n * (n + AGGREGATORS - 1)
}

function cpuMsOf(repetitions: number, work: () => unknown): number {
  work()
  const before = process.cpuUsage()
  for (let i = 0; i < repetitions; i++) work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000 / repetitions
}
