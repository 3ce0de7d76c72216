import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { hashTypedData } from 'viem'
import { type Action, type Statement, stateAction } from '../../../cli/emergency/action.ts'
import type { EmergencyFacts } from '../../../cli/emergency/facts.ts'
import { renderStatement, statementJson } from '../../../cli/emergency/render.ts'
import {
  collectSignatures,
  type EmergencySignature,
  readSignatureFile,
  signStatement,
} from '../../../cli/emergency/signatures.ts'
import type { Hash } from '../../../protocol/bytes.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import { eip712Domain } from '../../../protocol/domain.ts'
import { emptyEpochDigest, vetoDigest } from '../../../protocol/epoch/decisions.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { pauseBurnsDigest } from '../../../protocol/pause-burns.ts'
import { at, castOf, DOMAIN, type Party, party, registryView } from '../../support/network/cast.ts'

const cast = castOf(7)
/** Of seven, f is 2 and q 5. */
const inForce = registryView(cast, { keyEpoch: 3, suspended: [6] })
const reportHash: Hash = `0x${'ab'.repeat(32)}`
const NOW = 1_800_000_000
const FACTS: EmergencyFacts = {
  nowSec: NOW,
  nextEpoch: 12,
  nextEpochEndSec: NOW - 100,
  staged: { epoch: 12, attempt: 4, reportHash, activatesAtSec: NOW + 3_600 },
  burns: { pauses: 2, pausedUntilSec: NOW - 2_000_000, nextPauseFromSec: NOW - 1_000, pauseSec: 259_200 },
}
const NOT_STAGED = { ...FACTS, staged: undefined }
const stated = (action: Action, facts: EmergencyFacts = FACTS) =>
  stateAction(action, facts, { domain: DOMAIN, inForce })
const refusal = (action: Action, facts?: EmergencyFacts) => {
  const answer = stated(action, facts)
  return 'refused' in answer ? answer.refused : 'stated'
}
const statementOf = (action: Action, facts?: EmergencyFacts): Statement => {
  const answer = stated(action, facts)
  if ('refused' in answer) throw new Error(answer.sentence)
  return answer.statement
}

describe('what members sign in an emergency', () => {
  it('is typed data in the domain of the registry', () => {
    const typed = (primaryType: string, fields: string, message: Record<string, unknown>) =>
      hashTypedData({
        domain: eip712Domain(DOMAIN),
        types: {
          [primaryType]: fields.split(',').map(field => {
            const [type = '', name = ''] = field.split(' ')
            return { type, name }
          }),
        },
        primaryType,
        message,
      })
    expect(hexOf(vetoDigest(DOMAIN, { epoch: 12, attempt: 4, reportHash }))).to.equal(
      typed('Veto', 'uint64 epoch,uint32 attempt,bytes32 reportHash', { epoch: 12n, attempt: 4, reportHash }),
    )
    expect(hexOf(emptyEpochDigest(DOMAIN, { keyEpoch: 3, epoch: 12 }))).to.equal(
      typed('EmptyEpoch', 'uint32 keyEpoch,uint64 epoch', { keyEpoch: 3, epoch: 12n }),
    )
    expect(hexOf(pauseBurnsDigest(DOMAIN, { pauses: 2 }))).to.equal(
      typed('PauseBurns', 'uint32 pauses', { pauses: 2 }),
    )
  })

  it('is a veto of the report that is staged, by f + 1', () => {
    const { signed, digest, needed } = statementOf({ kind: 'veto', epoch: 12 })
    expect(signed).to.deep.equal({ action: 'veto', epoch: 12, attempt: 4, reportHash })
    expect(digest).to.deep.equal(vetoDigest(DOMAIN, { epoch: 12, attempt: 4, reportHash }))
    expect(needed).to.equal(3)
  })

  it('is an emptying under the newest key epoch, by a quorum', () => {
    const { signed, digest, needed } = statementOf({ kind: 'empty', epoch: 12 }, NOT_STAGED)
    expect(signed).to.deep.equal({ action: 'empty', keyEpoch: 3, epoch: 12 })
    expect(digest).to.deep.equal(emptyEpochDigest(DOMAIN, { keyEpoch: 3, epoch: 12 }))
    expect(needed).to.equal(5)
  })

  it('is a pause after those there have been, by f + 1', () => {
    const { signed, digest, needed } = statementOf({ kind: 'pause-burns' })
    expect(signed).to.deep.equal({ action: 'pause-burns', pauses: 2 })
    expect(digest).to.deep.equal(pauseBurnsDigest(DOMAIN, { pauses: 2 }))
    expect(needed).to.equal(3)
  })

  it('is nothing that the contract would refuse', () => {
    expect(refusal({ kind: 'veto', epoch: 12 }, NOT_STAGED)).to.equal('NOTHING_STAGED')
    const next = { epoch: 13, attempt: 0, reportHash, activatesAtSec: NOW + 3_600 }
    expect(refusal({ kind: 'veto', epoch: 12 }, { ...FACTS, staged: next })).to.equal('NOTHING_STAGED')
    for (const kind of ['veto', 'empty'] as const) {
      expect(refusal({ kind, epoch: 11 }), kind).to.equal('EPOCH_OVER')
      expect(refusal({ kind, epoch: 13 }), kind).to.equal('NOT_NEXT_EPOCH')
    }
    const empty = { kind: 'empty', epoch: 12 } as const
    expect(refusal(empty)).to.equal('EPOCH_STAGED')
    expect(refusal(empty, { ...NOT_STAGED, nextEpochEndSec: NOW + 1 })).to.equal('EPOCH_NOT_ENDED')
    expect(refusal(empty, { ...NOT_STAGED, nextEpochEndSec: NOW })).to.equal('stated')
    const burns = { ...FACTS.burns, nextPauseFromSec: NOW + 1 }
    expect(refusal({ kind: 'pause-burns' }, { ...FACTS, burns })).to.equal('PAUSE_TOO_SOON')
  })

  it('says until when a veto has to be in a block', () => {
    const first = (facts: EmergencyFacts) =>
      at(statementOf({ kind: 'veto', epoch: 12 }, facts).consequences, 0)
    expect(first(FACTS)).to.include('in 3600 s')
    const staged = { epoch: 12, attempt: 4, reportHash, activatesAtSec: NOW - 5 }
    expect(first({ ...FACTS, staged })).to.include('the veto has to be faster')
  })

  it('is shown with who is asked for it, and who has signed', () => {
    const statement = statementOf({ kind: 'veto', epoch: 12 })
    const asked = renderStatement(statement, inForce)
    expect(asked.filter(line => line.endsWith('  asked'))).to.have.length(6)
    expect(asked.find(line => line.startsWith('  slot 6'))).to.match(/suspended: not asked$/)
    const signers = [at(cast.members, 1).identity]
    const told = renderStatement(statement, inForce, signers)
    expect(told.filter(line => line.endsWith('has signed'))).to.deep.equal([
      `  slot 1   ${at(signers, 0)}  has signed`,
    ])
    expect(statementJson(statement, inForce)).to.deep.include({
      ...{ action: 'veto', epoch: 12, attempt: 4, reportHash, signaturesNeeded: 3, rule: 'f + 1' },
      digest: hexOf(statement.digest),
    })
  })
})

