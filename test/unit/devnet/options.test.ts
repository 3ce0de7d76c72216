import { expect } from 'chai'
import {
  listPorts,
  MAX_AGGREGATORS,
  MAX_ORACLES,
  MAX_PORT,
  MAX_WORKERS,
  planPorts,
} from '../../../devnet/options.ts'

describe('port plan', () => {
  it('counts every port from the page', () => {
    const plan = planPorts({ port: 4600, oracles: 2, aggregators: 1, workers: 2 })
    expect(plan).to.deep.equal({
      page: 4600,
      rpc: 4601,
      venues: 4602,
      relayer: { p2p: 4603, http: 4604 },
      gateway: 4605,
      workers: [4670, 4671],
      oracles: [
        { p2p: 4610, http: 4630 },
        { p2p: 4611, http: 4631 },
      ],
      aggregators: [{ p2p: 4650, http: 4660 }],
    })
  })

  it('gives no port twice, and none that does not exist, for the largest network', () => {
    const plan = planPorts({
      port: MAX_PORT,
      oracles: MAX_ORACLES,
      aggregators: MAX_AGGREGATORS,
      workers: MAX_WORKERS,
    })
    const ports = listPorts(plan).map(({ port }) => port)
    expect(new Set(ports).size).to.equal(ports.length)
    expect(Math.max(...ports)).to.equal(65_535)
  })
})
