import { join } from 'node:path'
import { type Address, createPublicClient, http, type LocalAccount } from 'viem'
import { deploy } from '../chain/deploy.ts'
import { type Deployment, saveDeployment } from '../chain/deployment.ts'
import { parseDecimal } from '../protocol/units.ts'
import type { LocalMember } from './members.ts'

/**
 * Of both payers a supply of which an hour's burns, 46,000 IO, are less than the hundredth that can be burned in one; and
 * it fits under the maximum of 22,300,000 with the emission of two years beside it.
 */
const PAYER_IO = parseDecimal('5000000')
const EPOCH_LENGTH_SEC = 40
/** Blocks come each second and are final at once: every member has seen a rotation long before. */
const HANDOVER_SEC = 5
const YEAR_SEC = 365 * 86_400
/**
 * The most that one epoch mints again for burns. Between what is burned in a quiet epoch and in a busy one (see the
 * payers' `surge`), so that both rules are seen: all of it again, and the cap.
 */
const NET_CAP_PER_EPOCH = parseDecimal('320')
/** Two workers that finish some forty products in each of three windows earn about half the launch pool. */
const TARGET_WEIGHT = 500n

/** Deploys the contracts of a local network, and writes the deployment file. Epochs are counted from here on. */
export async function deployLocalContracts(options: {
  readonly rpcUrl: string
  readonly dir: string
  readonly deployer: LocalAccount
  readonly oracles: readonly LocalMember[]
  readonly aggregators: readonly LocalMember[]
  readonly relayer: LocalMember
  readonly gateway: LocalMember
  readonly payers: readonly { readonly address: Address }[]
}): Promise<{ readonly deployment: Deployment; readonly file: string }> {
  const { timestamp } = await createPublicClient({ transport: http(options.rpcUrl) }).getBlock()
  const deployment = await deploy({
    rpcUrl: options.rpcUrl,
    deployer: options.deployer,
    members: options.oracles.map(registered),
    aggregators: options.aggregators.map(registered),
    relayers: [registered(options.relayer)],
    gateways: [registered(options.gateway)],
    genesis: options.payers.map(({ address }) => ({ account: address, amount: PAYER_IO })),
    epochStart: Number(timestamp),
    epochLengthSec: EPOCH_LENGTH_SEC,
    handoverSec: HANDOVER_SEC,
    emission: { yearlyNetCap: (NET_CAP_PER_EPOCH * BigInt(YEAR_SEC)) / BigInt(EPOCH_LENGTH_SEC) },
    parameters: { targetWeight: TARGET_WEIGHT, maxDebitBps: 10_000 },
    settlement: { disputeSec: 0, longestHoldEpochs: 2 },
  })
  const file = join(options.dir, 'deployment.json')
  saveDeployment(file, deployment)
  return { deployment, file }
}

function registered(member: LocalMember) {
  return { identity: member.address, peerKey: member.peerKey }
}
