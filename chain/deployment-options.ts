/** What a network is made from, and what mainnet has where nothing is said. */
import type { Address, Hex } from 'viem'

const ONE = 10n ** 18n

/** A member, an aggregator, a relayer or a gateway: its address, and the 32 raw bytes of its libp2p Ed25519 public key. */
export interface MemberOptions {
  identity: Address
  peerKey: Hex
}

/** Constants of the price feed; each has a default. */
export interface FeedOptions {
  /** Oldest observation an update may carry, seconds. */
  maxAgeSec?: number
  /** How far a report may be ahead of the block, seconds. Gas is estimated on the last block's time. */
  maxFutureSec?: number
  /** τ of the moving average, seconds. */
  emaPeriodSec?: number
  description?: string
}

/** Seconds. One block of tolerance ahead (12 s on mainnet) and the age at which burns stop. */
const FEED_DEFAULTS = {
  maxAgeSec: 30,
  maxFutureSec: 15,
  emaPeriodSec: 3600,
  description: 'IO / USD',
} as const

/** The curve and the cap of net emission; each has mainnet's value as its default. */
export interface EmissionOptions {
  /** Scheduled in the first period, in wei. */
  launchEmission?: bigint
  /** H: each period of this length has half the emission of the one before. Seconds. */
  halvingPeriodSec?: number
  /** y: the most that is minted again for burns in 365 days, in wei. */
  yearlyNetCap?: bigint
}

const EMISSION_DEFAULTS = {
  launchEmission: 12_000_000n * ONE,
  halvingPeriodSec: 730 * 86_400,
  yearlyNetCap: 60_000n * ONE,
} as const

/** The first version of the parameters; each has a default. Basis points but for the weight. */
export interface ParameterOptions {
  hiredBps?: number
  /** τ. */
  hireTaxBps?: number
  /** φ. */
  feeBps?: number
  gatewayBps?: number
  /** The most of the escrow that one epoch may take. */
  maxDebitBps?: number
  /** W_target: proven weight in an epoch at which availability is paid a full launch pool. */
  targetWeight?: bigint
}

const PARAMETER_DEFAULTS = {
  hiredBps: 7_000,
  hireTaxBps: 500,
  feeBps: 200,
  gatewayBps: 500,
  maxDebitBps: 5_000,
  targetWeight: 100_000n,
} as const

/** How epochs are settled; each has mainnet's value as its default. */
export interface SettlementOptions {
  /**
   * How long a certified epoch can be looked at before it may become active. 0: it is active at once. At most three
   * quarters of an epoch, which is the default.
   */
  disputeSec?: number
  /** A hold expires so many epochs after its acceptance at the latest. */
  longestHoldEpochs?: number
}

/** How what was voted for happens. */
export interface GovernanceOptions {
  /** Seconds between a vote that passed and what it does; at least 14 days, on a development chain anything. */
  timelockDelaySec?: number
}

/** Mainnet's blocks are final after some 15 minutes: twice that. */
const HANDOVER_SEC = 1_800

/** Epochs become active one after another, so what is left of an epoch is for catching up. */
const DISPUTED_QUARTERS = 3

const LONGEST_HOLD_EPOCHS = 24

const GOVERNANCE_DEFAULTS = { timelockDelaySec: 14 * 86_400 } as const

/** All that the contracts of a network are made from. */
export interface NetworkOptions {
  /** The index is the slot. */
  members: readonly MemberOptions[]
  aggregators: readonly MemberOptions[]
  /** Default: none. */
  relayers?: readonly MemberOptions[]
  /** Default: none. */
  gateways?: readonly MemberOptions[]
  /** Balances of IO from the first block on, in wei; at most the maximum supply together. */
  genesis: readonly { account: Address; amount: bigint }[]
  epochLengthSec: number
  /**
   * From a rotation of the group key until rounds are of the new key, and from there until the old one counts no more.
   * Longer than it takes until every member sees the rotation, finality included. Seconds, at least a minute (on a
   * development chain: one second) and at most a day; default 1800.
   */
  handoverSec?: number
  feed?: FeedOptions
  emission?: EmissionOptions
  parameters?: ParameterOptions
  settlement?: SettlementOptions
  governance?: GovernanceOptions
}

type Peers = 'relayers' | 'gateways'
type Section = 'feed' | 'emission' | 'parameters' | 'settlement' | 'governance'

/** Options with nothing left open. */
export type CompleteOptions = Omit<NetworkOptions, Section | Peers | 'handoverSec'> &
  Required<Pick<NetworkOptions, Peers | 'handoverSec'>> & {
    [S in Section]: Required<NonNullable<NetworkOptions[S]>>
  }

export function withDefaults(options: NetworkOptions): CompleteOptions {
  return {
    ...options,
    relayers: options.relayers ?? [],
    gateways: options.gateways ?? [],
    handoverSec: options.handoverSec ?? HANDOVER_SEC,
    feed: { ...FEED_DEFAULTS, ...options.feed },
    emission: { ...EMISSION_DEFAULTS, ...options.emission },
    parameters: { ...PARAMETER_DEFAULTS, ...options.parameters },
    settlement: {
      disputeSec: Math.floor((options.epochLengthSec * DISPUTED_QUARTERS) / 4),
      longestHoldEpochs: LONGEST_HOLD_EPOCHS,
      ...options.settlement,
    },
    governance: { ...GOVERNANCE_DEFAULTS, ...options.governance },
  }
}
