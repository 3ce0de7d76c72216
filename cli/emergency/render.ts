/** How an emergency looks to the operators who are asked for their signatures. */
import type { Address } from '../../protocol/bytes.ts'
import { hexOf } from '../../protocol/bytes.ts'
import type { Membership } from '../../protocol/membership.ts'
import type { Fault } from '../agreement/collect.ts'
import type { Signed, Statement } from './action.ts'

/** A signature that does not count, and the file it came in. */
export interface RefusedFile extends Fault<string> {
  readonly file: string
  readonly identity: Address
}

/** What `emergency digest --json` says. */
export function statementJson(
  { signed, digest, needed, rule, consequences }: Statement,
  inForce: Membership,
) {
  return {
    ...signed,
    digest: hexOf(digest),
    signaturesNeeded: needed,
    rule,
    members: inForce.members.map(({ slot, identity, suspended }) => ({ slot, identity, suspended })),
    consequences,
  }
}

export function renderStatement(
  { signed, digest, needed, rule, consequences }: Statement,
  inForce: Membership,
  signers?: readonly Address[],
): string[] {
  return [
    titleOf(signed),
    ...fieldsOf(signed),
    `  digest to sign  ${hexOf(digest)}`,
    `to be signed by ${needed} of the ${inForce.members.length} members in force (${rule}):`,
    ...inForce.members.map(({ slot, identity, suspended }) => {
      const status = suspended
        ? 'suspended: not asked'
        : signers === undefined
          ? 'asked'
          : signers.includes(identity)
            ? 'has signed'
            : 'has not signed'
      return `  slot ${String(slot).padEnd(3)} ${identity}  ${status}`
    }),
    'what will happen:',
    ...consequences.map(sentence => `  ${sentence}`),
  ]
}

export function renderRefused({ file, fault, sentence }: RefusedFile): string {
  return `  ${file}: ${fault}: ${sentence}`
}

function titleOf(signed: Signed): string {
  switch (signed.action) {
    case 'veto':
      return `veto of epoch ${signed.epoch}, attempt ${signed.attempt}`
    case 'empty':
      return `emptying of epoch ${signed.epoch}`
    case 'pause-burns':
      return 'pause of burns'
    default:
      return signed satisfies never
  }
}

function fieldsOf(signed: Signed): string[] {
  switch (signed.action) {
    case 'veto':
      return [`  staged report   ${signed.reportHash}`]
    case 'empty':
      return [`  key epoch       ${signed.keyEpoch}`]
    case 'pause-burns':
      return [`  pauses so far   ${signed.pauses}`]
    default:
      return signed satisfies never
  }
}
