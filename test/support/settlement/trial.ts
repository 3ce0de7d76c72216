/** What has to come of a lie: every node says no, each for itself; nothing reaches the chain; honesty settles. */
import { expect } from 'chai'
import type { AuditRefusal } from '../../../protocol/epoch/audit-types.ts'
import type { EpochJson } from '../../../relayer/epochs/epoch-json.ts'
import type { SettlementNetwork } from './settlement-network.ts'

/**
 * Ends the epoch, and waits until every oracle node has refused it.
 *
 * @returns what each of them found, as it said it
 */
export async function refusedByAll(
  network: SettlementNetwork,
  epoch: number,
  code: AuditRefusal,
): Promise<string[]> {
  await network.endEpoch(epoch)
  const refusals = await Promise.all(network.oracles.map(oracle => oracle.refusal(epoch)))
  const audits = await Promise.all(network.oracles.map(oracle => oracle.audits(epoch)))
  expect(audits.flat().filter(({ verdict, code: found }) => verdict !== 'refused' || found !== code)).to.eql(
    [],
  )
  expect(await network.chain.stagedEpochs(), 'epochs on chain').to.not.include(epoch)
  return refusals.map(({ text }) => text ?? '')
}

/** Puts an honest relayer in the place of the one that runs, and waits until it has settled the epoch. */
export async function settledHonestly(network: SettlementNetwork, epoch: number): Promise<EpochJson> {
  const before = await network.relayer.epoch(epoch)
  await network.stopRelayer()
  await network.startRelayer()
  const json = await network.relayer.settled(epoch)
  expect(json).to.include({ phase: 'final', certificate: 'quorum' })
  expect(json.attempt, 'another attempt than the refused one').to.be.above(0)
  expect(json.bundleHash).to.not.equal(before?.bundleHash)
  expect(await network.chain.stagedEpochs(), 'epochs on chain').to.include(epoch)
  return json
}
