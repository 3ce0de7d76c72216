import { Command } from 'commander'
import { addBurnCommand } from './commands/burn.ts'
import { addChainCommand } from './commands/chain.ts'
import { addClaimCommand } from './commands/claim.ts'
import { addDeployCommand } from './commands/deploy.ts'
import { addDevnetCommand } from './commands/devnet.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import { addEmergencyCommands } from './commands/emergency.ts'
import { addKeysCommands } from './commands/keys.ts'
import { addMembersCommands } from './commands/members.ts'
import { addNodeCommands } from './commands/node.ts'
import { addRecordCommand } from './commands/record.ts'
import { addReplayCommand } from './commands/replay.ts'
import { addSimulateCommand } from './commands/simulate.ts'
import { addStatusCommand } from './commands/status.ts'
import { addVerifyCommand } from './commands/verify.ts'
import { versionOf } from './version.ts'

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
  addDoctorCommand(program)
  addRecordCommand(program)
  addReplayCommand(program)
  addSimulateCommand(program)
  return program
}
