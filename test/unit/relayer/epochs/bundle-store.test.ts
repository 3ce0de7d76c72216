import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { bundleHashOf, encodeBundle } from '../../../../protocol/epoch/bundle-writer.ts'
import { BundleStore } from '../../../../relayer/epochs/bundle-store.ts'
import { hash } from '../../../support/epoch/cast.ts'
import { caseOf } from '../../../support/epoch/world.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../../support/network/temporary-directory.ts'

async function* chunksOf(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks
}

describe('the store of bundles', () => {
  const { bundle } = caseOf()
  const bundleHash = bundleHashOf(bundle)
  let directory: TemporaryDirectory
  let store: BundleStore
  const files = () => readdirSync(directory.path)

  beforeEach(() => {
    directory = temporaryDirectory()
    store = new BundleStore(directory.path)
    store.open()
  })
  afterEach(() => directory.remove())

  it('names a bundle by its hash, and reads it back', async () => {
    const written = store.write(encodeBundle(bundle))
    expect(written).to.deep.equal({ hash: bundleHash, bytes: store.sizeOf(bundleHash) })
    const read = await store.read(bundleHash)
    expect('bundle' in read && read.bundle).to.deep.equal(bundle)
    store.write(encodeBundle(bundle))
    expect(files()).to.deep.equal([bundleHash.slice(2)])
  })

  it('leaves nothing behind of a bundle that could not be written', () => {
    const failing = function* (): Generator<Uint8Array> {
      yield Uint8Array.of(1)
      throw new Error('out of order')
    }
    expect(() => store.write(failing())).to.throw('out of order')
    expect(files()).to.deep.equal([])
  })

  it('keeps what was fetched only under the name that it has', async () => {
    await store.receive(bundleHash, chunksOf(encodeBundle(bundle)))
    expect(store.has(bundleHash)).to.equal(true)
    const error = await store
      .receive(hash('another'), chunksOf(encodeBundle(bundle)))
      .catch((caught: unknown) => caught)
    expect(error).to.include({ code: 'BAD_BUNDLE' })
    expect(files()).to.deep.equal([bundleHash.slice(2)])
  })

  it('finds damage on the disk, and takes what is damaged away', async () => {
    store.write(encodeBundle(bundle))
    expect(await store.isSound(bundleHash)).to.equal(true)
    const path = join(directory.path, bundleHash.slice(2))
    const bytes = readFileSync(path)
    bytes[60] = (bytes[60] ?? 0) ^ 1
    writeFileSync(path, bytes)
    expect(await store.isSound(bundleHash)).to.equal(false)
    expect(files()).to.deep.equal([])
    expect(await store.isSound(bundleHash), 'when there is none').to.equal(false)
  })

  it('clears away what a crash has left half written', () => {
    writeFileSync(join(directory.path, 'x.part'), 'half')
    store.open()
    expect(files()).to.deep.equal([])
  })

  it('removes all bundles but those that are needed', () => {
    const other = store.write([Uint8Array.of(1)])
    store.write(encodeBundle(bundle))
    store.keepOnly(new Set([bundleHash]))
    expect(store.has(bundleHash)).to.equal(true)
    expect(store.has(other.hash)).to.equal(false)
  })

  it('says that a bundle is not there', async () => {
    expect(store.sizeOf(bundleHash)).to.equal(undefined)
    expect(await store.blob(bundleHash)).to.equal(undefined)
  })
})
