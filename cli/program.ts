import { Command } from 'commander'
import { addBurnCommand } from './commands/burn.ts'
import { addDeployCommand } from './commands/deploy.ts'
import { addDevnetCommand } from './commands/devnet.ts'
import { addKeysCommands } from './commands/keys.ts'
import { addNodeCommands } from './commands/node.ts'
import { addStatusCommand } from './commands/status.ts'

/** The `ionet` command line. Errors are thrown, so that one place decides on sentences and exit codes. */
export function createProgram(): Command {
  const program = new Command('ionet')
    .description('IO price oracle network: nodes, tools and a local network')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'ionet: ')) })
    .exitOverride()
  addDevnetCommand(program)
  addNodeCommands(program)
  addKeysCommands(program)
  addDeployCommand(program)
  addBurnCommand(program)
  addStatusCommand(program)
  return program
}
