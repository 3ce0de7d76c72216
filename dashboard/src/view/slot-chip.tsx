import { NODE_COLOURS, nodeColour } from './node-colour.ts'

/** A node's slot number in its colour. */
export function SlotChip({ slot, nodes, name }: { slot: number; nodes: number; name?: string }) {
  return (
    <span
      class="chip"
      style={{ '--colour': nodes > NODE_COLOURS ? 'var(--chip-any)' : `var(${nodeColour(slot, nodes)})` }}
      title={name ?? `slot ${slot}`}
    >
      {slot}
    </span>
  )
}
