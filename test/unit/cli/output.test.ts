import { Writable } from 'node:stream'
import { expect } from 'chai'
import { MAX_UNREAD_CHARS, printWhileRead } from '../../../cli/output.ts'

const LINE = 'x'.repeat(100_000)

describe('what is printed while somebody reads', () => {
  it('is all of it, for a reader that keeps up', async () => {
    let read = 0
    const stdout = new Writable({
      write: (chunk: Buffer, _encoding, taken) => {
        read += chunk.length
        taken()
      },
    })
    const { print, unread } = printWhileRead(stdout)
    for (let i = 0; i < 100; i++) print(LINE)
    expect(read).to.equal(100 * (LINE.length + 1))
    expect(await Promise.race([unread, 'read'])).to.equal('read')
  })

  it('ends, and takes no more memory, when a reader has stalled', async () => {
    const stdout = new Writable({ write: () => {} })
    const { print, unread } = printWhileRead(stdout)
    for (let i = 0; i < 1_000; i++) print(LINE)
    expect(await unread).to.equal('STALLED')
    expect(stdout.writableLength).to.be.within(MAX_UNREAD_CHARS, MAX_UNREAD_CHARS + LINE.length + 1)
  })

  it('ends when the reader is gone, and fails with anything else', async () => {
    const outcomeOf = (code: string) => {
      const error = Object.assign(new Error(code), { code })
      const { print, unread } = printWhileRead(
        new Writable({ write: (_chunk, _encoding, fail) => fail(error) }),
      )
      print('a line')
      return unread.catch((reason: unknown) => reason)
    }
    expect(await outcomeOf('EPIPE')).to.equal('GONE')
    expect(await outcomeOf('ENOSPC')).to.include({ code: 'ENOSPC' })
  })
})
