import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { InputError } from '../input-error.ts'
import { print } from '../output.ts'

/** `ionet oracle reopen`: the operator says that the copy of the node's key is gone. */
export function addReopenCommand(oracle: Command): void {
  oracle
    .command('reopen')
    .summary('let a node sign again after a copy of its key has been stopped')
    .description(
      'let a node sign again after a copy of its key has been stopped for good: acknowledges what closed its guard. ' +
        'Takes --config, as `ionet oracle` does',
    )
    .action(async (_options: unknown, command: Command) => {
      const { config: file } = command.optsWithGlobals<{ readonly config: string }>()
      const [{ loadOracleConfig }, { openDatabase }, { createGuardStore, GUARD_MIGRATIONS }] =
        await Promise.all([
          import('../../config/process-config.ts'),
          import('../../runtime/sqlite.ts'),
          import('../../oracle-node/guard/guard-store.ts'),
        ])
      const path = join(loadOracleConfig(file, process.env).dataDir, 'guard.sqlite')
      if (!existsSync(path)) throw new InputError(`${path} does not exist: this node has never run here`)
      const database = openDatabase(path, GUARD_MIGRATIONS)
      try {
        const store = createGuardStore(database)
        const closure = store.closure()
        if (closure === undefined) {
          print('the guard is open')
          return
        }
        store.transaction(() => store.acknowledge(Date.now()))
        print(
          `closed at ${new Date(closure.atMs).toISOString()} by a quote of round ${closure.round}: acknowledged`,
        )
        print(`  0x${Buffer.from(closure.quote).toString('hex')}`)
      } finally {
        database.close()
      }
    })
}
