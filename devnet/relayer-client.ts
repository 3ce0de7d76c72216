import { z } from 'zod'

const statsSchema = z.object({ usageRecordsAccepted: z.int().nonnegative() })
const epochsSchema = z.object({
  epochs: z.array(
    z.object({
      phase: z.string(),
      recordsCounted: z.int().nonnegative().nullable(),
      inferencesPaid: z.int().nonnegative().nullable(),
    }),
  ),
})
const TIMEOUT_MS = 800
/** More epochs than a run that is summed up has. */
const LIMIT = 200
const SETTLED = new Set(['active', 'final'])

/** What a relayer says of the usage it took in. */
export interface UsageFigures {
  readonly usageRecordsAccepted: number
  readonly usageRecordsSettled: number
  readonly inferencesPaid: number
}

/** Undefined when the relayer does not answer. */
export async function readUsage(baseUrl: string, signal: AbortSignal): Promise<UsageFigures | undefined> {
  const read = async (path: string): Promise<unknown> => {
    const response = await fetch(`${baseUrl}${path}`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    })
    return response.json()
  }
  try {
    const [stats, { epochs }] = await Promise.all([
      read('/v1/stats').then(answer => statsSchema.parse(answer)),
      read(`/v1/epochs?limit=${LIMIT}`).then(answer => epochsSchema.parse(answer)),
    ])
    const settled = epochs.filter(({ phase }) => SETTLED.has(phase))
    return {
      usageRecordsAccepted: stats.usageRecordsAccepted,
      usageRecordsSettled: settled.reduce((sum, { recordsCounted }) => sum + (recordsCounted ?? 0), 0),
      inferencesPaid: settled.reduce((sum, { inferencesPaid }) => sum + (inferencesPaid ?? 0), 0),
    }
  } catch {
    return undefined
  }
}
