/** Questions of many lengths and words, so that two answers in a row are hardly ever the same work. */

const OPENINGS = [
  'tell me about',
  'what is the price of',
  'write a poem on',
  'explain',
  'why is there',
  'who made',
]
const SUBJECTS = [
  'io',
  'graphics cards',
  'heat',
  'the sea at night',
  'idle time',
  'a wheel',
  'rain',
  'numbers',
]
const ENDINGS = [
  'please',
  'in short',
  'as if i were five',
  'and its opposite',
  'once more',
  'for my neighbour',
]

const MIN_TOKENS = 8
const SPAN_TOKENS = 56

export interface Question {
  readonly prompt: string
  readonly maxTokens: number
}

/** @param random uniform in [0, 1) */
export function nextQuestion(random: () => number): Question {
  const pick = (words: readonly string[]): string => words[Math.floor(random() * words.length)] ?? ''
  return {
    prompt: `${pick(OPENINGS)} ${pick(SUBJECTS)}, ${pick(ENDINGS)} ${Math.floor(random() * 1_000)}`,
    maxTokens: MIN_TOKENS + Math.floor(random() * SPAN_TOKENS),
  }
}
