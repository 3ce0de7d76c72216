/**
 * Opens the auditor's store at `argv[2]`, locks the report of `world.ts` and signs it, as member 0. With `argv[3]`
 * `locked` it says so after the lock and before the signature, and never signs; with `signed` it says the signature.
 * Then it waits to be killed: nothing is closed or flushed.
 */
import { AUDIT_MIGRATIONS, AuditStore } from '../../../oracle-node/auditing/audit-store.ts'
import { EpochSigner } from '../../../oracle-node/auditing/epoch-signer.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { hash, network } from '../epoch/cast.ts'
import { caseOf } from '../epoch/world.ts'
import { DOMAIN } from '../protocol/network.ts'

const [, , path = '', deed = ''] = process.argv
const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}
const forever = new SharedArrayBuffer(4)
const signer = new EpochSigner(
  { domain: DOMAIN, slot: 0 },
  {
    store: new AuditStore(openDatabase(path, AUDIT_MIGRATIONS)),
    key: () => undefined,
    sign: digest => {
      if (deed === 'locked') {
        say('locked')
        Atomics.wait(new Int32Array(forever), 0, 0)
      }
      return network.signerOf(0)(digest)
    },
  },
)
say(hexOf(signer.lockAndSign(caseOf().report, hash('peer of relayer')).signature))
process.stdin.resume()
