import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Logger } from '../runtime/logger.ts'

/**
 * Has the code of all processes compiled once, before fifteen processes do it each for itself. Best effort: without
 * it they start later and larger. Done in a process of its own while the chain starts.
 */
export async function warmUp(root: string, logger: Logger, signal: AbortSignal): Promise<void> {
  // This very file's extension tells whether we run from sources or built.
  const script = join(root, 'cli', import.meta.url.endsWith('.ts') ? 'warm-up.ts' : 'warm-up.js')
  try {
    await promisify(execFile)(process.execPath, [script], { cwd: root, signal })
  } catch (error) {
    signal.throwIfAborted()
    logger.debug('nothing was compiled ahead', { error })
  }
}
