import { expect } from 'chai'
import { DecodeError } from '../../../protocol/bytes.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import {
  decodeSignedStatement,
  encodeSignedStatement,
  isStatementSigned,
  type Statement,
  statementDigest,
} from '../../../protocol/usage/statement.ts'
import { hash, signAs } from '../../support/epoch/cast.ts'
import { inferenceReceipt } from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

const { payer, worker, gateway, kind, id, version } = inferenceReceipt()
const statement: Statement = {
  ...{ payer, worker, gateway, kind, id, version },
  cumulativeUnits: 30n,
  cumulativeCharge: 3n * 10n ** 18n,
  workHash: hash('request and answer'),
}
const signed = { statement, signature: signAs('worker', statementDigest(DOMAIN, statement)) }

describe("a worker's statement", () => {
  it('comes back from its bytes, signed by the worker', () => {
    const bytes = encodeSignedStatement(signed)
    expect(decodeSignedStatement(bytes)).to.deep.equal(signed)
    expect(isStatementSigned(DOMAIN, decodeSignedStatement(bytes), nobleIdentityCrypto)).to.equal(true)
  })

  it('binds every field, and belongs to one network', () => {
    const changes: Partial<Statement>[] = [
      { payer: worker },
      { gateway: payer },
      { kind: 1 },
      { id: hash('another model') },
      { version: version + 1 },
      { cumulativeUnits: 31n },
      { cumulativeCharge: 1n },
      { workHash: hash('another answer') },
    ]
    for (const change of changes) {
      const changed = { ...signed, statement: { ...statement, ...change } }
      expect(
        isStatementSigned(DOMAIN, changed, nobleIdentityCrypto),
        JSON.stringify(Object.keys(change)),
      ).to.equal(false)
    }
    expect(isStatementSigned({ ...DOMAIN, chainId: 1 }, signed, nobleIdentityCrypto)).to.equal(false)
  })

  it('refuses bytes that are cut or longer', () => {
    const bytes = encodeSignedStatement(signed)
    expect(() => decodeSignedStatement(bytes.subarray(1))).to.throw(DecodeError)
    expect(() => decodeSignedStatement(Uint8Array.of(...bytes, 0))).to.throw(DecodeError)
  })
})
