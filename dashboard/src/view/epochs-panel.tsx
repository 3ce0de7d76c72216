import { type EpochClock, epochEndSec, epochOf, epochStartSec } from '../../../protocol/epoch/time.ts'
import { type Agreement, chainEpochsOf, type EpochRow, epochRows } from '../model/chain-epochs.ts'
import type { Epoch } from '../model/epoch.ts'
import { NOTHING, shown, shownBytes, shownCount, shownHex, shownPrice } from '../model/format.ts'
import type { PageState } from '../model/state.ts'
import { Amount } from './amount.tsx'
import { SlotChip } from './slot-chip.tsx'
import { Stepper } from './stepper.tsx'

const SHOWN_EPOCHS = 8
const CERTIFICATE_WORDS = { group: 'group', quorum: 'identities' } as const

/** The newest epochs: what each minted and paid, how far it has come, and whether the chain says the same. */
export function EpochsPanel({ state }: { state: PageState }) {
  const rows = epochRows(state.relayer?.epochs ?? [], chainEpochsOf(state.settlements), {
    max: SHOWN_EPOCHS,
    newest: newestPossible(state),
    timesOf: epoch => timesOf(state.config.epochs, epoch),
  })
  return (
    <section class="panel epochs">
      <h2>
        Epochs <Source state={state} />
      </h2>
      {rows.length === 0 ? (
        <p class="empty">no epoch has been heard of yet</p>
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>epoch</th>
                <th class="right" title="Scheduled emission + burned IO that is minted again">
                  minted
                </th>
                <th class="right spacious" title="From the pool, for hires that were paid in IOSD">
                  hires
                </th>
                <th class="right" title="From the pool, for proven work">
                  availability
                </th>
                <th
                  class="right spacious"
                  title="Taken from payers: IO passes through to workers, IOSD is unmade"
                >
                  debits
                </th>
                <th class="right spacious" title="Usage records that counted, of those taken in">
                  records
                </th>
                <th class="right spacious">inferences</th>
                <th class="right spacious" title="The highest certified price of the epoch">
                  price
                </th>
                <th class="spacious">certificate</th>
                <th class="narrow" title="The relayer's figures are those of the events on chain">
                  chain
                </th>
              </tr>
            </thead>
            {rows.map(row => (
              <Rows key={row.told.epoch} row={row} nodes={state.config.oracles.length} />
            ))}
          </table>
        </div>
      )}
    </section>
  )
}

/** Whose word this is. */
function Source({ state }: { state: PageState }) {
  const { config, relayer, relayerLost } = state
  if (config.relayer === null) return <span class="dim">by the chain's events</span>
  if (relayerLost) return <span class="bad">the relayer does not answer</span>
  if (relayer === null) return <span class="dim">asking the relayer</span>
  if (relayer.refused === 0) return null
  return (
    <span class="warn" title="Entries in the relayer's answer that are not what they must be">
      {relayer.refused} refused
    </span>
  )
}

/** A body of its own: figures, stations, and refusals when there are any. */
function Rows({ row, nodes }: { row: EpochRow; nodes: number }) {
  const { told } = row
  return (
    <tbody class={told.phase === 'open' ? 'epoch epoch-open' : 'epoch'}>
      <tr>
        <td>
          <b>{shownCount(told.epoch)}</b> <Phase row={row} />
        </td>
        <td class="right">
          <Amount value={told.scheduled} />
          {told.net !== null && told.net > 0n && (
            <>
              {' '}
              <span class="dim">+</span> <Amount value={told.net} />
            </>
          )}
        </td>
        <td class="right spacious">
          <Amount value={told.hiredPaid} />
        </td>
        <td class="right">
          <Amount value={told.availabilityPaid} />
        </td>
        <td class="right spacious">
          <Debits told={told} />
        </td>
        <td class="right spacious">
          {count(told.recordsCounted)}
          {told.recordsAccepted !== null && <span class="dim"> of {count(told.recordsAccepted)}</span>}
        </td>
        <td class="right spacious">{count(told.inferencesPaid)}</td>
        <td class="right spacious" title={told.price === null ? '' : shown(told.price, 18)}>
          {told.price === null ? <span class="dim">{NOTHING}</span> : shownPrice(told.price)}
        </td>
        <td class="spacious" title={certificateTitle(row)}>
          <Certificate row={row} />
        </td>
        <td class="narrow">
          <Agrees agreement={row.agreement} chainOnly={row.chainOnly} />
        </td>
      </tr>
      <tr>
        <td class="under" colSpan={10}>
          <Stepper epoch={told} />
          <Cramped told={told} />
        </td>
      </tr>
      {told.refusals.length > 0 && (
        <tr>
          <td class="under" colSpan={10}>
            <ul class="refusals">
              {told.refusals.map((refusal, index) => (
                <li key={index} title={refusal.text}>
                  <SlotChip slot={refusal.slot} nodes={nodes} /> <b class="bad">{refusal.code}</b>{' '}
                  {refusal.text}
                </li>
              ))}
            </ul>
          </td>
        </tr>
      )}
    </tbody>
  )
}

