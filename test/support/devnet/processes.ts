import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** A process as the system tells of it. */
export interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  /** Empty once it has ended and only waits to be collected. */
  readonly args: readonly string[]
}

/** Whether this system tells of its processes as Linux does. */
export const CAN_LIST_PROCESSES = existsSync('/proc/self/smaps_rollup')

/** Every process there is; those that end meanwhile are left out. None where the system does not tell. */
export function listProcesses(): ProcessEntry[] {
  if (!CAN_LIST_PROCESSES) return []
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => {
      try {
        const args = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').slice(0, -1)
        // The name in parentheses may hold anything, spaces and parentheses included.
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return [{ pid: Number(name), parent: Number(parent), args }]
      } catch {
        return []
      }
    })
}

/** A process and everything that it started, and they started. */
export function familyOf(pid: number): ProcessEntry[] {
  const all = listProcesses()
  const family = all.filter(entry => entry.pid === pid)
  // Grows while it is walked: children of children are found in turn.
  for (const member of family) family.push(...all.filter(entry => entry.parent === member.pid))
  return family
}

/** Those of `pids` that still run; one that has ended and waits to be collected does not. */
export function stillRunning(pids: readonly number[]): ProcessEntry[] {
  return listProcesses().filter(entry => pids.includes(entry.pid) && entry.args.length > 0)
}

/** Memory in bytes; what several processes share is counted once in their sum. */
export function proportionalMemoryOf(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? Number.NaN) * 1024
}

/** The program that a process runs. */
export function programOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/exe`)
}
