/** `ionet relayer`, but for what it proposes: `--config FILE --fault NAME [--hold HEX]`. */
import { parseArgs } from 'node:util'
import { runProcess } from '../../../cli/run-process.ts'
import { loadRelayerConfig } from '../../../config/process-config.ts'
import { type Address, ByteReader, bytesOf, type Hex } from '../../../protocol/bytes.ts'
import { SIGNATURE_BYTES } from '../../../protocol/identity.ts'
import { readHold } from '../../../protocol/usage/hold.ts'
import { createRelayer } from '../../../relayer/service.ts'
import { readKeystore } from '../../../runtime/keystore.ts'
import { crypto } from '../network/cast.ts'
import { dishonestly, FAULTS, type FaultTools } from './faults.ts'

const { values } = parseArgs({
  options: { config: { type: 'string' }, fault: { type: 'string' }, hold: { type: 'string' } },
})
const fault = FAULTS.find(name => name === values.fault)
if (fault === undefined || values.config === undefined) throw new Error('which lie, and which configuration?')
const config = loadRelayerConfig(values.config, process.env)

await runProcess(
  { name: 'dishonest relayer', logLevel: config.logLevel, stopWithStdin: true },
  async deps => {
    const secret = await readKeystore(config.identity.keystore, config.identity.password)
    const { chainId, contracts } = config.deployment
    const tools: FaultTools = {
      domain: { chainId, registry: contracts.oracleRegistry.toLowerCase() as Address },
      sign: digest => crypto.sign(digest, secret),
      hold: values.hold === undefined ? undefined : readSigned(values.hold as Hex),
    }
    return createRelayer(config, deps, { propose: dishonestly(fault, tools) })
  },
)

/** A hold and its payer's signature, as a payer posts them. */
function readSigned(hex: Hex): FaultTools['hold'] {
  const reader = new ByteReader(bytesOf(hex))
  return reader.done({ hold: readHold(reader), payerSignature: reader.fixed(SIGNATURE_BYTES) })
}
