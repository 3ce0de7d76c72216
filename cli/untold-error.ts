/** Something failed while a verification was under way. That is no verdict: the exit code is 2, whatever it was. */
export class UntoldError extends Error {
  readonly code = 'CANNOT_BE_TOLD'
  /** @param cause what failed, which is what is told */
  constructor(cause: unknown) {
    super('it cannot be told', { cause })
    this.name = 'UntoldError'
  }
}

/** An action of a command whose exit code 1 is a verdict: nothing that it throws may end with that code. */
export function orUntold<Args extends unknown[]>(
  verify: (...args: Args) => Promise<void>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    try {
      await verify(...args)
    } catch (error) {
      throw new UntoldError(error)
    }
  }
}
