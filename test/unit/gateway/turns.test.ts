import { expect } from 'chai'
import { Turns } from '../../../gateway/turns.ts'

describe('turns', () => {
  it('are taken one after the other, in the order of coming', async () => {
    const turns = new Turns()
    const said: string[] = []
    const leaveFirst = await turns.take('a')
    const second = turns.take('a').then(leave => {
      said.push('second')
      leave()
    })
    const third = turns.take('a').then(() => said.push('third'))
    await Promise.resolve()
    expect(said).to.deep.equal([])
    leaveFirst()
    await Promise.all([second, third])
    expect(said).to.deep.equal(['second', 'third'])
  })

  it('of another name do not wait', async () => {
    const turns = new Turns()
    await turns.take('a')
    await turns.take('b')
  })

  it('are over for who comes later', async () => {
    const turns = new Turns()
    const leave = await turns.take('a')
    leave()
    await turns.take('a')
  })
})
