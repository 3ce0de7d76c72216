import { networkEntries } from './network.ts'
import {
  aggregatorEntries,
  burnerEntries,
  claimEntries,
  gatewayEntries,
  oracleEntries,
  payerEntries,
  relayerEntries,
  venuesEntries,
  workerEntries,
} from './process-entries.ts'
import type { FileKind } from './reference.ts'

/** Every kind of file that people write, in the order of the reference page. */
export const FILE_KINDS: readonly FileKind[] = [
  { title: 'Oracle node', about: 'For `ionet oracle --config FILE`.', entries: oracleEntries },
  { title: 'Aggregator', about: 'For `ionet aggregator --config FILE`.', entries: aggregatorEntries },
  { title: 'Relayer', about: 'For `ionet relayer --config FILE`.', entries: relayerEntries },
  { title: 'Worker', about: 'For `ionet worker --config FILE`.', entries: workerEntries },
  { title: 'Gateway', about: 'For `ionet gateway --config FILE`.', entries: gatewayEntries },
  { title: 'Payer', about: 'For `ionet payer --config FILE`.', entries: payerEntries },
  {
    title: 'Claim',
    about: 'For `ionet claim --config FILE`; the file of a worker or a gateway will do as well.',
    entries: claimEntries,
  },
  { title: 'Burner', about: 'For `ionet burn --config FILE`.', entries: burnerEntries },
  { title: 'Venue simulator', about: 'For `ionet venues --config FILE`.', entries: venuesEntries },
  {
    title: 'Network',
    about:
      'The file that `network` names. All nodes of a network need the same one, so the environment cannot change it. ' +
      'See `config/networks/`.',
    entries: networkEntries,
  },
]
