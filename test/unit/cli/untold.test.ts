import { expect } from 'chai'
import { failureOf } from '../../../cli/exit.ts'
import { InputError } from '../../../cli/input-error.ts'
import { orUntold } from '../../../cli/untold-error.ts'

describe('a verification that fails', () => {
  const failure = (error: unknown, debug = false) =>
    orUntold(async () => {
      throw error
    })().then(
      () => undefined,
      thrown => failureOf(thrown, { debug }),
    )

  it('ends with 2, whatever failed, and tells what did', async () => {
    expect(await failure(new TypeError('a fault of the program\nand more'))).to.deep.equal({
      ...{ exitCode: 2, sentence: 'a fault of the program' },
    })
    expect(await failure(new InputError('give another file'))).to.deep.equal({
      ...{ exitCode: 2, sentence: 'give another file' },
    })
    expect(await failure('a text')).to.deep.equal({ exitCode: 2, sentence: 'a text' })
    expect((await failure(new TypeError('a fault'), true))?.sentence).to.match(/^TypeError: a fault\n +at /)
  })

  it('passes on what the command was given', async () => {
    const given: unknown[] = []
    await orUntold(async (...args: [string, number]) => {
      given.push(...args)
    })('a', 5)
    expect(given).to.deep.equal(['a', 5])
  })
})
