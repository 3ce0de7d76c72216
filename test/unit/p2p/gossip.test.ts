import { expect } from 'chai'
import { gossipOptions, messageId } from '../../../runtime/p2p/gossip.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

describe('gossip options', () => {
  it('gives every difference in topic or data another message id', () => {
    const ids = [
      messageId({ topic: 'ab', data: text('c') }),
      messageId({ topic: 'a', data: text('bc') }),
      messageId({ topic: 'ab', data: text('d') }),
      messageId({ topic: 'ab', data: text('') }),
    ].map(id => Buffer.from(id).toString('hex'))
    expect(new Set(ids).size).to.equal(4)
    expect(ids[0]).to.equal(Buffer.from(messageId({ topic: 'ab', data: text('c') })).toString('hex'))
  })

  it('refuses messages of a topic nobody joined before anything is remembered', () => {
    const { dataTransform } = gossipOptions(topic => (topic === 'known' ? 10 : undefined), [], false)
    expect(() => dataTransform?.inboundTransform('other', text('x'))).to.throw('unknown topic')
    expect(dataTransform?.inboundTransform('known', text('x'))).to.deep.equal(text('x'))
  })

  it('scores every topic, and punishes nobody for being quiet', () => {
    const { topics = {} } = gossipOptions(() => 1, ['a', 'b'], true).scoreParams ?? {}
    expect(Object.keys(topics)).to.deep.equal(['a', 'b'])
    for (const score of Object.values(topics)) {
      expect(score.invalidMessageDeliveriesWeight).to.be.below(0)
      expect([score.meshMessageDeliveriesWeight, score.meshFailurePenaltyWeight]).to.deep.equal([0, 0])
    }
  })

  it('counts peers per IP only where peers are expected on different ones', () => {
    expect(gossipOptions(() => 1, [], false).scoreParams?.IPColocationFactorWeight).to.be.below(0)
    expect(gossipOptions(() => 1, [], true).scoreParams?.IPColocationFactorWeight).to.equal(0)
  })
})
