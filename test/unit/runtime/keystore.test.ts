import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { readKeystore, writeKeystore } from '../../../runtime/keystore.ts'
import { Secret } from '../../../runtime/secret.ts'

const password = new Secret('testpassword')
const fast = { scryptN: 1024 }

/** The scrypt vector of the Web3 Secret Storage definition, version 3. */
const WEB3_VECTOR = {
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '83dbcc02d8ccb40e466191a123791e0e' },
    ciphertext: 'd172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c',
    kdf: 'scrypt',
    kdfparams: {
      dklen: 32,
      n: 262144,
      p: 8,
      r: 1,
      salt: 'ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19',
    },
    mac: '2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097',
  },
  id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
  version: 3,
}

describe('keystore', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-keystore-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('gives back the secret that was written, from a file that only its owner can read', async () => {
    const path = join(dir, 'key.json')
    const secret = Uint8Array.from({ length: 32 }, (_, index) => index)
    await writeKeystore(path, secret, password, fast)
    expect(await readKeystore(path, password)).to.deep.equal(secret)
    expect(statSync(path).mode & 0o777).to.equal(0o600)
    expect(readFileSync(path, 'utf8')).to.not.include(Buffer.from(secret).toString('hex'))
  })

  it('opens what other wallets write', async () => {
    const path = join(dir, 'key.json')
    writeFileSync(path, JSON.stringify(WEB3_VECTOR))
    expect(Buffer.from(await readKeystore(path, password)).toString('hex')).to.equal(
      '7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d',
    )
  })

  it('never overwrites a key', async () => {
    const path = join(dir, 'key.json')
    await writeKeystore(path, new Uint8Array(32), password, fast)
    const error = await writeKeystore(path, new Uint8Array(32).fill(1), password, fast).catch(
      (e: unknown) => e,
    )
    expect(error).to.have.property('code', 'KEYSTORE_EXISTS')
    expect(await readKeystore(path, password)).to.deep.equal(new Uint8Array(32))
  })

  it('tells a wrong password from a missing and from a damaged file', async () => {
    const path = join(dir, 'key.json')
    await writeKeystore(path, new Uint8Array(32), password, fast)
    const damaged = join(dir, 'damaged.json')
    writeFileSync(damaged, readFileSync(path, 'utf8').slice(0, 100))
    const greedy = join(dir, 'greedy.json')
    writeFileSync(greedy, readFileSync(path, 'utf8').replace('"n": 1024', '"n": 1073741824'))

    const codeOf = (file: string, word: Secret) =>
      readKeystore(file, word).then(
        () => 'opened',
        (error: { code: string }) => error.code,
      )
    expect(await codeOf(path, new Secret('wrong'))).to.equal('KEYSTORE_WRONG_PASSWORD')
    expect(await codeOf(join(dir, 'none.json'), password)).to.equal('KEYSTORE_MISSING')
    expect(await codeOf(damaged, password)).to.equal('KEYSTORE_MALFORMED')
    expect(await codeOf(greedy, password)).to.equal('KEYSTORE_MALFORMED')
  })
})
