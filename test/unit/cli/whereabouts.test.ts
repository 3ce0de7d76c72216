import { expect } from 'chai'
import { whereaboutsOf } from '../../../cli/verify/whereabouts.ts'

describe('where a verification takes things from', () => {
  it('finds everything in the directory of a finished local network', () => {
    expect(whereaboutsOf({ devnet: 'net' })).to.deep.equal({
      deployment: 'net/deployment.json',
      network: 'net/devnet.json',
      chain: { saved: 'net' },
      bundle: undefined,
      previous: undefined,
      sources: { directory: 'net/relayer/data/bundles', urls: [] },
      beacons: { file: 'net/relayer/data/beacons.sqlite', urls: [] },
    })
  })

  it('takes what is named instead of what is in that directory', () => {
    const named = {
      deployment: 'a.json',
      rpc: 'http://127.0.0.1:1',
      network: 'b.json',
      bundle: 'c',
      bundles: 'd',
      from: ['http://127.0.0.1:2'],
      previous: 'e',
    }
    const everything = {
      deployment: 'a.json',
      network: 'b.json',
      chain: { rpc: 'http://127.0.0.1:1' },
      bundle: 'c',
      previous: 'e',
      sources: { directory: 'd', urls: ['http://127.0.0.1:2'] },
      beacons: { file: 'net/relayer/data/beacons.sqlite', urls: ['http://127.0.0.1:2'] },
    }
    expect(whereaboutsOf({ devnet: 'net', ...named })).to.deep.equal(everything)
    const beacons = { file: undefined, urls: named.from }
    expect(whereaboutsOf(named)).to.deep.equal({ ...everything, beacons })
  })

  it('says what is nowhere to be had', () => {
    const deployment = 'a.json'
    const rpc = 'http://127.0.0.1:1'
    expect(() => whereaboutsOf({ rpc, bundle: 'c' })).to.throw(/^say which network: give --deployment/)
    expect(() => whereaboutsOf({ deployment, bundle: 'c' })).to.throw(/^say where the chain is: .* --rpc/)
    expect(() => whereaboutsOf({ deployment, rpc })).to.throw(/^say where the bundle is: .* --bundles/)
  })
})
