/** Supervises the command `argv[4…]` under the name `argv[2]`, with its log in `argv[3]`, and prints its lines. */
import { superviseChild } from '../../../devnet/child.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { runService } from '../../../runtime/process.ts'

const [, , name = '', logFile = '', command = '', ...args] = process.argv
const logger = createLogger({ level: 'info', name: 'parent' })
const child = superviseChild(
  {
    name,
    command,
    args,
    cwd: process.cwd(),
    env: process.env,
    logFile,
    onLine: line => process.stdout.write(`child: ${line}\n`),
    onCrash: 'restart',
  },
  { clock: systemClock, logger },
)
process.exitCode = await runService(async () => child, {
  logger,
  stopDeadlineMs: 6_000,
  stopWithStdin: false,
})
