/** What a benchmark says: figures by name, each beside what it is to be compared with. */
import { execFileSync } from 'node:child_process'
import { arch, cpus, platform, totalmem } from 'node:os'

export interface Figure {
  /** Names are fixed: somebody compares them over commits. */
  readonly metric: string
  readonly value: number
  readonly unit: string
  /** What `value` is compared with, in the same unit: a peer, a naive way to do the same, or a floor. */
  readonly peer: number | null
  readonly peerName: string | null
  /** value / peer. */
  readonly ratio: number | null
}

/** How a benchmark is run. Each takes what concerns it. */
export interface BenchOptions {
  /** Network sizes; undefined: those of the benchmark. */
  readonly sizes: readonly number[] | undefined
  /** Measured repetitions; undefined: those of the benchmark. */
  readonly rounds: number | undefined
  /** Where CPU profiles are written; undefined: none are made. */
  readonly profileDirectory: string | undefined
  /** A line for people. */
  readonly say: (line: string) => void
}

export interface Bench {
  run(options: BenchOptions): Promise<readonly Figure[]>
}

export function figure(
  metric: string,
  value: number,
  unit: string,
  peer?: { readonly value: number; readonly name: string },
): Figure {
  return {
    metric,
    value: rounded(value),
    unit,
    peer: peer === undefined ? null : rounded(peer.value),
    peerName: peer?.name ?? null,
    ratio: peer === undefined || peer.value === 0 ? null : rounded(value / peer.value),
  }
}

/** Four significant digits below a thousand, whole numbers above: more is noise. */
function rounded(value: number): number {
  return Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(4))
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly platform: string
  readonly node: string
}

function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: rounded(totalmem() / 2 ** 30),
    platform: `${platform()} ${arch()}`,
    node: process.version,
  }
}

/** The commit that is measured, with a mark when files differ from it; null outside a repository. */
function commit(): string | null {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no').trim() !== ''
    return `${git('rev-parse', 'HEAD').trim()}${changed ? '-changed' : ''}`
  } catch {
    return null
  }
}

/** One line of JSON: the last of standard output with `--json`. */
export function jsonLine(bench: string, results: readonly Figure[]): string {
  return JSON.stringify({ bench, commit: commit(), machine: machine(), results })
}

export function table(results: readonly Figure[]): string {
  const rows = results.map(({ metric, value, unit, peer, peerName, ratio }) => [
    metric,
    value.toLocaleString('en'),
    unit,
    ratio === null ? '' : `${ratio} × ${peer?.toLocaleString('en')} (${peerName})`,
  ])
  const widths = [0, 1, 2].map(column => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  return rows
    .map(([metric = '', value = '', unit = '', peer = '']) =>
      `${metric.padEnd(widths[0] ?? 0)}  ${value.padStart(widths[1] ?? 0)} ${unit.padEnd(widths[2] ?? 0)}  ${peer}`.trimEnd(),
    )
    .join('\n')
}
