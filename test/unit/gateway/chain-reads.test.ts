import { expect } from 'chai'
import type { PublicClient } from 'viem'
import { createModelUse } from '../../../gateway/workers/model-use.ts'
import { createRegistrations } from '../../../gateway/workers/registrations.ts'
import type { Address } from '../../../protocol/bytes.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { addressOf, hash } from '../../support/epoch/cast.ts'
import { MODEL } from '../../support/gateway/payments.ts'

const REGISTRY = addressOf('registry')
const NOBODY = `0x${'00'.repeat(20)}`
const named = (device: Address) => `0x${'00'.repeat(12)}${device.slice(2)}` as const

/** A chain that answers with what `answer` says. */
function chain(answer: (args: readonly unknown[]) => unknown) {
  const asked: (readonly unknown[])[] = []
  const readContract = async ({ args }: { args: readonly unknown[] }) => {
    asked.push(args)
    return answer(args)
  }
  return { asked, reader: { readContract } as unknown as Pick<PublicClient, 'readContract'> }
}

describe('whose a device is', () => {
  const worker = addressOf('worker')
  const device = named(addressOf('device'))

  it('is asked of the chain once, when it knows', async () => {
    const { asked, reader } = chain(() => worker.toUpperCase().replace('0X', '0x'))
    const isRegistered = createRegistrations({ registry: REGISTRY, finality: 'latest' }, reader)
    expect(await isRegistered({ worker, device })).to.equal(true)
    expect(await isRegistered({ worker: addressOf('other'), device })).to.equal(false)
    expect(asked).to.deep.equal([[addressOf('device')]])
  })

  it('is asked again while nobody has registered it', async () => {
    let owner: string = NOBODY
    const { reader } = chain(() => owner)
    const isRegistered = createRegistrations({ registry: REGISTRY, finality: 'latest' }, reader)
    expect(await isRegistered({ worker, device })).to.equal(false)
    owner = worker
    expect(await isRegistered({ worker, device })).to.equal(true)
  })

  it('is not asked of what is no device', async () => {
    const { asked, reader } = chain(() => worker)
    const isRegistered = createRegistrations({ registry: REGISTRY, finality: 'latest' }, reader)
    expect(await isRegistered({ worker, device: hash('device') })).to.equal(false)
    expect(asked).to.deep.equal([])
  })
})

describe('whether a model counts', () => {
  it('is known for the rest of the epoch once it does', async () => {
    const { asked, reader } = chain(([, , epoch]) => epoch === 7n)
    const use = createModelUse({ registry: REGISTRY, model: MODEL }, { reader, logger: silentLogger })
    expect(await use(6)).to.deep.equal({ usable: false, usableNext: true })
    expect((await use(7))?.usable).to.equal(true)
    const before = asked.length
    expect((await use(7))?.usable).to.equal(true)
    expect(asked.length).to.equal(before)
    expect(await use(8)).to.deep.equal({ usable: false, usableNext: false })
  })

  it('is not known when the chain does not answer', async () => {
    const { reader } = chain(() => {
      throw new Error('no answer')
    })
    const use = createModelUse({ registry: REGISTRY, model: MODEL }, { reader, logger: silentLogger })
    expect(await use(1)).to.equal(undefined)
  })
})
