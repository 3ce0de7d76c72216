/** The user can mend this: it is told in one sentence, without a stack, and the exit code is 2. */
export class InputError extends Error {
  readonly code = 'WRONG_INPUT'
  constructor(sentence: string) {
    super(sentence)
    this.name = 'InputError'
  }
}
