import { join } from 'node:path'
import { expect } from 'chai'
import { AUDIT_MIGRATIONS, AuditStore } from '../../../oracle-node/auditing/audit-store.ts'
import { EpochSigner } from '../../../oracle-node/auditing/epoch-signer.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { hash, network } from '../../support/epoch/cast.ts'
import { caseOf } from '../../support/epoch/world.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { DOMAIN } from '../../support/protocol/network.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'

const RELAYER = hash('peer of relayer')

describe('an auditor whose process is killed while it signs an epoch', () => {
  const { report } = caseOf()
  const other = { ...report, rewardRoot: hash('another root') }
  let directory: TemporaryDirectory
  let store: AuditStore

  /** What the killed process had said, and a signer on what it left behind. */
  const killedWhen = async (deed: 'locked' | 'signed'): Promise<{ said: string; signer: EpochSigner }> => {
    const path = join(directory.path, 'audit.sqlite')
    const child = spawnNode('test/support/oracle-node/lock-process.ts', [path, deed])
    await child.printed('\n')
    child.process.kill('SIGKILL')
    expect(await child.ended).to.equal('SIGKILL')
    store = new AuditStore(openDatabase(path, AUDIT_MIGRATIONS))
    const signer = new EpochSigner(
      { domain: DOMAIN, slot: 0 },
      { store, key: () => undefined, sign: network.signerOf(0) },
    )
    return { said: child.stdout().trim(), signer }
  }

  beforeEach(() => {
    directory = temporaryDirectory()
  })
  afterEach(() => {
    store.close()
    directory.remove()
  })

  it('has locked before it signed: it signs that report, and no other of the attempt', async () => {
    const { said, signer } = await killedWhen('locked')
    expect(said).to.equal('locked')
    expect(() => signer.lockAndSign(other, RELAYER))
      .to.throw()
      .with.property('digest', signer.digestOf(report))
    expect(signer.lockAndSign(report, RELAYER).signature).to.have.length(64)
  })

  it('says again what it has said, and nothing else', async () => {
    const { said, signer } = await killedWhen('signed')
    expect(hexOf(signer.lockAndSign(report, RELAYER).signature)).to.equal(said)
    expect(() => signer.lockAndSign(other, RELAYER))
      .to.throw()
      .with.property('code', 'EPOCH_LOCKED')
    expect(signer.lockAndSign({ ...other, attempt: 1 }, RELAYER).signature).to.have.length(64)
  })
})
