/**
 * Checks on a running network that every role is held by the contract that it is for, and none by a key:
 *
 *     node scripts/check-roles.ts --rpc URL --deployment FILE [--json]
 *
 * One line for each role. Ends with 1 when a role is held by somebody else, with 2 when the chain cannot be read.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Address } from 'viem'
import { createReader } from '../chain/clients.ts'
import { type Deployment, deploymentSchema } from '../chain/deployment.ts'
import { ANYBODY, findRoles, type RoleFinding } from '../chain/roles.ts'

const USAGE = 'usage: node scripts/check-roles.ts --rpc URL --deployment FILE [--json]'

function readDeploymentFile(file: string): Deployment {
  try {
    return deploymentSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    throw new Error(`${file} is no deployment file: give the one that \`ionet deploy\` wrote`)
  }
}

/** The contract's name, where it is one of the deployment. */
function nameOf({ contracts }: Deployment, address: Address): string {
  if (address === ANYBODY) return 'anybody'
  const [name] = Object.entries(contracts).find(([, known]) => known === address) ?? []
  return name === undefined ? address : `${name} ${address}`
}

function lineOf(deployment: Deployment, { contract, role, holders, required, faults }: RoleFinding): string {
  const names = (list: readonly Address[]): string =>
    list.map(address => nameOf(deployment, address)).join(', ') || 'nobody'
  const line = `${faults.length === 0 ? 'ok    ' : 'FAULT '} ${`${contract} ${role}`.padEnd(30)} ${names(holders)}`
  return faults.length === 0 ? line : `${line} (${faults.join(', ')}; required: ${names(required)})`
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { rpc: { type: 'string' }, deployment: { type: 'string' }, json: { type: 'boolean' } },
  })
  if (values.rpc === undefined || values.deployment === undefined) throw new Error(USAGE)
  const deployment = readDeploymentFile(values.deployment)
  const roles = await findRoles(createReader([values.rpc]), deployment)
  const isSafe = roles.every(({ faults }) => faults.length === 0)
  if (values.json === true) console.log(JSON.stringify({ roles, result: isSafe ? 'ok' : 'fault' }))
  else for (const found of roles) console.log(lineOf(deployment, found))
  return isSafe ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  const [line] = (error instanceof Error ? error.message : String(error)).split('\n')
  console.error(`check-roles: ${line}`)
  process.exitCode = 2
}
