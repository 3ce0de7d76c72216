/** A certificate's bytes, as this process stores them. */
import { ByteReader, ByteWriter, DecodeError } from '../../protocol/bytes.ts'
import type { Certificate } from '../../protocol/certificate.ts'
import { SIGNATURE_BYTES } from '../../protocol/identity.ts'
import { MAX_MEMBERS } from '../../protocol/quorum.ts'

const GROUP = 1
const QUORUM = 2

export function encodeCertificate(certificate: Certificate): Uint8Array {
  if (certificate.kind === 'group') {
    const { r, s } = certificate.signature
    return new ByteWriter().uint(GROUP, 1).hex(r, 20).uint(s, 32).done()
  }
  const writer = new ByteWriter().uint(QUORUM, 1).uint(certificate.signatures.length, 1)
  for (const signature of certificate.signatures) writer.fixed(signature, SIGNATURE_BYTES)
  return writer.done()
}

/** @throws {DecodeError} */
export function decodeCertificate(bytes: Uint8Array): Certificate {
  const reader = new ByteReader(bytes)
  const kind = reader.small(1)
  if (kind === GROUP)
    return reader.done({ kind: 'group', signature: { r: reader.hex(20), s: reader.uint(32) } })
  if (kind !== QUORUM) throw new DecodeError('BAD_KIND', `certificate kind ${kind}`)
  const signatures = reader.list(MAX_MEMBERS, item => item.fixed(SIGNATURE_BYTES))
  return reader.done({ kind: 'quorum', signatures })
}
