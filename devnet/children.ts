import { join } from 'node:path'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Service } from '../runtime/service.ts'
import { superviseChild } from './child.ts'
import type { LogView } from './log-view.ts'

/** Makes the processes of a local network: the working directory is theirs, and their lines go to one view. */
export interface ChildFactory {
  /** `ionet COMMAND --config FILE`, started again when it ends by itself. */
  ionet(command: string, name: string, configFile: string): Service
  /** Any program; `onEnd` is told when it ends by itself. */
  program(
    name: string,
    what: { readonly command: string; readonly args: readonly string[] },
    onEnd: (reason: string) => void,
  ): Service
}

/**
 * Sixteen processes share this machine's memory, and none has much garbage at a time. A small young generation, and an
 * old one that is collected when it has grown by a sixth, keep each 30 to 60 MB smaller for a few per cent of its time.
 */
const SMALL_HEAP = ['--max-semi-space-size=4', '--heap-growing-percent=15']

export function createChildFactory(
  paths: { readonly root: string; readonly dir: string },
  deps: {
    readonly clock: Clock
    readonly logger: Logger
    readonly view: LogView
    readonly env: Readonly<Record<string, string | undefined>>
  },
): ChildFactory {
  const common = (name: string) => ({
    name,
    cwd: paths.dir,
    env,
    logFile: join(paths.dir, `${name}.log`),
    onLine: (line: string, from: 'stdout' | 'stderr') =>
      deps.view.show(name, line, from === 'stderr' ? 'error' : 'info'),
  })
  // What is set for a node of the user's own must not reach into this network.
  const env = Object.fromEntries(Object.entries(deps.env).filter(([name]) => !name.startsWith('IONET_')))
  // This very file's extension tells whether we run from sources or built.
  const entry = join(paths.root, 'cli', import.meta.url.endsWith('.ts') ? 'ionet.ts' : 'ionet.js')
  return {
    ionet: (command, name, configFile) =>
      superviseChild(
        {
          ...common(name),
          command: process.execPath,
          args: [...SMALL_HEAP, entry, command, '--config', configFile, '--name', name, '--stop-with-stdin'],
          onCrash: 'restart',
        },
        deps,
      ),
    program: (name, what, onEnd) => superviseChild({ ...common(name), ...what, onCrash: onEnd }, deps),
  }
}
