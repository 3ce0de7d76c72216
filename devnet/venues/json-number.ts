/** V8 has it, the library's types do not yet. */
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown }

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

/**
 * A decimal as the JSON number of exactly these characters, for `JSON.stringify`: no double in between, so `1e-7` and
 * eighteen decimals come out as they went in. What cannot be written as a number stays a string.
 */
export function jsonNumber(text: string): unknown {
  return JSON_NUMBER.test(text) ? rawJSON(text) : text
}
