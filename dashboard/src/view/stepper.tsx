import type { Epoch } from '../model/epoch.ts'
import { NOTHING, shownTime } from '../model/format.ts'
import { type Station, stationsOf } from '../model/stepper.ts'

/** An epoch's life as a line of stations, each with the time since the epoch's end at which it was reached. */
export function Stepper({ epoch }: { epoch: Epoch }) {
  return (
    <ol class="stepper">
      {stationsOf(epoch).map(station => (
        <li key={station.phase} class={`station station-${station.status}`} title={titleOf(station)}>
          <i class="dot" />
          <span class="phase">{station.phase}</span>
          <span class="when">{whenOf(station, epoch.endSec)}</span>
        </li>
      ))}
    </ol>
  )
}

/** The first station has a time of day, the others how long after the end they were reached. */
function whenOf({ phase, status, atSec }: Station, endSec: number): string {
  if (status === 'ahead') return ''
  if (atSec === null) return NOTHING
  if (phase === 'open') return shownTime(atSec * 1000)
  const lateSec = atSec - endSec
  return lateSec < 0 ? shownTime(atSec * 1000) : `+${lateSec} s`
}

function titleOf({ phase, status, atSec }: Station): string {
  if (status === 'ahead') return `${phase}: not yet`
  return atSec === null ? `${phase}: passed, nobody said when` : `${phase} at ${shownTime(atSec * 1000)}`
}
