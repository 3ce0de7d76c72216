import type { Address, Hash } from '../../../protocol/bytes.ts'
import { ONE, type Wei } from '../../../protocol/units.ts'

/** The contract's MAX_SUPPLY. */
export const MAX_SUPPLY = 22_300_000n * ONE

/** What the contracts of the economy say, all at one block. */
export interface Economy {
  genesis: Wei
  /** Minted so far: by the schedule, and burned IO minted again. */
  scheduled: Wei
  net: Wei
  reserve: Wei
  /** Rewards posted by all active epochs, and what of them was claimed. */
  posted: Wei
  claimed: Wei
  rewardRoot: Hash
  /** Spent from the escrow by all active epochs. */
  spentIo: Wei
  spentIosd: Wei
  /** What the escrow owes its payers. */
  heldIo: Wei
  heldIosd: Wei
  /** What the contracts really have. */
  balances: { settlement: Wei; distributor: Wei; escrowIo: Wei; escrowIosd: Wei }
  /** The first epoch that is not active. */
  nextEpoch: number
  /** The running epoch, as Emission sees it at this block; `null` when the page does not know which one runs. */
  running: { epoch: number; scheduled: Wei; burned: Wei; cap: Wei; net: Wei } | null
  gateways: Address[]
  /** Owners of registered models. */
  modelOwners: ReadonlyMap<Address, number>
  /** IO that these accounts have claimed. */
  claimedBy: ReadonlyMap<Address, Wei>
}

/** Supplies at the same block. */
export interface Supplies {
  ioSupply: Wei
  iosdSupply: Wei
  burned: Wei
}

/** A law of conservation: `difference` is by how many wei it is broken. */
export interface Identity {
  claim: string
  holds: boolean
  difference: bigint
}

/**
 * What must hold at every block, to the wei: nothing was minted beside the schedule and the net emission, all that
 * was minted or spent was posted as a reward or is in the reserve, and the contracts have what they owe.
 */
export function identitiesOf(economy: Economy, supplies: Supplies): Identity[] {
  const { balances } = economy
  const minted = economy.genesis + economy.scheduled + economy.net
  return [
    equal('supply = genesis + scheduled + net − burned', supplies.ioSupply, minted - supplies.burned),
    equal(
      'scheduled + net + IO spent = posted + reserve',
      economy.scheduled + economy.net + economy.spentIo,
      economy.posted + economy.reserve,
    ),
    least(`genesis + scheduled ≤ ${MAX_SUPPLY / ONE}`, MAX_SUPPLY, economy.genesis + economy.scheduled),
    least('Settlement has the reserve', balances.settlement, economy.reserve),
    least('the distributor has what is not claimed', balances.distributor, economy.posted - economy.claimed),
    least('the escrow has every deposit in IO', balances.escrowIo, economy.heldIo),
    least('the escrow has every deposit in IOSD', balances.escrowIosd, economy.heldIosd),
  ]
}

/** IOSD is made by burns and unmade by spending, so all that was ever made is here or was spent. */
export function iosdMinted(economy: Economy, supplies: Supplies): Wei {
  return (supplies.iosdSupply + economy.spentIosd) as Wei
}

function equal(claim: string, left: bigint, right: bigint): Identity {
  return { claim, holds: left === right, difference: left - right }
}

/** Anybody may send tokens to a contract: more than is owed is no fault. */
function least(claim: string, has: bigint, owes: bigint): Identity {
  return { claim, holds: has >= owes, difference: has >= owes ? 0n : has - owes }
}
