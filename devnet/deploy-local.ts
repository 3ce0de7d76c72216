import { join } from 'node:path'
import type { Address, LocalAccount } from 'viem'
import { deploy } from '../chain/deploy.ts'
import { type Deployment, saveDeployment } from '../chain/deployment.ts'
import type { LocalMember } from './members.ts'

/** Fits under the maximum of 22,300,000 with the whole emission schedule beside it. */
const GENESIS_IO = 300_000n
const EPOCH_LENGTH_SEC = 60

/** Deploys the contracts of a local network; all IO goes to the account that burns. Writes the deployment file. */
export async function deployLocalContracts(options: {
  readonly rpcUrl: string
  readonly dir: string
  readonly deployer: LocalAccount
  readonly oracles: readonly LocalMember[]
  readonly aggregators: readonly LocalMember[]
  readonly burner: Address
}): Promise<{ readonly deployment: Deployment; readonly file: string }> {
  const deployment = await deploy({
    rpcUrl: options.rpcUrl,
    deployer: options.deployer,
    members: options.oracles.map(registered),
    aggregators: options.aggregators.map(registered),
    genesis: [{ account: options.burner, amount: GENESIS_IO * 10n ** 18n }],
    epochLengthSec: EPOCH_LENGTH_SEC,
  })
  const file = join(options.dir, 'deployment.json')
  saveDeployment(file, deployment)
  return { deployment, file }
}

function registered(member: LocalMember) {
  return { identity: member.address, peerKey: member.peerKey }
}
