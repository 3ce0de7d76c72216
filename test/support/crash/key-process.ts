/**
 * Saves member 0's share of the key in the file `argv[3]` to the folder `argv[2]`, and dies at the `argv[4]`-th step
 * that changes a file. A write dies half done before it is done.
 */
import fs, { readFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { KeyStore } from '../../../oracle-node/keygen/key-store.ts'
import { Secret } from '../../../runtime/secret.ts'
import { KillPoints, say } from './kill-points.ts'
import { readKey } from './stored-key.ts'

const [, , directory = '', file = '', pointText = ''] = process.argv
const points = new KillPoints()
const key = readKey(readFileSync(file, 'utf8'))

const { writeFileSync, writeSync } = fs
for (const name of ['mkdirSync', 'openSync', 'fsyncSync', 'closeSync', 'renameSync', 'rmSync'] as const) {
  const real = fs[name] as (...args: unknown[]) => unknown
  Object.assign(fs, {
    [name]: (...args: unknown[]) => {
      points.pass(`before ${name}`)
      return real(...args)
    },
  })
}
fs.writeFileSync = (target, content) => {
  const bytes = Buffer.from(content as string | Uint8Array)
  points.pass('before a write')
  if (typeof target === 'number') {
    writeSync(target, bytes.subarray(0, bytes.length / 2))
    points.pass('in the middle of a write')
    writeSync(target, bytes.subarray(bytes.length / 2))
  } else writeFileSync(target, bytes)
  points.pass('after a write')
}
syncBuiltinESMExports()

const store = new KeyStore({ directory, slot: 0, password: new Secret('a password'), scryptN: 1_024 })
points.arm(Number(pointText))
await store.save(1, key)
points.disarm()
say({ done: 'saved' })
