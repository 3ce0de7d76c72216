import { shownPrice, shownTime } from '../model/format.ts'
import type { Check } from '../model/verify.ts'
import type { Verified } from './rounds-panel.tsx'

const SIGNS: Record<Check['outcome'], { sign: string; tone: string }> = {
  holds: { sign: '✓', tone: 'good' },
  fails: { sign: '✗', tone: 'bad' },
  unknown: { sign: '?', tone: 'warn' },
}

/** What the browser found when it checked one report by itself. It stays put while the list moves on. */
export function Verdict({ verified, close }: { verified: Verified; close(): void }) {
  const { report, checks, tookMs } = verified
  return (
    <div class="verdict">
      <p>
        <b>{shownTime(report.round * 100)}</b> ${shownPrice(report.price)}{' '}
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
