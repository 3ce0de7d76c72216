import { expect } from 'chai'
import { WORK_KIND } from '../../../protocol/usage/wire.ts'
import { ProblemError } from '../../../sdk/problem.ts'
import { takeReceiptTo } from '../../../worker/channels/take-receipt.ts'
import { DOMAIN } from '../../support/network/cast.ts'
import { Customer } from '../../support/worker/customer.ts'

const customer = new Customer('payer', DOMAIN)
const RECEIPT = customer.receipt({
  ...{ worker: customer.address, gateway: customer.address, kind: WORK_KIND.inference, version: 1 },
  ...{ id: `0x${'01'.repeat(32)}`, cumulativeUnits: 1n, cumulativeCeiling: 1n, validUntilEpoch: 1 },
})

describe('having a receipt taken before the work', () => {
  const refusalOf = (code: string, status: number) =>
    takeReceiptTo({
      postReceipt: async () => {
        throw new ProblemError(code, { code, status })
      },
    })(RECEIPT).catch((error: unknown) => error)

  it('resolves when the relayer has it', async () => {
    const posted: unknown[] = []
    await takeReceiptTo({
      postReceipt: async receipt => {
        posted.push(receipt)
      },
    })(RECEIPT)
    expect(posted).to.deep.equal([RECEIPT])
  })

  it("tells a relayer that is away from one that says no, and passes that one's code on", async () => {
    for (const [code, status] of [
      ['UNREACHABLE', 0],
      ['TIMEOUT', 0],
      ['BUSY', 503],
      ['NO_EPOCH', 503],
      ['BAD_ANSWER', 404],
    ] as const)
      expect(await refusalOf(code, status)).to.include({ code: 'RELAYER_DOWN', status: 503 })
    for (const [code, status] of [
      ['NO_HOLD', 409],
      ['EXPIRED', 422],
      ['TOO_MANY_CHANNELS', 429],
      ['TOO_MANY_RECEIPTS', 409],
    ] as const) {
      const refused = await refusalOf(code, status)
      expect(refused).to.include({ code: 'RECEIPT_REFUSED', status: 402 })
      expect(refused).to.have.property('members').deep.equal({ relayerCode: code })
    }
  })

  it('passes nothing on that is no code', async () => {
    expect(await refusalOf('<b>come here</b>', 409))
      .to.have.property('members')
      .deep.equal({})
  })
})
