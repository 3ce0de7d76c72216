import { useState } from 'preact/hooks'
import type { Address } from '../../../protocol/bytes.ts'
import { type EarnerRow, earnerRows } from '../model/earners.ts'
import { NOTHING, shownCount, shownHex } from '../model/format.ts'
import type { AccountLine } from '../model/relayer-look.ts'
import type { PageState } from '../model/state.ts'
import type { Check } from '../model/verify.ts'
import { verifyReward } from '../model/verify-reward.ts'
import { Amount } from './amount.tsx'
import { Verdict } from './verdict.tsx'

/** More would be a list that nobody reads; they are ordered by what they earned. */
const SHOWN_EARNERS = 50

interface Checked {
  account: Address
  /** `null` when the relayer has nothing to say. */
  checks: Check[] | null
  tookMs: number
}

/** Workers, owners of models and gateways: what they did, earned and claimed, and whether the chain pays by it. */
export function EarnersPanel(props: {
  state: PageState
  loadAccount(account: Address): Promise<AccountLine>
}) {
  const { state, loadAccount } = props
  const [checked, setChecked] = useState<Checked | null>(null)
  const economy = state.chain?.economy ?? null
  const rows = earnerRows(state.relayer?.workers ?? [], economy, state.earned).slice(0, SHOWN_EARNERS)

  const verify = async (account: Address) => {
    try {
      const line = await loadAccount(account)
      const start = performance.now()
      const checks = verifyReward(line, economy)
      setChecked({ account, checks, tookMs: performance.now() - start })
    } catch {
      setChecked({ account, checks: null, tookMs: 0 })
    }
  }

  return (
    <section class="panel earners">
      <h2>
        Workers <span class="dim">owners of models and gateways earn too</span>
      </h2>
      {checked !== null && <Outcome checked={checked} close={() => setChecked(null)} />}
      {rows.length === 0 ? (
        <p class="empty">nobody has brought in work yet</p>
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>account</th>
                <th>role</th>
                <th class="right roomy">devices</th>
                <th class="right" title="Products of matrices that were proven in challenge windows">
                  products
                </th>
                <th class="right roomy">records</th>
                <th class="right" title="IO, by the relayer's word: verify it">
                  earned
                </th>
                <th class="right roomy" title="IO, by the chain's word">
                  claimed
                </th>
                <th />
              </tr>
            </thead>
            <tbody>
              {rows.map(row => (
                <Row
                  key={row.account}
                  row={row}
                  chosen={checked?.account === row.account}
                  verify={() => void verify(row.account)}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

function Row({ row, chosen, verify }: { row: EarnerRow; chosen: boolean; verify(): void }) {
  const { work } = row
  const count = (value: number | undefined) =>
    value === undefined ? <span class="dim">{NOTHING}</span> : shownCount(value)
  return (
    <tr class={chosen ? 'chosen' : ''}>
      <td class="mono" title={row.account}>
        {shownHex(row.account)}
      </td>
      <td class={row.role === 'worker' ? '' : 'dim'}>{row.role}</td>
      <td class="right roomy">{count(work?.devices)}</td>
      <td class="right">{count(work?.products)}</td>
      <td class="right roomy">{count(work?.records)}</td>
      <td class="right">
        <Amount value={row.earned} />
      </td>
      <td class="right roomy">
        <Amount value={row.claimed} />
      </td>
      <td class="right">
        <button type="button" disabled={row.earned === null} onClick={verify}>
          verify
        </button>
      </td>
    </tr>
  )
}

function Outcome({ checked, close }: { checked: Checked; close(): void }) {
  if (checked.checks === null) {
    return (
      <div class="verdict">
        <p>
          <b class="mono">{shownHex(checked.account)}</b>
          <span class="warn">the relayer has nothing to show for it</span>
          <button type="button" class="quiet" onClick={close} aria-label="close">
            ×
          </button>
        </p>
      </div>
    )
  }
  return (
    <Verdict checks={checked.checks} tookMs={checked.tookMs} close={close}>
      <b class="mono">{shownHex(checked.account)}</b>
    </Verdict>
  )
}
