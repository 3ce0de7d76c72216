/** Eight epochs of one network, told the same way whatever the relayer does: the same keys, the same amounts. */
import type { SettledEpoch } from '../../../chain/settlement/types.ts'
import type { Price } from '../../../protocol/units.ts'
import { ASSET } from '../../../protocol/usage/wire.ts'
import { type Deal, OTHER_WORKER, PAYER, tokens, WORKER } from './customers.ts'
import { PRICE, SettlementNetwork } from './settlement-network.ts'

/** What befalls the relayer after it has taken in the work of an epoch, until the end of a later one. */
export interface Outage {
  readonly after: number
  readonly until: number
  readonly signal: 'SIGTERM' | 'SIGKILL'
  /** Its keys are all that it has when it comes back. */
  readonly losesDisk: boolean
}

/** In these there is work; in the others only the chain and the price move. */
export const WORKING_EPOCHS = [0, 3, 7]
export const LAST_EPOCH = 7

/** What an epoch came to, but for names of blocks and bundles, which hang on when it was settled. */
export type Settlement = ReturnType<typeof comparable>

/** @returns every epoch as the chain tells it, and how often each was refused */
export async function tell(outages: readonly Outage[]): Promise<Settlement[]> {
  const network = await SettlementNetwork.start()
  try {
    await network.startRelayer()
    const deals = new Deals(network)
    for (let epoch = 0; epoch <= LAST_EPOCH; epoch++) {
      await moveChain(network, epoch)
      if (WORKING_EPOCHS.includes(epoch)) await deals.work(epoch)
      const begins = outages.find(({ after }) => after === epoch)
      if (begins !== undefined) await network.stopRelayer(begins.signal)
      if (begins?.losesDisk === true) network.loseRelayerDisk()
      await network.endEpoch(epoch)
      if (outages.some(({ until }) => until === epoch)) await network.startRelayer()
      if (network.isRelayed) await network.relayer.settled(epoch)
    }
    return await settledEpochs(network)
  } finally {
    await network.stop()
  }
}

/** The price falls, burns follow, and a deposit grows: no epoch is like another. */
async function moveChain(network: SettlementNetwork, epoch: number): Promise<void> {
  const price = priceOf(epoch)
  await network.prices.publishOnChain(price)
  await network.chain.burn(PAYER, tokens(7 * (epoch + 1)))
  if (epoch % 2 === 1) await network.chain.deposit(PAYER, ASSET.io, tokens(epoch))
  await network.announcePrice(epoch, price)
  await network.synchronise()
}

/** It falls: nobody may burn at a price that is far above its average. */
function priceOf(epoch: number): Price {
  return (PRICE - tokens(epoch) / 10n) as Price
}

/** A hire and inferences that go on over all the epochs, on channels that are opened in the first one that allows it. */
class Deals {
  readonly #network: SettlementNetwork
  #hire: Deal | undefined
  #inferences: Deal | undefined

  constructor(network: SettlementNetwork) {
    this.#network = network
  }

  async work(epoch: number): Promise<void> {
    const { customers } = this.#network
    const charge = { units: BigInt(60 * (epoch + 1)), wei: tokens(4 * (epoch + 1)) }
    this.#hire ??= await customers.hire(WORKER, tokens(100))
    await customers.allow(this.#hire, WORKER, charge)
    await customers.charge(this.#hire, WORKER, [{ units: charge.units - 1n, wei: charge.wei - 1n }, charge])
    // No model can be used in the epoch in which it was registered.
    if (epoch === 0) return
    this.#inferences ??= await this.#network.subscribe(epoch, tokens(50), priceOf(epoch))
    for (const worker of [WORKER, OTHER_WORKER]) {
      await customers.allow(this.#inferences, worker, charge)
      await customers.charge(this.#inferences, worker, [{ units: charge.units, wei: charge.wei / 2n }])
    }
  }
}

async function settledEpochs({ chain }: SettlementNetwork): Promise<Settlement[]> {
  const reader = await chain.openReader()
  try {
    return Array.from({ length: LAST_EPOCH + 1 }, (_, epoch) => {
      const settled = reader.settled(epoch)
      if (settled === undefined) throw new Error(`epoch ${epoch} is not settled`)
      return comparable(settled)
    })
  } finally {
    await reader.stop()
  }
}

function comparable({ report, reserveBefore, reserveAfter, scheduled, net, released, added }: SettledEpoch) {
  const { epoch, attempt, rewardRoot, debitRoot, previousRewardRoot, previousDebitRoot, batchesRoot } = report
  const { hiredPaid, debitIo, debitIosd } = report
  const { cumulativeRewards, cumulativeDebitIo, cumulativeDebitIosd } = report
  return {
    ...{ epoch, attempt, rewardRoot, debitRoot, previousRewardRoot, previousDebitRoot, batchesRoot },
    ...{ hiredPaid, debitIo, debitIosd, cumulativeRewards, cumulativeDebitIo, cumulativeDebitIosd },
    ...{ reserveBefore, reserveAfter, scheduled, net, released, added },
  }
}
