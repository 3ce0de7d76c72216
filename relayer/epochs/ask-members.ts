/** One question to many members at once, without waiting for the slowest when enough have answered. */
import type { Member } from '../../protocol/membership.ts'
import type { Clock } from '../../runtime/clock.ts'

export type Answer<T> =
  | { readonly member: Member; readonly value: T }
  | { readonly member: Member; readonly error: unknown }

export interface AskOptions<T> {
  /** How long the others may still answer once these decide the matter; undefined while they do not. */
  readonly enough: (answers: readonly Answer<T>[]) => number | undefined
  readonly clock: Clock
  readonly signal: AbortSignal
}

/**
 * Resolves with the answers so far once all members have answered, or enough have and the rest had some time more.
 * Requests that are still under way go on by themselves; their answers are lost to the caller.
 */
export async function askMembers<T>(
  members: readonly Member[],
  ask: (member: Member) => Promise<T>,
  { enough, clock, signal }: AskOptions<T>,
): Promise<readonly Answer<T>[]> {
  const answers: Answer<T>[] = []
  const decided = Promise.withResolvers<void>()
  const asked = members.map(async member => {
    try {
      answers.push({ member, value: await ask(member) })
    } catch (error) {
      answers.push({ member, error })
    }
    if (enough(answers) !== undefined) decided.resolve()
  })
  if (enough(answers) !== undefined) decided.resolve()
  const all = Promise.all(asked)
  await Promise.race([all, decided.promise])
  const lingerMs = enough(answers) ?? 0
  if (answers.length < members.length && lingerMs > 0)
    await Promise.race([all, clock.sleep(lingerMs, signal).catch(() => {})])
  signal.throwIfAborted()
  return [...answers]
}
