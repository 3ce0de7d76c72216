/** Signatures of members over an emergency: the file each of them hands over, and whether those that came are enough. */
import { z } from 'zod'
import { addSchemaIssues, Problems, readJson } from '../../config/load.ts'
import { type Address, type Hex, hexOf } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import type { Membership } from '../../protocol/membership.ts'
import { type Collected, collect, type GivenSignature } from '../agreement/collect.ts'
import type { Signed, Statement } from './action.ts'

export type EmergencySignature = GivenSignature &
  Signed & { readonly chainId: number; readonly registry: Address }

/** OUTDATED: of a state of the contract that has passed. */
export type SignatureFault = 'OTHER_NETWORK' | 'OTHER_ACTION' | 'OTHER_EPOCH' | 'OUTDATED'

const hexadecimal = (digits: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${digits}}$`), `0x and ${digits} hexadecimal digits`)
    .transform(text => text.toLowerCase() as Hex)
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
  const problems = new Problems(file)
  const document = readJson(file, '', problems)
  problems.throwIfAny()
  const parsed = signatureSchema.safeParse(document)
  if (!parsed.success) addSchemaIssues(parsed.error, '', problems)
  problems.throwIfAny()
  return parsed.data as EmergencySignature
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
  const mismatchOf = (of: EmergencySignature) => mismatch(of, signed, domain)
  return collect(found, { digest, inForce, needed, mismatchOf }, crypto)
}

function mismatch(
  of: EmergencySignature,
  wanted: Signed,
  domain: Domain,
): { readonly fault: SignatureFault; readonly sentence: string } | undefined {
  if (of.chainId !== domain.chainId || of.registry !== domain.registry)
    return {
      fault: 'OTHER_NETWORK',
      sentence: `is for the registry ${of.registry} on chain ${of.chainId}, not ${domain.registry} on ${domain.chainId}`,
    }
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
