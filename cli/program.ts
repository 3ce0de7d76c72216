import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { z } from 'zod'
import { addBurnCommand } from './commands/burn.ts'
import { addChainCommand } from './commands/chain.ts'
import { addClaimCommand } from './commands/claim.ts'
import { addDeployCommand } from './commands/deploy.ts'
import { addDevnetCommand } from './commands/devnet.ts'
import { addEmergencyCommands } from './commands/emergency.ts'
import { addKeysCommands } from './commands/keys.ts'
import { addMembersCommands } from './commands/members.ts'
import { addNodeCommands } from './commands/node.ts'
import { addSimulateCommand } from './commands/simulate.ts'
import { addStatusCommand } from './commands/status.ts'
import { addVerifyCommand } from './commands/verify.ts'

/** The `ionet` command line. Errors are thrown, so that one place decides on sentences and exit codes. */
export function createProgram(): Command {
  const program = new Command('ionet')
    .description('IO price oracle network: nodes, tools and a local network')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'ionet: ')) })
    .version(versionOf(), '-V, --version', 'show the version')
    .exitOverride()
  addDevnetCommand(program)
  addChainCommand(program)
  addNodeCommands(program)
  addKeysCommands(program)
  addMembersCommands(program)
  addEmergencyCommands(program)
  addDeployCommand(program)
  addBurnCommand(program)
  addClaimCommand(program)
  addVerifyCommand(program)
  addStatusCommand(program)
  addSimulateCommand(program)
  return program
}

/** package.json stands one folder above this one, from sources and built alike. */
function versionOf(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return z.object({ version: z.string() }).parse(JSON.parse(manifest)).version
}
