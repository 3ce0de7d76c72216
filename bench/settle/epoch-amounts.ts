/**
 * What one measured epoch earns and spends, wei. The same in every epoch and at every size, so that only the trees
 * differ. Digits as real ones have them: round numbers have zero bytes, which are cheaper.
 */

/** The first schedule has 684.93 IO an epoch of an hour, of which at most 70 % are for hires. */
export const HIRED_PAID = 234_567_891_234_567_891_234n
export const AVAILABILITY_PAID = 345_678_912_345_678_912_345n
export const DEBIT_IO = 3_456_789_123_456_789_123n
export const DEBIT_IOSD = 1_234_567_891_234_567_891n

/** By how much the leaves of the reward tree grow. */
export const REWARDS_ADDED = HIRED_PAID + AVAILABILITY_PAID + DEBIT_IO
