/**
 * A statement: what a worker charged on a channel so far, signed by the worker and given to the payer with each
 * answer. The payer's next ceiling starts from it; a worker that later claims more contradicts itself.
 *
 * ```
 * channel 97 | units 16 | charge 16 | workHash 32 | signature 64
 * ```
 */
import { ByteReader, ByteWriter, type Hash } from '../bytes.ts'
import { type Domain, digestOf, type StructType } from '../domain.ts'
import { type IdentityCrypto, SIGNATURE_BYTES } from '../identity.ts'
import { type Channel, readChannel, writeChannel } from './receipt.ts'
import { CHANNEL_FIELDS } from './structs.ts'

export interface Statement extends Channel {
  /** Units of the channel so far, this answer's included. */
  readonly cumulativeUnits: bigint
  /** Wei charged so far, this answer's included. */
  readonly cumulativeCharge: bigint
  /** The usage record's: hash of request and answer. */
  readonly workHash: Hash
}

export interface SignedStatement {
  readonly statement: Statement
  readonly signature: Uint8Array
}

export const STATEMENT_STRUCT = {
  name: 'Statement',
  fields: [
    ...CHANNEL_FIELDS,
    { name: 'cumulativeUnits', type: 'uint256' },
    { name: 'cumulativeCharge', type: 'uint256' },
    { name: 'workHash', type: 'bytes32' },
  ],
} as const satisfies StructType

export function statementDigest(domain: Domain, statement: Statement): Uint8Array {
  return digestOf(domain, STATEMENT_STRUCT, { ...statement })
}

export function isStatementSigned(
  domain: Domain,
  { statement, signature }: SignedStatement,
  crypto: Pick<IdentityCrypto, 'recover'>,
): boolean {
  return crypto.recover(statementDigest(domain, statement), signature) === statement.worker
}

export function encodeSignedStatement({ statement, signature }: SignedStatement): Uint8Array {
  return writeChannel(new ByteWriter(), statement)
    .uint(statement.cumulativeUnits, 16)
    .uint(statement.cumulativeCharge, 16)
    .hex(statement.workHash, 32)
    .fixed(signature, SIGNATURE_BYTES)
    .done()
}

/** @throws {DecodeError} */
export function decodeSignedStatement(bytes: Uint8Array): SignedStatement {
  const reader = new ByteReader(bytes)
  const statement = {
    ...readChannel(reader),
    cumulativeUnits: reader.uint(16),
    cumulativeCharge: reader.uint(16),
    workHash: reader.hex(32),
  }
  return reader.done({ statement, signature: reader.fixed(SIGNATURE_BYTES) })
}
