/** So many nodes have a colour of their own; a larger network's are drawn alike, since no eye tells more apart. */
export const NODE_COLOURS = 8

/** CSS variable with a node's colour. */
export function nodeColour(slot: number, nodes: number): string {
  return nodes > NODE_COLOURS ? '--node-any' : `--node-${slot % NODE_COLOURS}`
}

/** Distance in tenths of a basis point that fills half of the little bar beside it. */
const FULL_TILT = 50n

/** Where that bar begins and how wide it is, in percent of its box; the middle is no distance. */
export function tiltOf(tenths: bigint): { left: string; width: string } {
  const magnitude = tenths < 0n ? -tenths : tenths
  const percent = ((magnitude > FULL_TILT ? FULL_TILT : magnitude) * 50n) / FULL_TILT
  return { left: `${tenths < 0n ? 50n - percent : 50n}%`, width: `${percent}%` }
}
