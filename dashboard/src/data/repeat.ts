/**
 * Runs `task` now and then `everyMs` after it has ended, so that it never overlaps itself. A failing run is the
 * task's own affair; the next one comes all the same. Returns how to stop.
 */
export function repeat(everyMs: number, task: () => Promise<void>): () => void {
  let stopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const run = async () => {
    try {
      await task()
    } finally {
      if (!stopped) timer = setTimeout(run, everyMs)
    }
  }
  void run()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}
