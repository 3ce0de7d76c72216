/** An expression that may stay: its file, its text, and why no price goes through it. */
export interface Allowed {
  readonly file: string
  readonly expression: string
  readonly why: string
}

const of = (file: string, reasons: Readonly<Record<string, string>>): Allowed[] =>
  Object.entries(reasons).map(([expression, why]) => ({ file, expression, why }))

/** What of the price path computes with numbers. The whole expression is listed, so no other can take its place. */
export const ALLOWED: readonly Allowed[] = [
  ...of('protocol/units.ts', {
    'Number(exponentText)': 'four digits that say where the point stands',
    'Math.abs(exponent)': 'that number of digits',
  }),
  ...of('protocol/statistics.ts', { 'Number(bps)': 'whole basis points of at most 65,535' }),
  ...of('protocol/bytes.ts', { 'Number(this.uint(length))': 'at most 48 bits; prices have ten bytes' }),
  ...of('protocol/report.ts', {
    'Number((word >> CONFIDENCE_SHIFT) & MASK_16)': 'whole basis points of 16 bits',
    'Number((word >> OBSERVED_SHIFT) & MASK_40)': 'a time of 40 bits',
    'Number(word & MASK_40)': 'a round of 40 bits',
  }),
  ...of('protocol/sources/quote-trace.ts', { 'Math.floor(nowMs / 1_000)': 'a time in seconds' }),
  ...of('protocol/sources/commitment.ts', { 'Math.ceil(text.length / WORD_BYTES)': 'words of a name' }),
  ...of('oracle-node/quoting/quoter.ts', { 'Math.abs(offsetMs)': 'a clock offset' }),
  ...of('oracle-node/recording/quote-line.ts', { 'Math.floor(nowMs / 1_000)': 'a time in seconds' }),
  ...of('oracle-node/recording/header.ts', { 'JSON.parse(text)': 'the plan: ages, bands and names' }),
  ...of('oracle-node/recording/end.ts', { 'JSON.parse(text)': 'counts and a hash' }),
  ...of('oracle-node/recording/entry-lines.ts', {
    'JSON.parse(line)': 'prices are text in it, and times whole',
  }),
  ...of('oracle-node/sources/adapters/allowance.ts', { '(nowMs - this.#atMs) / 1_000': 'a time in seconds' }),
  ...of('oracle-node/sources/adapters/bounded-answer.ts', {
    'Number.parseInt(text.slice(at + 1))': 'how large an exponent is',
    'Math.abs(exponent)': 'how large an exponent is',
    "Number(mantissa.replace('.', ''))": 'whether it is a number at all',
    'Number.parseInt(String(told))': 'how many decimals a market has',
    'Number(told)': 'how many decimals a market has',
    'Math.abs(digits)': 'how many decimals a market has',
  }),
  ...of('oracle-node/sources/adapters/entries.ts', {
    "parse8601(typeof text === 'string' && LOCAL_TIME.test(text) ? `${text}+08:00` : text)": 'a time',
  }),
  ...of('oracle-node/sources/recycle.ts', { '0.5 + random() / 2': 'part of a wait' }),
  ...of('oracle-node/sources/timing.ts', {
    '2 ** Math.min(failures - 1, 16)': 'how often a wait is doubled',
    'Math.ceil(baseMs * (0.5 + random / 2))': 'a wait in milliseconds',
  }),
  ...of('oracle-node/sources/adapters/probe.ts', {
    'call.wireMs / 2': 'half the way of a call',
    'Math.round(listMs)': 'a latency',
    'Math.round(found)': 'latencies and clock skews',
  }),
  ...of('oracle-node/sources/adapters/rest-calls.ts', {
    "Date.parse(String(headers['date']))": 'the time of a server',
    'Number(header) * 1_000': 'a wait in seconds',
    'Date.parse(header)': 'until when to wait',
  }),
  ...of('oracle-node/sources/adapters/text-book.ts', {
    "Number(data['microtimestamp'])": 'a time in microseconds',
    'Math.floor(micros / 1_000)': 'a time in milliseconds',
  }),
]
