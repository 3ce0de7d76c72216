import { expect } from 'chai'
import { standInFor } from '../../../chain/settlement/epoch-logs.ts'
import { NOTHING_SETTLED } from '../../../chain/settlement/types.ts'
import { renderEmptied, verifyEmptied } from '../../../cli/verify/verify-emptied.ts'
import { poolOf } from '../../../protocol/epoch/emission.ts'
import { ONE } from '../../../protocol/units.ts'
import { hash } from '../../support/epoch/cast.ts'
import { TERMS } from '../../support/epoch/world.ts'

describe('the verification of an epoch that a quorum emptied', () => {
  const burned = 3n * ONE
  const reserveBefore = 9_000n * ONE
  const { scheduled, net, released } = poolOf(TERMS, 5, burned, reserveBefore)
  const emptied = {
    report: standInFor(5, NOTHING_SETTLED),
    ...{ emptied: true, added: 0n, scheduled, net, released, reserveBefore },
    reserveAfter: reserveBefore + scheduled + net,
    ...{ txHash: hash('transaction'), blockNumber: 7, timestampSec: 8 },
  }

  it('is equal where all of its pool is in the reserve', () => {
    const verification = verifyEmptied(emptied, { terms: TERMS, burned })
    expect(verification.isEqual).to.equal(true)
    expect(renderEmptied(verification, emptied).at(-1)).to.match(/^epoch 5: nobody was paid or debited/)
  })

  it('differs by a wei in any of its amounts', () => {
    for (const name of ['scheduled', 'net', 'released', 'reserveAfter'] as const) {
      const wrong = { ...emptied, [name]: emptied[name] + 1n }
      const verification = verifyEmptied(wrong, { terms: TERMS, burned })
      expect(verification.isEqual, name).to.equal(false)
      expect(renderEmptied(verification, wrong).at(-1)).to.equal('epoch 5 DIFFERS')
    }
    expect(verifyEmptied(emptied, { terms: TERMS, burned: burned - 1n }).isEqual).to.equal(false)
  })
})
