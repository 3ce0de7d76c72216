import { useState } from 'preact/hooks'
import { offsetTenths, shown, shownPrice, shownTenths, shownTime } from '../model/format.ts'
import type { Report } from '../model/report.ts'
import { isOnChain, type PageState } from '../model/state.ts'
import { type Check, verifyReport } from '../model/verify.ts'
import { SlotChip } from './slot-chip.tsx'
import { Verdict } from './verdict.tsx'

const SHOWN_ROUNDS = 60

interface Verified {
  report: Report
  checks: Check[]
  tookMs: number
}

/**
 * Certified rounds, newest first. The list stands still while a mouse is over it: a button that slides away
 * once a second cannot be pressed.
 */
export function RoundsPanel({ state }: { state: PageState }) {
  const [held, setHeld] = useState<readonly Report[] | null>(null)
  const [verified, setVerified] = useState<Verified | null>(null)
  const reports = held ?? state.reports
  const names = new Map(state.config.oracles.map(oracle => [oracle.slot, oracle.name]))

  const verify = (report: Report) => {
    const start = performance.now()
    const checks = verifyReport(report, state.config, state.chain?.groupKeys)
    setVerified({ report, checks, tookMs: performance.now() - start })
  }

  return (
    <section class="panel rounds">
      <h2>
        Rounds {held !== null && <span class="dim">held while you look</span>}
        {state.refused > 0 && (
          <span class="warn" title="Messages from an aggregator that were not what they must be">
            {state.refused} refused
          </span>
        )}
      </h2>
      {verified !== null && (
        <Verdict checks={verified.checks} tookMs={verified.tookMs} close={() => setVerified(null)}>
          <b>{shownTime(verified.report.round * 100)}</b> ${shownPrice(verified.report.price)}
        </Verdict>
      )}
      {reports.length === 0 ? (
        <p class="empty">no certified rounds yet</p>
      ) : (
        <div
          class="scroll"
          onPointerEnter={event => event.pointerType === 'mouse' && setHeld(state.reports)}
          onPointerLeave={() => setHeld(null)}
        >
          <table>
            <thead>
              <tr>
                <th>round</th>
                <th class="right">price</th>
                <th class="right roomy">change</th>
                <th>signers</th>
                <th class="roomy">proposer</th>
                <th class="right roomy">latency</th>
                <th class="narrow">on chain</th>
                <th />
              </tr>
            </thead>
            <tbody>
              {reports.slice(0, SHOWN_ROUNDS).map((report, index) => (
                <tr key={report.round} class={verified?.report.round === report.round ? 'chosen' : 'fresh'}>
                  <td title={`round ${report.round}`}>
                    {shownTime(report.round * 100)} <span class="dim roomy-inline">{report.round}</span>
                  </td>
                  <td class="right" title={shown(report.price, 18)}>
                    {shownPrice(report.price)}
                  </td>
                  <td class="right dim roomy">{change(report, reports[index + 1])}</td>
                  <td>
                    <Signers report={report} names={names} />
                  </td>
                  <td class="dim roomy">aggregator-{report.proposer}</td>
                  <td class="right dim roomy">{report.latencyMs} ms</td>
                  <td class="narrow">
                    {isOnChain(state, report) ? (
                      <b class="good" title={state.updates.get(report.round) ?? ''}>
                        ✓
                      </b>
                    ) : null}
                  </td>
                  <td class="right">
                    <button type="button" onClick={() => verify(report)}>
                      verify
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

/** More signers than this would fill the row; their number is shown, and the list on hover. */
const MAX_CHIPS = 8

function Signers({ report, names }: { report: Report; names: ReadonlyMap<number, string> }) {
  const { signers, certificate } = report
  const nodes = names.size
  const kind = certificate.kind === 'quorum' ? <span class="warn">identities</span> : null
  if (signers.length > MAX_CHIPS) {
    return (
      <span title={`slots ${signers.join(', ')}`}>
        {signers.length} of {nodes} {kind}
      </span>
    )
  }
  return (
    <span class="chips">
      {signers.map(slot => (
        <SlotChip key={slot} slot={slot} nodes={nodes} name={names.get(slot) ?? `slot ${slot}`} />
      ))}
      {kind}
    </span>
  )
}

function change(report: Report, previous: Report | undefined): string {
  return previous === undefined ? '' : shownTenths(offsetTenths(report.price, previous.price))
}
