import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { emissionAnswer, emissionBlock, emissionCase } from '../../support/epoch/emission-cases.ts'

interface EmissionVectors {
  readonly inputs: readonly string[]
  readonly answers: readonly string[]
  readonly blocks: readonly string[]
}

const vectors: EmissionVectors = JSON.parse(
  readFileSync(new URL('../../../contracts/test/vectors/emission.json', import.meta.url), 'utf8'),
)

describe('the vectors of emission and exchange', () => {
  it('are what their numbers give now, in the first and the last thousand cases', () => {
    expect(vectors.blocks).to.have.length(100)
    for (const index of [0, 99]) expect(vectors.blocks[index]).to.equal(emissionBlock(index))
  }).timeout(60_000)

  it('show their first cases in clear', () => {
    const shown = [0, 1, 2, 3, 4].map(emissionCase)
    expect(vectors.inputs).to.deep.equal(shown.flatMap(asked => Object.values(asked).map(String)))
    const answers = shown.map(emissionAnswer)
    expect(vectors.answers).to.deep.equal(answers.flatMap(answer => Object.values(answer).map(String)))
  })

  it('meet every edge that they are made for', () => {
    const cases = Array.from({ length: 2_000 }, (_, number) => {
      const asked = emissionCase(number)
      return { asked, answer: emissionAnswer(asked) }
    })
    const maximum = 22_300_000n * 10n ** 18n
    const edges = {
      atAHalving: cases.filter(({ asked }) => asked.elapsedSec % asked.halvingPeriodSec === 0n),
      beforeAHalving: cases.filter(({ asked }) => (asked.elapsedSec + 1n) % asked.halvingPeriodSec === 0n),
      pastTheLastPeriod: cases.filter(({ asked }) => asked.elapsedSec / asked.halvingPeriodSec >= 97n),
      atTheMaximum: cases.filter(({ answer }) => answer.curve === maximum),
      aboveTheMaximum: cases.filter(({ asked, answer }) => answer.curve > maximum - asked.genesis),
      inTheEpochThatReachesIt: cases.filter(
        ({ asked, answer }) => answer.scheduled > 0n && answer.curve >= maximum - asked.genesis,
      ),
      burnedTheCap: cases.filter(({ asked, answer }) => asked.burned === answer.cap),
      burnedAWeiMore: cases.filter(({ asked, answer }) => asked.burned === answer.cap + 1n),
      releasesNothing: cases.filter(({ asked, answer }) => asked.reserve > 0n && answer.released === 0n),
      givesNothing: cases.filter(({ asked, answer }) => asked.ioIn > 0n && answer.iosdOut === 0n),
      costsAWei: cases.filter(({ answer }) => answer.ioIn === 1n),
      widest: cases.filter(({ asked }) => asked.ioIn === 2n ** 128n - 1n),
    }
    for (const [name, found] of Object.entries(edges)) expect(found, name).to.not.have.length(0)
  })
})
