/** Unix seconds as people read them. */
export function utc(sec: number): string {
  return new Date(sec * 1_000).toISOString().replace('.000', '')
}