describe('signatures over an emergency', () => {
  const statement = statementOf({ kind: 'veto', epoch: 12 })
  const sign = (by: Party, of: Statement = statement, domain = DOMAIN): EmergencySignature =>
    signStatement(of, domain, by, nobleIdentityCrypto)
  const collect = (found: readonly EmergencySignature[], of: Statement = statement) =>
    collectSignatures(found, of, { domain: DOMAIN, inForce }, nobleIdentityCrypto)
  const three = [0, 1, 2].map(slot => sign(at(cast.members, slot)))
  const identityOf = (slot: number) => at(cast.members, slot).identity

  it('are enough with f + 1, ascending, and tell who has not signed', () => {
    const { enough, signers, missing, refused } = collect([...three.toReversed(), at(three, 0)])
    const sorted = three.map(({ identity }) => identity).sort()
    expect(enough?.map(({ signer }) => signer)).to.deep.equal(sorted)
    expect(signers).to.deep.equal(sorted)
    expect(missing).to.deep.equal([3, 4, 5].map(identityOf))
    expect(refused).to.deep.equal([])
    expect(collect(three.slice(1)).enough).to.equal(undefined)
  })

  it('are named when they do not count, beside enough that do', () => {
    const stranger = party('stranger')
    const empty = statementOf({ kind: 'empty', epoch: 12 }, NOT_STAGED)
    const staged = { epoch: 12, attempt: 3, reportHash, activatesAtSec: NOW }
    const later = { epoch: 13, attempt: 4, reportHash, activatesAtSec: NOW }
    const [old, other] = [
      statementOf({ kind: 'veto', epoch: 12 }, { ...FACTS, staged }),
      statementOf({ kind: 'veto', epoch: 13 }, { ...FACTS, nextEpoch: 13, staged: later }),
    ]
    const faulty: [EmergencySignature, string, string][] = [
      [sign(at(cast.members, 3), statement, { ...DOMAIN, chainId: 5 }), 'OTHER_NETWORK', 'on chain 5'],
      [sign(at(cast.members, 3), empty), 'OTHER_ACTION', 'is for empty, not for veto'],
      [sign(at(cast.members, 3), other), 'OTHER_EPOCH', 'is for epoch 13, not 12'],
      [sign(at(cast.members, 3), old), 'OUTDATED', 'is of attempt 3, and the chain is at 4'],
      [{ ...at(three, 0), identity: identityOf(3) }, 'BAD_SIGNATURE', identityOf(3)],
      [sign(at(cast.members, 6)), 'NOT_ACTIVE', `${identityOf(6)}, who is suspended`],
      [sign(stranger), 'NOT_ACTIVE', `${stranger.identity}, who is no member in force`],
    ]
    for (const [signature, fault, sentence] of faulty) {
      const { enough, refused } = collect([...three, signature])
      expect(enough, fault).to.have.length(3)
      expect(refused.map(({ of, fault: found }) => [of, found])).to.deep.equal([[signature, fault]])
      expect(at(refused, 0).sentence).to.include(sentence)
      expect(collect([...three.slice(1), signature]).enough, fault).to.equal(undefined)
    }
  })

  it('are read from the files that operators hand over, and from no others', () => {
    const dir = mkdtempSync(join(tmpdir(), 'ionet-emergency-'))
    const fileOf = (content: unknown): string => {
      const file = join(dir, 'signature.json')
      writeFileSync(file, JSON.stringify(content))
      return file
    }
    try {
      const pause = sign(at(cast.members, 0), statementOf({ kind: 'pause-burns' }))
      const empty = sign(at(cast.members, 0), statementOf({ kind: 'empty', epoch: 12 }, NOT_STAGED))
      for (const signature of [at(three, 0), pause, empty])
        expect(readSignatureFile(fileOf(signature))).to.deep.equal(signature)
      expect(() => readSignatureFile(fileOf({ ...pause, epoch: 1 }))).to.throw(/epoch/)
      expect(() => readSignatureFile(fileOf({ ...pause, action: 'pause' }))).to.throw(/action/)
      expect(() => readSignatureFile(fileOf({ ...pause, signature: '0x12' }))).to.throw(/signature/)
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})
