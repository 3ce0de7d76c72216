import { expect } from 'chai'
import { encodeBundle } from '../../../../protocol/epoch/bundle-writer.ts'
import { computeEpoch } from '../../../../protocol/epoch/compute.ts'
import type { ChannelState } from '../../../../protocol/epoch/state.ts'
import { EMPTY_STATE } from '../../../../protocol/epoch/state.ts'
import { ONE } from '../../../../protocol/units.ts'
import { channelKey } from '../../../../protocol/usage/receipt.ts'
import { ASSET } from '../../../../protocol/usage/wire.ts'
import {
  chargedChannels,
  epochInputs,
  type InputParts,
  modelsNamed,
} from '../../../../relayer/epochs/inputs.ts'
import { hash, signReceipt } from '../../../support/epoch/cast.ts'
import {
  hireReceipt,
  inferenceReceipt,
  inputsOf,
  MODEL,
  MODEL_ID,
  PARAMETERS,
  TERMS,
} from '../../../support/epoch/world.ts'
import { DOMAIN } from '../../../support/protocol/network.ts'

describe('the inputs of an epoch', () => {
  const whole = inputsOf()
  const { header } = whole
  const parts = (changes: Partial<InputParts> = {}): InputParts => ({
    domain: DOMAIN,
    facts: {
      epoch: header.epoch,
      snapshot: {
        number: header.snapshotBlock,
        hash: header.snapshotHash,
        timestampSec: 0,
        finalised: true,
      },
      burned: header.burned,
      parameters: PARAMETERS,
      balances: [],
      deposits: whole.deposits,
    },
    reserve: header.reserve,
    opening: { closing: EMPTY_STATE, rewards: [], debits: [] },
    price: whole.price,
    takenIn: whole,
    receipts: whole.receipts.toReversed(),
    models: [{ ...MODEL, version: 2 }, MODEL],
    ...changes,
  })
  const channel = (changes: Partial<ChannelState> = {}): ChannelState => {
    const { payer, worker, gateway, kind, id, version } = inferenceReceipt()
    return {
      channel: { payer, worker, gateway, kind, id, version },
      asset: ASSET.io,
      units: 10n,
      claimed: ONE,
      settled: ONE,
      feeSettled: ONE,
      ...changes,
    }
  }

  it('are what an honest auditor computes from, in the order of a bundle', () => {
    const inputs = epochInputs(parts({ models: [MODEL] }))
    expect(inputs).to.deep.equal(whole)
    const { rewards, debits } = computeEpoch(inputs, TERMS)
    expect([...encodeBundle({ ...inputs, rewards, debits })].length).to.be.greaterThan(2)
    expect(epochInputs(parts()).models.map(({ version }) => version)).to.deep.equal([1, 2])
  })

  it('need receipts of the channels that are charged', () => {
    const keys = whole.receipts.map(({ receipt }) => channelKey(receipt))
    expect([...chargedChannels(whole.batches)].sort()).to.deep.equal(keys.sort())
  })

  it('leave out a receipt below what its channel has been charged, as nodes would refuse the epoch for it', () => {
    const opening = {
      ...parts().opening,
      closing: { ...EMPTY_STATE, channels: [channel({ claimed: 5n * ONE })] },
    }
    const receipts = [signReceipt(inferenceReceipt(), 'payer'), signReceipt(hireReceipt(), 'payer')]
    const kept = epochInputs(parts({ opening, receipts })).receipts.map(({ receipt }) => receipt)
    expect(kept).to.deep.equal([hireReceipt()])
    const fewUnits = { ...opening, closing: { ...EMPTY_STATE, channels: [channel({ units: 101n })] } }
    expect(epochInputs(parts({ opening: fewUnits, receipts })).receipts.length).to.equal(1)
  })

  it('need the models of records, and of charges that still wait', () => {
    expect(modelsNamed(whole.batches, EMPTY_STATE)).to.deep.equal([{ id: MODEL_ID, version: 1 }])
    const waiting = channel({ settled: 0n })
    const other = { ...waiting, channel: { ...waiting.channel, id: hash('other model') } }
    const closing = { ...EMPTY_STATE, channels: [other, channel()] }
    expect(modelsNamed([], closing)).to.deep.equal([{ id: hash('other model'), version: 1 }])
  })
})
