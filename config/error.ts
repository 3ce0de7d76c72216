/** One thing that is wrong, where it is, and what would be right. */
export interface ConfigProblem {
  /** The file's key, such as `p2p.peers.0`; a referenced file's keys stand behind its own, such as `network.roundMs`. */
  readonly path: string
  readonly problem: string
  readonly hint: string
}

/** The configuration cannot be used. It lists everything that is wrong, so that one edit can mend it all. */
export class ConfigError extends Error {
  readonly code = 'BAD_CONFIG'
  readonly file: string
  readonly problems: readonly ConfigProblem[]
  constructor(file: string, problems: readonly ConfigProblem[]) {
    super(
      `${file} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${list(problems)}`,
    )
    this.name = 'ConfigError'
    this.file = file
    this.problems = problems
  }
}

function list(problems: readonly ConfigProblem[]): string {
  return problems
    .map(
      ({ path, problem, hint }) =>
        `  ${path === '' ? '' : `${path}: `}${problem}${hint === '' ? '' : ` (${hint})`}`,
    )
    .join('\n')
}
