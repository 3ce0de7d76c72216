import { expect } from 'chai'
import { auditEpoch } from '../../../protocol/epoch/audit.ts'
import type { EpochInputs } from '../../../protocol/epoch/bundle.ts'
import { computeEpoch } from '../../../protocol/epoch/compute.ts'
import type { Model } from '../../../protocol/epoch/settle-usage.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { ONE } from '../../../protocol/units.ts'
import { modelsNamed } from '../../../relayer/epochs/inputs.ts'
import { certifiedPrice, signBatch, signReceipt } from '../../support/epoch/cast.ts'
import {
  caseOf,
  inference,
  inferenceReceipt,
  inputsOf,
  ioHold,
  LENGTH_SEC,
  MODEL,
  nextInputs,
  PARAMETERS,
  proposalOf,
  START_SEC,
  TERMS,
  WORKER,
} from '../../support/epoch/world.ts'

/** One basis point of the escrow an epoch: nearly all of 3 IO waits. */
const first = inputsOf({
  parameters: { ...PARAMETERS, maxDebitBps: 1 },
  receipts: [signReceipt(inferenceReceipt(), 'payer')],
  acceptances: inputsOf().acceptances.filter(({ hold }) => hold.asset === ioHold().asset),
  batches: [signBatch({ worker: WORKER, seqFrom: 1, records: [inference()] }, 'worker')],
  results: [],
  windows: [],
})
const price = certifiedPrice(5n, START_SEC + LENGTH_SEC + 100)

/** The epoch after, and what an auditor says whose chain shows these versions of models. */
function auditedWith(changes: Partial<EpochInputs>, known: readonly Model[] = [MODEL]) {
  const inputs = nextInputs(first, computeEpoch(first, TERMS), { price, ...changes })
  const { bundle, report, chain, own } = caseOf(inputs)
  const view = {
    ...chain,
    modelOf: (id: string, version: number) =>
      known.find(model => model.id === id && model.version === version),
  }
  return auditEpoch(proposalOf(bundle, report), view, own, nobleIdentityCrypto)
}

describe('a payment for an inference that had to wait', () => {
  it('goes on in the next epoch, with the model that a relayer names for it', () => {
    const { closing, usage } = computeEpoch(first, TERMS)
    expect(usage.debitIo > 0n && usage.debitIo < ONE).to.equal(true)
    expect(modelsNamed([], closing)).to.deep.equal([{ id: MODEL.id, version: MODEL.version }])
    expect(auditedWith({ models: [MODEL] })).to.have.property('ok')
  })

  it('cannot be put off by leaving its model out of the bundle, be the version retired or not', () => {
    const retired = { ...MODEL, active: false }
    expect(auditedWith({ models: [] })).to.have.property('refused', 'MISSING_MODEL')
    expect(auditedWith({ models: [] }, [retired])).to.have.property('refused', 'MISSING_MODEL')
    expect(auditedWith({ models: [retired] }, [retired])).to.have.property('ok')
  })

  it('waits on without a word when the chain does not show the model either', () => {
    expect(auditedWith({ models: [] }, [])).to.have.property('ok')
  })

  it('asks for no model once it has been paid', () => {
    const { parameters } = inputsOf()
    const whole = { ...first, parameters }
    const inputs = nextInputs(whole, computeEpoch(whole, TERMS), { price, models: [] })
    const { bundle, report, chain, own } = caseOf(inputs)
    expect(auditEpoch(proposalOf(bundle, report), chain, own, nobleIdentityCrypto)).to.have.property('ok')
  })
})
