import { expect } from 'chai'
import { leanStart, type Started } from '../../../cli/lean-memory.ts'

const started = (change: Partial<Started> = {}): Started => ({
  argv: ['/bin/node', '/ionet/cli/ionet.ts', 'oracle', '--config', 'oracle.json'],
  execArgv: [],
  execPath: '/bin/node',
  env: { HOME: '/root' },
  isConnected: false,
  ...change,
})

describe('how a process that runs for months is started', () => {
  it('is with a small young generation and few pools, and else as it was asked for', () => {
    expect(leanStart(started({ execArgv: ['--inspect'] }))).to.deep.equal({
      args: [
        '/bin/node',
        '--inspect',
        '--max-semi-space-size=4',
        '/ionet/cli/ionet.ts',
        ...['oracle', '--config', 'oracle.json'],
      ],
      env: { HOME: '/root', MALLOC_ARENA_MAX: '2' },
    })
  })

  it('is not changed twice', () => {
    const lean = leanStart(started())
    expect(leanStart(started({ execArgv: lean?.args.slice(1, 2) ?? [], env: lean?.env ?? {} }))).to.equal(
      undefined,
    )
  })

  it('is left to whoever has set the young generation', () => {
    expect(leanStart(started({ execArgv: ['--max-semi-space-size=64'] }))).to.equal(undefined)
    expect(leanStart(started({ env: { NODE_OPTIONS: '--max-semi-space-size=64' } }))).to.equal(undefined)
    // V8 takes either.
    expect(leanStart(started({ execArgv: ['--max_semi_space_size=64'] }))).to.equal(undefined)
    expect(leanStart(started({ env: { NODE_OPTIONS: '--max_semi_space_size=64' } }))).to.equal(undefined)
  })

  it('keeps the pools that were asked for', () => {
    expect(leanStart(started({ env: { MALLOC_ARENA_MAX: '8' } }))?.env).to.deep.equal({
      MALLOC_ARENA_MAX: '8',
    })
  })

  it('is not changed where the command is soon over, or where a channel to the parent would be lost', () => {
    expect(leanStart(started({ argv: ['/bin/node', '/ionet/cli/ionet.ts', 'verify', 'quote'] }))).to.equal(
      undefined,
    )
    expect(leanStart(started({ argv: ['/bin/node', '/ionet/cli/ionet.ts'] }))).to.equal(undefined)
    expect(leanStart(started({ isConnected: true }))).to.equal(undefined)
  })
})
