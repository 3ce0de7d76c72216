import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { ListedMember, MemberList } from '../../../chain/member-set.ts'
import { changesOf, problemsOf, readListFile, warningsOf } from '../../../cli/members/member-list.ts'
import { registryJson, renderRegistry } from '../../../cli/members/render.ts'
import {
  collectQuorum,
  type MemberSetSignature,
  signList,
  type Wanted,
} from '../../../cli/members/signatures.ts'
import { bytesOf, hexOf } from '../../../protocol/bytes.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import type { RegistryView } from '../../../protocol/membership.ts'
import { at, castOf, DOMAIN, type Party, party, registryView } from '../../support/network/cast.ts'

const cast = castOf(4)
const inForce = registryView(cast, { registryVersion: 7, suspended: [3] })
const newcomer = party('newcomer')
const listed = ({ identity, peerKey }: Party): ListedMember => ({ identity, peerKey })
const members = cast.members.map(listed)
const MAINNET = 1
const codesOf = (list: MemberList, chainId = MAINNET) =>
  problemsOf(list, inForce, chainId).map(({ code }) => code)

describe('a list of members', () => {
  let dir: string
  const fileOf = (content: unknown): string => {
    const file = join(dir, 'list.json')
    writeFileSync(file, JSON.stringify(content))
    return file
  }
  const entry = (slot: number) => ({ slot, ...at(members, slot) })
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-list-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('is read by slot, with null where nobody is, whatever the case of its digits', () => {
    const loud = { ...entry(2), identity: `0x${entry(2).identity.slice(2).toUpperCase()}` }
    expect(readListFile(fileOf([entry(0), null, loud]))).to.deep.equal([members[0], undefined, members[2]])
  })

  it('is refused where an entry stands in another place than its slot, or is no entry', () => {
    expect(() => readListFile(fileOf([entry(1)]))).to.throw(/slot 1 stands in place 0/)
    expect(() => readListFile(fileOf([{ ...entry(0), secret: '0x00' }]))).to.throw(/secret/)
    expect(() => readListFile(fileOf([{ ...entry(0), peerKey: '0x12' }]))).to.throw(/0\.peerKey/)
    expect(() => readListFile(fileOf([]))).to.throw()
  })

  it('has no problems where members stay in their slots and others join', () => {
    expect(codesOf(members)).to.deep.equal([])
    expect(codesOf([members[0], members[1], undefined, members[3], listed(newcomer)])).to.deep.equal([])
    expect(codesOf([listed(newcomer), ...members.slice(1)])).to.deep.equal([])
  })

  it('tells of everybody who would have to move to another slot', () => {
    const [first, second, ...rest] = members
    expect(codesOf([second, first, ...rest])).to.deep.equal(['SLOT_MOVED', 'SLOT_MOVED'])
  })

  it('tells of an identity or a peer key that is there twice, or belongs to a service', () => {
    const twice = { ...listed(newcomer), identity: at(members, 0).identity }
    expect(codesOf([...members, twice])).to.deep.equal(['DUPLICATE_IDENTITY', 'SLOT_MOVED'])
    const shared = { ...listed(newcomer), peerKey: at(members, 0).peerKey }
    expect(codesOf([...members, shared])).to.deep.equal(['DUPLICATE_PEER_KEY'])
    expect(codesOf([...members, listed(at(cast.aggregators, 1))])).to.deep.equal([
      'DUPLICATE_IDENTITY',
      'DUPLICATE_PEER_KEY',
    ])
  })

  it('tells of zeros, which are no way to write an empty slot', () => {
    const zero = { identity: `0x${'00'.repeat(20)}`, peerKey: `0x${'00'.repeat(32)}` } as const
    expect(codesOf([...members, zero])).to.deep.equal(['ZERO_IDENTITY', 'ZERO_PEER_KEY'])
  })

  it('has four members at least, but on a development chain', () => {
    const three = [undefined, ...members.slice(1)]
    expect(codesOf(three)).to.deep.equal(['TOO_FEW_MEMBERS'])
    expect(codesOf(three, DOMAIN.chainId)).to.deep.equal([])
  })

  it('says what becomes of every place', () => {
    const moved = { ...at(members, 1), peerKey: newcomer.peerKey }
    const list = [members[0], moved, listed(newcomer), members[3]]
    expect(changesOf(list, inForce).map(({ slot, kind }) => `${slot} ${kind}`)).to.deep.equal([
      '0 stays',
      '1 new peer key',
      '2 leaves',
      '2 joins',
      '3 reinstated',
    ])
  })

  it('warns of a key that cannot be made without those who join, and of who has to go on running', () => {
    expect(warningsOf(members, registryView(cast))).to.have.length(1)
    expect(warningsOf(members, registryView(cast))[0]).to.include('takes back')
    const half = [members[0], members[1], listed(newcomer), listed(party('another'))]
    const [key, leaving, ...rest] = warningsOf(half, inForce)
    expect(key).to.include('at least 3 of these 4, and only 2 of them')
    expect(leaving).to.include('who leaves must run')
    expect(rest).to.deep.equal([])
  })
})

