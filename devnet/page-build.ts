import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Logger } from '../runtime/logger.ts'

/**
 * Builds the page into `outDir` unless it is up to date. In a process of its own, because the bundler keeps more
 * memory than all the rest here. A page that cannot be built is said, and the network runs without it.
 */
export async function buildPage(
  root: string,
  outDir: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [join(root, 'dashboard', 'build.ts'), outDir], {
      cwd: root,
      signal,
    })
  } catch (error) {
    signal.throwIfAborted()
    logger.warn('the page could not be built', { error })
  }
}
