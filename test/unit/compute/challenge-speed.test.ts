import { expect } from 'chai'
import { ENTRIES_ONLY } from '../../../compute/challenge/draw.ts'
import { decodeOpenings, encodeOpenings } from '../../../compute/challenge/openings.ts'
import { extendChain, openDrawn, startChain } from '../../../compute/challenge/prove.ts'
import { verifyOpenings } from '../../../compute/challenge/verify.ts'
import { matrixSize } from '../../../compute/matrix/size.ts'
import { createWasmKernel } from '../../../compute/matrix/wasm-kernel.ts'
import { contextOf, draw } from '../../support/compute/challenge.ts'

/** CPU milliseconds of the fastest of some runs. */
function fastest(runs: number, work: () => void): number {
  const times = Array.from({ length: runs }, () => {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000
  })
  return Math.min(...times)
}

describe('checking a product of side 1,024', () => {
  it('costs a small part of making it', async function () {
    const kernel = await createWasmKernel()
    const context = contextOf(matrixSize(1_024))
    let chain = startChain(context)
    const workMs = fastest(3, () => {
      chain = extendChain(kernel, chain)
    })
    const { roots } = chain
    const bytes = encodeOpenings(openDrawn(kernel, context, roots, draw(context, roots, ENTRIES_ONLY)))
    const verifyMs = fastest(20, () => {
      const drawn = draw(context, roots, ENTRIES_ONLY)
      const verdict = verifyOpenings(
        kernel,
        context,
        roots,
        drawn,
        decodeOpenings(bytes, drawn, context.size),
      )
      expect(verdict.ok).to.equal(true)
    })
    const test = this.test
    if (test !== undefined) {
      const ratio = Math.round(workMs / verifyMs)
      test.title += ` (measured: 1/${ratio} of ${workMs.toFixed(0)} ms)`
    }
    // Loose on purpose: what is measured depends on the machine, that it is far cheaper does not.
    expect(verifyMs * 5).to.be.below(workMs)
  })
})
