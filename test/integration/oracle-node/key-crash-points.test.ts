import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { KeyStore, type StoredKey } from '../../../oracle-node/keygen/key-store.ts'
import { Secret } from '../../../runtime/secret.ts'
import { COMPILE_CACHE } from '../../support/crash/lives.ts'
import { writeKey } from '../../support/crash/stored-key.ts'
import { at } from '../../support/network/cast.ts'
import { dealKey } from '../../support/network/dealt-keys.ts'
import { temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'

/** More steps than a save has. */
const MAX_POINTS = 100
const AT_ONCE = 2

describe('a key share that is saved while the process is killed', function () {
  this.timeout(120_000)
  const key = at(dealKey([0, 1, 2, 3], 3).keys, 0)

  /** What an undisturbed save leaves. */
  let reference: StoredKey | undefined
  let files: readonly string[]

  before(async () => {
    const directory = temporaryDirectory()
    const store = storeAt(directory.path)
    await store.save(1, key)
    reference = await store.load(1, key.px)
    files = readdirSync(directory.path)
    directory.remove()
    expect(reference?.secret).to.deep.equal(key.secret)
  })

  /** Whether the save got to its end. */
  async function saveUntil(point: number): Promise<boolean> {
    const directory = temporaryDirectory()
    try {
      const [folder, file] = [join(directory.path, 'shares'), join(directory.path, 'key.json')]
      writeFileSync(file, writeKey(key))
      const child = spawnNode(
        'test/support/crash/key-process.ts',
        [folder, file, String(point)],
        COMPILE_CACHE,
      )
      child.process.stdin.end()
      const ended = await child.ended
      const store = storeAt(folder)
      expect(ended, child.stderr()).to.be.oneOf(['SIGKILL', 0])
      const left = await store.load(1, key.px)
      if (left !== undefined) expect(left).to.deep.equal(reference)
      if (ended === 0) {
        expect(left).not.to.equal(undefined)
        return true
      }
      await store.save(1, key)
      expect(await store.load(1, key.px)).to.deep.equal(reference)
      // What was half written lies about under another name, and nobody reads it.
      expect(readdirSync(folder).filter(name => !name.endsWith('.tmp'))).to.deep.equal(files)
      return false
    } finally {
      directory.remove()
    }
  }

  it('is there whole or not at all, whichever step was the last, and can be saved again', async () => {
    let ended = 0
    for (let point = 1; point <= MAX_POINTS && ended === 0; point += AT_ONCE) {
      const results = await Promise.all(
        Array.from({ length: AT_ONCE }, (_, index) => saveUntil(point + index)),
      )
      if (results.includes(true)) ended = point
    }
    // At least two files, each with a write, two syncs and a rename between opening and closing.
    expect(ended).to.be.within(16, MAX_POINTS - AT_ONCE)
  })
})

function storeAt(directory: string): KeyStore {
  return new KeyStore({ directory, slot: 0, password: new Secret('a password'), scryptN: 1_024 })
}
