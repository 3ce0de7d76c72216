/** What the cast of a settled chain does on it, and signs. */
import {
  type HDAccount,
  keccak256,
  type LocalAccount,
  type PublicClient,
  type TransactionReceipt,
  toHex,
} from 'viem'
import { burnerAbi } from '../../../chain/abi/burner.ts'
import { escrowAbi } from '../../../chain/abi/escrow.ts'
import { ioAbi } from '../../../chain/abi/io.ts'
import { iosdAbi } from '../../../chain/abi/iosd.ts'
import { modelRegistryAbi } from '../../../chain/abi/model-registry.ts'
import { workerRegistryAbi } from '../../../chain/abi/worker-registry.ts'
import type { Deployment } from '../../../chain/deployment.ts'
import type { SettlementReader } from '../../../chain/settlement/reader.ts'
import type { ContractCall } from '../../../chain/transactor.ts'
import type { Address, Hash } from '../../../protocol/bytes.ts'
import { type Domain, digestOf } from '../../../protocol/domain.ts'
import type { EpochInputs } from '../../../protocol/epoch/bundle.ts'
import { EMPTY_STATE } from '../../../protocol/epoch/state.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { ONE } from '../../../protocol/units.ts'
import { batchDigest, batchIdentity, type SignedBatch } from '../../../protocol/usage/batch.ts'
import { type AcceptedHold, acceptanceDigest, type Hold, holdDigest } from '../../../protocol/usage/hold.ts'
import { type Receipt, receiptDigest, type SignedReceipt } from '../../../protocol/usage/receipt.ts'
import type { UsageRecord } from '../../../protocol/usage/record.ts'
import { ASSET } from '../../../protocol/usage/wire.ts'
import { quorumSignatures, testMember } from '../chain/signing.ts'

export const BURNED = 50n * ONE
const BYTES = 32

export type Send = (account: LocalAccount, call: ContractCall) => Promise<TransactionReceipt>

export const lower = (account: LocalAccount): Address => account.address.toLowerCase() as Address

export function secretOf(account: HDAccount): Uint8Array {
  const { privateKey } = account.getHdKey()
  if (privateKey === null || privateKey === undefined) throw new Error('no key')
  return privateKey
}

/** Inputs of an epoch in which nothing happened, as the chain tells them. */
export async function inputsFrom(
  reader: SettlementReader,
  domain: Domain,
  epoch: number,
): Promise<EpochInputs> {
  const { snapshot, burned, parameters, deposits } = await reader.epochFacts(epoch)
  return {
    header: {
      domain,
      epoch,
      snapshotBlock: snapshot.number,
      snapshotHash: snapshot.hash,
      burned,
      reserve: reader.settlement().reserve,
    },
    parameters,
    price: undefined,
    models: [],
    deposits,
    windows: [],
    results: [],
    opening: EMPTY_STATE,
    openingRewards: [],
    openingDebits: [],
    acceptances: [],
    receipts: [],
    batches: [],
  }
}

/** Burns for IOSD, and deposits 30 IO and all the IOSD. */
export async function fundEscrow(
  payer: LocalAccount,
  contracts: Deployment['contracts'],
  send: Send,
): Promise<void> {
  const { io, iosd, burner, escrow } = contracts
  const call = (address: Address, abi: ContractCall['abi'], functionName: string, ...args: unknown[]) =>
    send(payer, { address, abi, functionName, args })
  await call(io, ioAbi, 'approve', burner, BURNED)
  await call(burner, burnerAbi, 'burnExactIn', BURNED, 0n, 2n ** 40n)
  await call(io, ioAbi, 'approve', escrow, 30n * ONE)
  await call(escrow, escrowAbi, 'deposit', ASSET.io, 30n * ONE)
  await call(iosd, iosdAbi, 'approve', escrow, 100n * ONE)
  await call(escrow, escrowAbi, 'deposit', ASSET.iosd, 100n * ONE)
}

export async function registerDevice(
  worker: LocalAccount,
  domain: Domain,
  registry: Address,
  send: Send,
): Promise<Hash> {
  const device = testMember('a device')
  const struct = {
    name: 'Device',
    fields: [
      { name: 'worker', type: 'address' },
      { name: 'device', type: 'address' },
    ],
  } as const
  const digest = digestOf(domain, struct, { worker: lower(worker), device: device.identity })
  const [signature] = quorumSignatures([device], digest)
  await send(worker, {
    address: registry,
    abi: workerRegistryAbi,
    functionName: 'register',
    args: [device.identity, signature],
  })
  return `0x${device.identity.slice(2).padStart(2 * BYTES, '0')}`
}

export async function registerModel(
  owner: LocalAccount,
  registry: Address,
  client: Pick<PublicClient, 'readContract'>,
  send: Send,
): Promise<{ readonly id: Hash }> {
  const [hash, salt] = [keccak256(toHex('weights')), keccak256(toHex('salt'))]
  const contract = { address: registry, abi: modelRegistryAbi } as const
  await send(owner, { ...contract, functionName: 'register', args: [hash, salt, 1_500] })
  return {
    id: await client.readContract({ ...contract, functionName: 'idOf', args: [owner.address, hash, salt] }),
  }
}

export function signers(domain: Domain, cast: Readonly<Record<'payer' | 'worker' | 'relayer', HDAccount>>) {
  const sign = (who: keyof typeof cast, digest: Uint8Array) =>
    nobleIdentityCrypto.sign(digest, secretOf(cast[who]))
  return {
    hold: (epoch: number, hold: Hold): AcceptedHold => {
      const accepted = { hold, epoch, snapshotBlock: 1, openTotal: hold.maxAmount }
      return {
        ...accepted,
        payerSignature: sign('payer', holdDigest(domain, hold)),
        relayerSignature: sign('relayer', acceptanceDigest(domain, accepted)),
      }
    },
    receipt: (receipt: Receipt): SignedReceipt => ({
      receipt,
      signature: sign('payer', receiptDigest(domain, receipt)),
    }),
    batch: (seqFrom: number, records: readonly UsageRecord[]): SignedBatch => {
      const batch = { worker: lower(cast.worker), seqFrom, records }
      return { batch, signature: sign('worker', batchDigest(domain, batchIdentity(batch))) }
    },
  }
}
