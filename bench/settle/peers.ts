/** What paying many accounts from one tree costs elsewhere: gas of the whole transaction. */

/** Published by its authors. Its amounts are final, so that each tree is claimed from anew, as here a first time. */
export const UNISWAP_CLAIM = { name: 'Uniswap merkle-distributor claim, 100,000 leaves', value: 78_598 }
