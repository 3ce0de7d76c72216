/** What an inference costs, and what it may cost at most. */
import { type CompletionRequest, promptTokens } from '../../compute/model/complete.ts'
import { type ModelSpec, unitsPerToken } from '../../compute/model/spec.ts'
import { mulDivUp } from '../../protocol/units.ts'
import type { Amounts } from '../channels/ledger.ts'

/** @param ioPerThousandUnits wei. Rounded up: even the shortest answer is worth a wei. */
export function costOf(units: bigint, ioPerThousandUnits: bigint): Amounts {
  return { units, charge: mulDivUp(units, ioPerThousandUnits, 1_000n) }
}

/** The longest answer there can be: as long as was asked for, or until the context is full. */
export function mostOf(spec: ModelSpec, request: CompletionRequest, ioPerThousandUnits: bigint): Amounts {
  const read = promptTokens(request.prompt).length
  // The last token written is not taken in any more, so it needs no room.
  const written = Math.min(request.maxTokens, spec.context - read + 1)
  return costOf(BigInt(read + written) * unitsPerToken(spec), ioPerThousandUnits)
}