describe('signatures over a list of members', () => {
  const list: MemberList = [...members.slice(0, 3), listed(newcomer)]
  const wanted: Wanted = { domain: DOMAIN, registryVersion: 7, list, inForce }
  const sign = (by: Party, of: Partial<Wanted> = {}): MemberSetSignature => {
    const { domain, registryVersion, list: signed } = { ...wanted, ...of }
    return signList(signed, { domain, registryVersion }, by, nobleIdentityCrypto)
  }
  const collect = (found: readonly MemberSetSignature[]) => collectQuorum(found, wanted, nobleIdentityCrypto)
  const three = [0, 1, 2].map(slot => sign(at(cast.members, slot)))

  it('are a quorum in the order of addresses, however they come', () => {
    const sorted = three.toSorted((a, b) => (a.identity < b.identity ? -1 : 1))
    for (const given of [three, three.toReversed(), [...three, at(three, 0)]])
      expect(collect(given)).to.deep.equal({
        signers: sorted.map(({ identity }) => identity),
        enough: sorted.map(({ identity, signature }) => ({
          signer: identity,
          signature: bytesOf(signature),
        })),
        missing: [],
        refused: [],
      })
  })

  it('are no more than the registry has to check', () => {
    const active = { ...wanted, inForce: registryView(cast) }
    const collected = collectQuorum([...three, sign(at(cast.members, 3))], active, nobleIdentityCrypto)
    expect(collected.enough).to.have.length(3)
    expect(collected.signers).to.have.length(4)
  })

  it('count once for each signer', () => {
    const collected = collect([at(three, 0), at(three, 1), at(three, 1)])
    expect(collected).to.deep.include({
      enough: undefined,
      missing: [at(cast.members, 2).identity],
      refused: [],
    })
    expect(collected.signers).to.have.length(2)
  })

  it('are refused by name when they are not of this list, version and network by an active member', () => {
    const forged = { ...at(three, 2), signature: hexOf(new Uint8Array(64).fill(1)) }
    const lent = { ...at(three, 2), identity: at(cast.members, 1).identity }
    const faulty: [MemberSetSignature, string][] = [
      [sign(at(cast.members, 2), { domain: { ...DOMAIN, chainId: 5 } }), 'OTHER_NETWORK'],
      [sign(at(cast.members, 2), { registryVersion: 6 }), 'OTHER_VERSION'],
      [sign(at(cast.members, 2), { list: members }), 'OTHER_LIST'],
      [forged, 'BAD_SIGNATURE'],
      [lent, 'BAD_SIGNATURE'],
      // Suspended, and not a member.
      [sign(at(cast.members, 3)), 'NOT_ACTIVE'],
      [sign(newcomer), 'NOT_ACTIVE'],
    ]
    for (const [signature, fault] of faulty) {
      const collected = collect([...three.slice(0, 2), signature])
      expect(collected.enough).to.equal(undefined)
      expect(collected.refused.map(refused => refused.fault)).to.deep.equal([fault])
      // Beside enough good ones it does no harm.
      expect(collect([...three, signature]).enough).to.have.length(3)
    }
  })
})

describe('the registry, shown', () => {
  const groupKey = { px: 255n, transcriptHash: `0x${'11'.repeat(32)}`, participants: [0, 1, 2] } as const
  const before = registryView(cast, { groupKey, keyEpoch: 1, suspended: [3] })
  const view: RegistryView = {
    newest: registryView(cast, { groupKey, keyEpoch: 2, registryVersion: 9 }),
    previous: before,
    switchAtSec: 1_000,
    pending: { memberSet: 2, members: [{ slot: 4, ...listed(newcomer), suspended: false }] },
  }
  const facts = (nowSec: number) => ({ domain: DOMAIN, view, handoverSec: 100, nowSec, rpcUrl: '' })

  it('says which key counts before, during and after a handover', () => {
    const shown = (nowSec: number) => renderRegistry(facts(nowSec)).join('\n')
    expect(shown(990)).to.include('counts for rounds from 1970-01-01T00:16:40Z on, in 10 s')
    expect(shown(990)).to.include('its reports are taken until 1970-01-01T00:18:20Z')
    expect(shown(1_050)).to.include('counts since 1970-01-01T00:16:40Z')
    expect(shown(1_100)).to.include('counts no more since 1970-01-01T00:18:20Z')
    expect(registryJson(facts(999)).countsNow).to.deep.equal({ keyEpoch: 1, memberSet: 1 })
    expect(registryJson(facts(1_000)).countsNow).to.deep.equal({ keyEpoch: 2, memberSet: 1 })
  })

  it('says who holds a share, who is suspended, and what the pending list makes of everybody', () => {
    const json = registryJson(facts(990))
    expect(json.newest.members.map(({ holdsShare }) => holdsShare)).to.deep.equal([true, true, true, false])
    expect(json.previous?.members.map(({ suspended }) => suspended)).to.deep.equal([
      false,
      false,
      false,
      true,
    ])
    expect(json).to.deep.include({ switchesAtSec: 1_000, previousUntilSec: 1_100, registryVersion: 9 })
    expect(json.pending).to.deep.equal({ memberSet: 2, members: [{ slot: 4, ...listed(newcomer) }] })
    const pending = renderRegistry(facts(990)).slice(-5)
    expect(pending.map(line => line.split('  ').at(-1))).to.deep.equal([
      'joins',
      'leaves',
      'leaves',
      'leaves',
      'leaves',
    ])
  })
})
