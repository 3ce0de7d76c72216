import type { ComponentChildren } from 'preact'
import type { Check } from '../model/verify.ts'

const SIGNS: Record<Check['outcome'], { sign: string; tone: string }> = {
  holds: { sign: '✓', tone: 'good' },
  fails: { sign: '✗', tone: 'bad' },
  unknown: { sign: '?', tone: 'warn' },
}

interface VerdictProps {
  /** What was checked. */
  children: ComponentChildren
  checks: readonly Check[]
  tookMs: number
  close(): void
}

/** What the browser found when it checked something by itself. It stays put while the list moves on. */
export function Verdict({ children, checks, tookMs, close }: VerdictProps) {
  return (
    <div class="verdict">
      <p>
        <span>{children}</span>{' '}
        <span class="dim">checked in this browser in {Math.max(1, Math.round(tookMs))} ms</span>
        <button type="button" class="quiet" onClick={close} aria-label="close">
          ×
        </button>
      </p>
      <ul>
        {checks.map(({ claim, outcome }) => (
          <li key={claim}>
            <b class={SIGNS[outcome].tone}>{SIGNS[outcome].sign}</b> {claim}
          </li>
        ))}
      </ul>
    </div>
  )
}
