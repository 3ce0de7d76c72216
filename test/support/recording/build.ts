import { join } from 'node:path'
import { HEADER_BYTES } from '../../../oracle-node/recording/block.ts'
import { type Recording, readRecording } from '../../../oracle-node/recording/reader.ts'
import type { RecordEntry, RecordHeader } from '../../../oracle-node/recording/record.ts'
import { createRecordFile } from '../../../oracle-node/recording/record-file.ts'
import { RecordWriter } from '../../../oracle-node/recording/writer.ts'
import type { RawTicker } from '../../../oracle-node/sources/exchange.ts'
import type { TappedTicker } from '../../../oracle-node/sources/pipeline.ts'
import type { SourcePlan } from '../../../protocol/sources/types.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { aPlan, NOW_MS } from '../sources/build.ts'

/** As a network file may have it: the dollar coin with its peg. */
function aRecordedPlan(): SourcePlan {
  const plan = aPlan()
  return {
    ...plan,
    legs: plan.legs.map(leg => (leg.pair === 'USDT/USD' ? { ...leg, peg: { bandBps: 300 } } : leg)),
  }
}

export function aRecordHeader(change: Partial<RecordHeader> = {}): RecordHeader {
  return { build: '0.0.0', startedAtMs: NOW_MS, roundMs: 1_000, plan: aRecordedPlan(), ...change }
}

export function aTapped(ticker: Partial<RawTicker> = {}, change: Partial<TappedTicker> = {}): TappedTicker {
  return {
    ...{ venue: 'binance', pair: 'IO/USDT', transport: 'websocket', requestedAtMs: null },
    ticker: {
      ...{ symbol: 'IO/USDT', bid: '2.499', ask: '2.501', last: '2.5', baseVolume: '1000' },
      ...{ exchangeTimeMs: NOW_MS - 200, receivedAtMs: NOW_MS - 100 },
      ...ticker,
    },
    ...change,
  }
}

/** Writes a recording with exactly these blocks. */
export async function writeEntries(path: string, blocks: readonly (readonly RecordEntry[])[]): Promise<void> {
  const writer = new RecordWriter(
    // A block is cut by hand: neither by size nor by time.
    { header: aRecordHeader(), limits: { blockChars: 1e6, blockMs: 1e6, pendingChars: 1e9 } },
    {
      clock: systemClock,
      open: () => createRecordFile(path),
      fail: error => {
        throw error
      },
    },
  )
  await writer.start()
  for (const entries of blocks) {
    for (const entry of entries) {
      if (entry.kind === 'ticker') writer.ticker(entry.tapped)
      else if (entry.kind === 'observe') writer.observed(entry.round, entry.nowMs)
    }
    writer.cut()
    await writer.settled()
  }
  await writer.stop()
}

/** Everything that a file gives, and how it ends. */
export interface Contents {
  readonly entries: readonly RecordEntry[]
  readonly tornBytes: number
  readonly isWhole: boolean
  readonly code: string | undefined
}

export async function contentsOf(path: string): Promise<Contents> {
  const entries: RecordEntry[] = []
  let recording: Recording | undefined
  let code: string | undefined
  try {
    recording = await readRecording(path)
    for await (const block of recording.blocks()) entries.push(...block)
  } catch (error) {
    // What is no refusal of ours fails the test.
    if (!(error instanceof Error) || error.name !== 'RecordingError' || !('code' in error)) throw error
    code = String(error.code)
  } finally {
    await recording?.close()
  }
  return { entries, tornBytes: recording?.tornBytes ?? 0, isWhole: recording?.isWhole ?? false, code }
}

/** Where the blocks of a whole recording begin. */
export function blocksOf(bytes: Buffer): number[] {
  const starts: number[] = []
  for (let at = 0; at < bytes.length; at += HEADER_BYTES + bytes.readUInt32BE(at + 12)) starts.push(at)
  return starts
}

export function fileIn(directory: { readonly path: string }, name = 'test.rec'): string {
  return join(directory.path, name)
}
