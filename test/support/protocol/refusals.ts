import { DecodeError, type DecodeReason } from '../../../protocol/bytes.ts'

/** The reason bytes were refused for, or undefined when they were taken. Any other error goes through. */
export function reasonOf(act: () => unknown): DecodeReason | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (error instanceof DecodeError) return error.reason
    throw error
  }
}
