import { z } from 'zod'

const reportsSchema = z.union([
  z.array(z.object({ round: z.int().nonnegative() })),
  z
    .object({ reports: z.array(z.object({ round: z.int().nonnegative() })) })
    .transform(answer => answer.reports),
])
const TIMEOUT_MS = 800
/** More than an aggregator certifies between two looks. */
const LIMIT = 100

/** Rounds of the newest certified reports; none when the aggregator does not answer, which is no news here. */
export async function readCertifiedRounds(baseUrl: string, signal: AbortSignal): Promise<readonly number[]> {
  try {
    const response = await fetch(`${baseUrl}/v1/reports?limit=${LIMIT}`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    })
    return reportsSchema.parse(await response.json()).map(report => report.round)
  } catch {
    return []
  }
}
