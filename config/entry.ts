import { z } from 'zod'

/**
 * One configuration value, described once: loading, the example environment and the reference page all come from
 * here. Its key is its place in the record that holds it, such as `p2p.listen`.
 */
export interface Entry<T> {
  /** One sentence for an operator. */
  readonly about: string
  /** Environment variable that wins over the file. */
  readonly variable?: string
  readonly unit?: string
  /** What it is when neither file nor environment say anything; shown as it stands. */
  readonly fallback?: { readonly value: T; readonly text: string }
  /** May be absent without a default: its value is then `undefined`. */
  readonly optional?: boolean
  /** What is expected, for people. */
  readonly expects: string
  readonly schema: z.ZodType<T>
  /** Turns the text of an environment variable into what the file would hold. */
  readonly fromText: (text: string) => unknown
  /** Paths are taken relative to the file that names them. */
  readonly isPath?: boolean
  /** Belongs to one shape of the file only, and is left out of the example environment. */
  readonly example?: string
}

export type Entries = Readonly<Record<string, Entry<unknown>>>
export type Values<E extends Entries> = { readonly [K in keyof E]: E[K] extends Entry<infer T> ? T : never }

interface Description<T> {
  readonly about: string
  readonly variable?: string
  readonly fallback?: T
  readonly example?: string
}

export function text(
  description: Description<string> & { readonly pattern?: RegExp; readonly expects?: string },
): Entry<string> {
  const schema = description.pattern === undefined ? z.string().min(1) : z.string().regex(description.pattern)
  return { ...common(description), expects: description.expects ?? 'text', schema, fromText: value => value }
}

/** A file or directory. */
export function path(description: Description<string>): Entry<string> {
  return {
    ...common(description),
    expects: 'a path',
    schema: z.string().min(1),
    fromText: value => value,
    isPath: true,
  }
}

export function oneOf<const T extends string>(
  values: readonly [T, ...T[]],
  description: Description<T>,
): Entry<T> {
  return {
    ...common(description),
    expects: `one of ${values.join(', ')}`,
    schema: z.enum(values) as unknown as z.ZodType<T>,
    fromText: value => value,
  }
}

export interface IntegerDescription extends Description<number> {
  readonly min: number
  readonly max: number
  readonly multipleOf?: number
  readonly unit?: string
}

export function integer(description: IntegerDescription): Entry<number> {
  const { min, max, multipleOf, unit } = description
  const step = multipleOf === undefined ? '' : `, a multiple of ${multipleOf}`
  const base = z.int().min(min).max(max)
  return {
    ...common(description),
    ...(unit === undefined ? {} : { unit }),
    expects: `a whole number from ${min} to ${max}${step}`,
    schema: multipleOf === undefined ? base : base.multipleOf(multipleOf),
    // Number('') is 0: an empty variable must not become a value.
    fromText: value => (/^-?\d+$/.test(value) ? Number(value) : value),
  }
}

/** An amount of a token, in whole tokens with up to 18 decimals: read it with `parseDecimal`. */
export function amount(description: Description<string>): Entry<string> {
  return text({
    ...description,
    pattern: /^\d{1,12}(\.\d{1,18})?$/,
    expects: 'an amount with up to 18 decimals, as text',
  })
}

/** A list of texts; separated by commas in the environment. */
export function list(
  description: Description<readonly string[]> & {
    readonly pattern: RegExp
    readonly expects: string
    readonly min: number
    readonly max: number
  },
): Entry<readonly string[]> {
  const { min, max } = description
  return {
    ...common(description),
    expects: `${min}–${max} of ${description.expects}`,
    schema: z.array(z.string().regex(description.pattern)).min(min).max(max),
    fromText: value =>
      value
        .split(',')
        .map(item => item.trim())
        .filter(item => item !== ''),
  }
}

/** The same entry, but it may be absent. */
export function optional<T>(entry: Entry<T>): Entry<T | undefined> {
  return { ...entry, optional: true } as Entry<T | undefined>
}

/** An HTTP or HTTPS address. */
export const URL_PATTERN = /^https?:\/\/[^\s/]+\S*$/

function common<T>(
  description: Description<T>,
): Pick<Entry<T>, 'about' | 'variable' | 'fallback' | 'example'> {
  const { about, variable, fallback, example } = description
  return {
    about,
    ...(variable === undefined ? {} : { variable }),
    ...(fallback === undefined ? {} : { fallback: { value: fallback, text: show(fallback) } }),
    ...(example === undefined ? {} : { example }),
  }
}

function show(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : String(value)
}
