import { expect } from 'chai'
import { createLogView } from '../../../devnet/log-view.ts'

function view(level: 'debug' | 'info' | 'warn' | 'error' = 'info') {
  const lines: string[] = []
  return { lines, view: createLogView({ write: line => lines.push(line), level, color: false }) }
}

const at = new Date(2026, 0, 2, 12, 0, 1).getTime()
const record = (fields: object) =>
  JSON.stringify({ level: 'info', time: at, name: 'x', msg: 'a sentence', ...fields })

describe('log view', () => {
  it('shows time, process, level, sentence and fields in one line', () => {
    const { lines, view: log } = view()
    log.show('oracle-2', record({ round: 17, why: ['A', 'B'] }))
    expect(lines).to.deep.equal(['12:00:01 oracle-2      info  a sentence  round=17  why=["A","B"]'])
  })

  it('hides lines below its level', () => {
    const { lines, view: log } = view('warn')
    log.show('oracle-2', record({}))
    log.show('oracle-2', record({ level: 'error', error: { code: 'TOO_LATE', message: 'gone\nstack' } }))
    expect(lines).to.deep.equal(['12:00:01 oracle-2      error a sentence  error=TOO_LATE: gone'])
  })

  it('passes on what is not of the logger, without what could move the cursor', () => {
    const { lines, view: log } = view()
    log.show('chain', '\u001b[2J{"half')
    log.show('chain', '   ')
    expect(lines).to.have.length(1)
    expect(lines[0]).to.match(/chain\s+info\s+\[2J\{"half$/)
  })

  it('keeps lines short', () => {
    const { lines, view: log } = view()
    log.show('chain', 'x'.repeat(10_000))
    expect(lines[0]?.length).to.be.lessThan(500)
  })
})
