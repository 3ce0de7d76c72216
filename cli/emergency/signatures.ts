/** Signatures of members over an emergency: the file each of them hands over, and whether those that came are enough. */
import { z } from 'zod'
import { readDocument } from '../../config/load.ts'
import { type Address, hexOf } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import type { Membership } from '../../protocol/membership.ts'
import {
  type Collected,
  collect,
  type GivenSignature,
  type Mismatch,
  otherNetwork,
} from '../agreement/collect.ts'
import { hexadecimal } from '../agreement/hexadecimal.ts'
import type { Signed, Statement } from './action.ts'

export type EmergencySignature = GivenSignature &
  Signed & { readonly chainId: number; readonly registry: Address }

/** OUTDATED: of a state of the contract that has passed. */
export type SignatureFault = 'OTHER_NETWORK' | 'OTHER_ACTION' | 'OTHER_EPOCH' | 'OUTDATED'

const common = {
  chainId: z.int().positive(),
  registry: hexadecimal(40),
  identity: hexadecimal(40),
  signature: hexadecimal(128),
}
const count = z.int().nonnegative()
const signatureSchema = z.discriminatedUnion('action', [
  z.strictObject({
    action: z.literal('veto'),
    epoch: count,
    attempt: count,
    reportHash: hexadecimal(64),
    ...common,
  }),
  z.strictObject({ action: z.literal('empty'), keyEpoch: count, epoch: count, ...common }),
  z.strictObject({ action: z.literal('pause-burns'), pauses: count, ...common }),
])

/** @throws {ConfigError} naming everything that is wrong with the file */
export function readSignatureFile(file: string): EmergencySignature {
  return readDocument(file, signatureSchema)
}

/** @param identity of `secret`, 32 bytes */
export function signStatement(
  { signed, digest }: Pick<Statement, 'signed' | 'digest'>,
  domain: Domain,
  { identity, secret }: { readonly identity: Address; readonly secret: Uint8Array },
  crypto: Pick<IdentityCrypto, 'sign'>,
): EmergencySignature {
  return {
    ...signed,
    chainId: domain.chainId,
    registry: domain.registry,
    identity,
    signature: hexOf(crypto.sign(digest, secret)),
  }
}

export function collectSignatures(
  found: readonly EmergencySignature[],
  { signed, digest, needed }: Statement,
  { domain, inForce }: { readonly domain: Domain; readonly inForce: Membership },
  crypto: Pick<IdentityCrypto, 'recover'>,
): Collected<EmergencySignature, SignatureFault> {
  const mismatchOf = (of: EmergencySignature) => otherNetwork(of, domain) ?? mismatch(of, signed)
  return collect(found, { digest, inForce, needed, mismatchOf }, crypto)
}

function mismatch(of: EmergencySignature, wanted: Signed): Mismatch<SignatureFault> | undefined {
  if (of.action !== wanted.action)
    return { fault: 'OTHER_ACTION', sentence: `is for ${of.action}, not for ${wanted.action}` }
  if ('epoch' in of && 'epoch' in wanted && of.epoch !== wanted.epoch)
    return { fault: 'OTHER_EPOCH', sentence: `is for epoch ${of.epoch}, not ${wanted.epoch}` }
  const passed = (Object.keys(wanted) as (keyof Signed)[]).find(
    key => fieldOf(of, key) !== fieldOf(wanted, key),
  )
  if (passed === undefined) return undefined
  return {
    fault: 'OUTDATED',
    sentence: `is of ${passed} ${fieldOf(of, passed)}, and the chain is at ${fieldOf(wanted, passed)}: it has to be signed again`,
  }
}

function fieldOf(signed: Signed, key: string): unknown {
  return Object.entries(signed).find(([name]) => name === key)?.[1]
}