function Phase({ row: { told, chainOnly } }: { row: EpochRow }) {
  return (
    <>
      <span class={`phase-word phase-${told.phase}`}>{told.phase}</span>
      {told.attempt > 0 && <span class="warn"> attempt {told.attempt + 1}</span>}
      {chainOnly && <span class="dim"> chain only</span>}
    </>
  )
}

function Certificate({ row: { told } }: { row: EpochRow }) {
  if (told.certificate === null) return <span class="dim">{NOTHING}</span>
  return (
    <span class={told.certificate === 'quorum' ? 'warn' : ''}>{CERTIFICATE_WORDS[told.certificate]}</span>
  )
}

function certificateTitle({ told }: EpochRow): string {
  const bundle = told.bundleHash === null ? '' : `bundle ${shownHex(told.bundleHash)}`
  const bytes = told.bundleBytes === null ? '' : shownBytes(told.bundleBytes)
  const transaction = told.txHash === null ? '' : `transaction ${shownHex(told.txHash)}`
  return [`${bundle} ${bytes}`.trim(), transaction].filter(text => text !== '').join('\n')
}

function Agrees({ agreement, chainOnly }: { agreement: Agreement; chainOnly: boolean }) {
  if (agreement.outcome === 'unknown') return <span class="dim">{NOTHING}</span>
  if (agreement.outcome === 'differs') {
    return (
      <b class="bad" title={`the chain says another ${agreement.field}`}>
        ✗
      </b>
    )
  }
  return (
    <b class="good" title={chainOnly ? 'read from the chain alone' : 'every figure is that of the chain'}>
      ✓
    </b>
  )
}

/** Where there is no room for all columns: what stands in the others. */
function Cramped({ told }: { told: Epoch }) {
  if (told.scheduled === null) return null
  return (
    <p class="cramped">
      hires <Amount value={told.hiredPaid} /> · debits <Debits told={told} /> · {count(told.recordsCounted)}{' '}
      records · {count(told.inferencesPaid)} inferences
      {told.price !== null && ` · $${shownPrice(told.price)}`}
      {told.certificate !== null && ` · ${CERTIFICATE_WORDS[told.certificate]}`}
    </p>
  )
}

function Debits({ told }: { told: Epoch }) {
  if (told.debitIo === null && told.debitIosd === null) return <span class="dim">{NOTHING}</span>
  return (
    <>
      <Amount value={told.debitIo} /> <span class="dim">IO</span> <Amount value={told.debitIosd} />{' '}
      <span class="dim">IOSD</span>
    </>
  )
}

function count(value: number | null) {
  return value === null ? <span class="dim">{NOTHING}</span> : shownCount(value)
}

/** One more than runs by the newest block: the relayer's view of the chain may be a block ahead. */
function newestPossible({ config, chain }: PageState): number {
  if (config.epochs === null || chain === null) return Number.POSITIVE_INFINITY
  return epochOf(config.epochs, chain.blockSec) + 1
}

function timesOf(clock: EpochClock | null, epoch: number) {
  return clock === null
    ? { startSec: 0, endSec: 0 }
    : { startSec: epochStartSec(clock, epoch), endSec: epochEndSec(clock, epoch) }
}
