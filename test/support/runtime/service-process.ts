/** A process with one service, which behaves as its argument says. */
import { createServer } from 'node:net'
import { createLogger } from '../../../runtime/logger.ts'
import { runService } from '../../../runtime/process.ts'
import type { Service } from '../../../runtime/service.ts'

const behaviour = process.argv[2]
const server = createServer()

const service: Service = {
  name: 'test',
  start: async () => {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    if (behaviour === 'throws-later') {
      setTimeout(() => {
        throw new Error('out of the blue')
      })
    }
    process.stdout.write('ready\n')
  },
  stop: async () => {
    if (behaviour === 'hangs') await new Promise(() => {})
    await new Promise(resolve => server.close(resolve))
    process.stdout.write('stopped\n')
  },
}

process.exitCode = await runService(async () => service, {
  logger: createLogger({ level: 'info', name: 'test' }),
  stopDeadlineMs: Number(process.argv[3] ?? 60_000),
  stopWithStdin: process.argv.includes('--stop-with-stdin'),
})
