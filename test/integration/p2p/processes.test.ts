import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { until } from './fixture.ts'

const PROGRAM = fileURLToPath(new URL('peer-process.ts', import.meta.url))

/** A peer process and the lines it has written. */
class PeerProcess {
  readonly child: ChildProcessWithoutNullStreams
  readonly lines: string[] = []
  #rest = ''

  constructor(index: number, listen: string, bootstrap: readonly string[]) {
    this.child = spawn(process.execPath, [PROGRAM, String(index), listen, ...bootstrap])
    this.child.stdout.setEncoding('utf8')
    this.child.stdout.on('data', (text: string) => {
      const parts = (this.#rest + text).split('\n')
      this.#rest = parts.pop() ?? ''
      this.lines.push(...parts)
    })
    // Writing to one that was killed is part of the test.
    this.child.stdin.on('error', () => {})
  }

  async address(): Promise<string> {
    await until('it listens', () => this.lines.some(line => line.startsWith('address ')), 15_000)
    return this.lines.find(line => line.startsWith('address '))?.slice('address '.length) ?? ''
  }

  hears(word: string): boolean {
    return this.lines.some(line => line.startsWith(`heard ${word}`))
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const gone = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await gone
  }
}

describe('peers in processes of their own', function () {
  this.timeout(60_000)
  let peers: PeerProcess[] = []

  afterEach(async () => {
    await Promise.all(peers.map(peer => peer.kill()))
    peers = []
  })

  /** Each peer says the word, numbered, until all others have heard it from each. */
  async function allHearAll(word: string): Promise<void> {
    let count = 0
    let saidAt = 0
    const said = (index: number): string => `${word} from ${index}.`
    await until(
      `all have heard ${word}`,
      () => {
        const missing = peers.flatMap((_, from) =>
          peers.some((peer, index) => index !== from && !peer.hears(said(from))) ? [from] : [],
        )
        if (performance.now() - saidAt > 100) {
          saidAt = performance.now()
          for (const from of missing) peers[from]?.child.stdin.write(`${said(from)} ${count++}\n`)
        }
        return missing.length === 0
      },
      20_000,
    )
  }

  it('hear each other again after one is killed and started anew, and end with their input', async () => {
    const known: string[] = []
    for (let index = 0; index < 4; index++) {
      const peer = new PeerProcess(index, '/ip4/127.0.0.1/tcp/0', known)
      peers.push(peer)
      known.push(await peer.address())
    }
    await allHearAll('morning')

    const [first] = peers
    await first?.kill()
    // The new one knows nobody: the three others have to find it.
    const listen = known[0]?.split('/p2p/')[0] ?? ''
    peers[0] = new PeerProcess(0, listen, [])
    await allHearAll('evening')

    const exits = peers.map(peer => once(peer.child, 'exit'))
    for (const peer of peers) peer.child.stdin.end()
    expect(await Promise.all(exits)).to.deep.equal(peers.map(() => [0, null]))
  })
})
