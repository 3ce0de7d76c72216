/**
 * What one price update costs elsewhere: gas of the whole transaction, and how many signers that is for. Those of
 * Chronicle are published by its authors; MakerDAO's and Chainlink's were measured with their own contracts (Chainlink's
 * with a stub of the LINK token).
 */
export interface GasPeer {
  readonly name: string
  readonly gas: number
}

/** The cheapest peer, at its smallest and largest published size. It can be challenged for some time after. */
export const OPTIMISTIC_5: GasPeer = { name: 'Chronicle ScribeOptimistic opPoke, 5 signers', gas: 68_944 }
export const OPTIMISTIC_20: GasPeer = { name: 'Chronicle ScribeOptimistic opPoke, 20 signers', gas: 69_133 }

export const SCRIBE_5: GasPeer = { name: 'Chronicle Scribe poke, 5 signers', gas: 81_025 }
export const SCRIBE_20: GasPeer = { name: 'Chronicle Scribe poke, 20 signers', gas: 159_488 }
export const MEDIAN_5: GasPeer = { name: 'MakerDAO Median poke, 5 signers', gas: 73_338 }
export const MEDIAN_21: GasPeer = { name: 'MakerDAO Median poke, 21 signers', gas: 203_835 }
export const OCR2_4: GasPeer = { name: 'Chainlink OCR2 transmit, n = 4', gas: 92_058 }
export const OCR2_31: GasPeer = { name: 'Chainlink OCR2 transmit, n = 31', gas: 174_802 }

/** Median's signatures are checked one by one, as those of the fallback are: its cost is linear in their number. */
export function medianWith(signers: number): GasPeer {
  const each = (MEDIAN_21.gas - MEDIAN_5.gas) / (21 - 5)
  return {
    name: `MakerDAO Median poke, ${signers} signers (linear between 5 and 21)`,
    gas: Math.round(MEDIAN_5.gas + (signers - 5) * each),
  }
}
