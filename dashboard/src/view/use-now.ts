import { useEffect, useState } from 'preact/hooks'

/** The wall clock, Unix milliseconds, read anew every `everyMs`. For ages on display, never for decisions. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}
