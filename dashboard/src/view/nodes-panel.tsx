import { NOTHING, shownAge, shownHex, shownPrice, shownTenths } from '../model/format.ts'
import { type NodeRow, nodeRows, type Part } from '../model/nodes.ts'
import type { PageState } from '../model/state.ts'
import { nodeColour, tiltOf } from './node-colour.ts'
import { SlotChip } from './slot-chip.tsx'

/** Rounds in the strip that shows each node's part. */
const STRIP_ROUNDS = 30
/** Not heard of for so many rounds: the row says so. */
const LOST_ROUNDS = 5

const PART_WORDS: Record<Part, string> = {
  signed: 'quoted and signed',
  quoted: 'quoted, not among the signers',
  absent: 'no quote',
}

/** Every node of the network: its newest quote, how far that is from the median, and its part in recent rounds. */
export function NodesPanel({ state, now }: { state: PageState; now: number }) {
  const rows = nodeRows(state.config.oracles, state.reports, STRIP_ROUNDS)
  return (
    <section class="panel nodes">
      <h2>Nodes</h2>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th class="narrow">slot</th>
              <th>name</th>
              <th class="roomy">address</th>
              <th class="right">last quote</th>
              <th class="right" title="From the certified price of the same round">
                off median
              </th>
              <th
                class="roomy"
                title="Newest on the right: filled = signed, outline = quoted, dot = no quote"
              >
                last {STRIP_ROUNDS} rounds
              </th>
              <th class="narrow">signed</th>
              <th class="right">seen</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(row => (
              <Row
                key={row.slot}
                row={row}
                nodes={rows.length}
                now={now}
                lostMs={LOST_ROUNDS * state.config.roundMs}
              />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

function Row({ row, nodes, now, lostMs }: { row: NodeRow; nodes: number; now: number; lostMs: number }) {
  const ageMs = row.last === null ? null : now - row.last.round * 100
  const lost = ageMs !== null && ageMs > lostMs
  const part = row.parts.at(-1)
  return (
    <tr class={lost ? 'lost' : ''}>
      <td class="narrow">
        <SlotChip slot={row.slot} nodes={nodes} />
      </td>
      <td>{row.name}</td>
      <td class="roomy mono dim" title={row.address}>
        {shownHex(row.address)}
      </td>
      <td class="right">{row.last === null ? NOTHING : shownPrice(row.last.price)}</td>
      <td class="right">
        {row.last === null ? (
          NOTHING
        ) : (
          <Offset slot={row.slot} nodes={nodes} tenths={row.last.offsetTenths} />
        )}
      </td>
      <td class="roomy">
        <span class="strip">
          {row.parts.map((each, index) => (
            <i key={index} class={each} title={PART_WORDS[each]} />
          ))}
        </span>
      </td>
      <td class="narrow">
        {part === 'signed' ? (
          <b class="good">✓</b>
        ) : (
          <span class="dim">{part === 'quoted' ? '·' : NOTHING}</span>
        )}
      </td>
      <td class={`right ${lost ? 'bad' : ''}`}>{ageMs === null ? 'never' : shownAge(ageMs)}</td>
    </tr>
  )
}

function Offset({ slot, nodes, tenths }: { slot: number; nodes: number; tenths: bigint }) {
  return (
    <>
      {shownTenths(tenths)} bps
      <span class="tilt" style={{ '--colour': `var(${nodeColour(slot, nodes)})` }}>
        <i style={tiltOf(tenths)} />
      </span>
    </>
  )
}
