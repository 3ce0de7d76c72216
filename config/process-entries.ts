import { amount, integer, list, oneOf, optional, path, text, URL_PATTERN } from './entry.ts'

const MULTIADDR_PATTERN = /^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/\d{1,5}$/
const PEER_PATTERN = /^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/\d{1,5}\/p2p\/[1-9A-HJ-NP-Za-km-z]{20,80}$/

/** Asked of everything that reads the chain. */
export const chainEntries = {
  rpcUrls: list({
    about: 'Ethereum JSON-RPC endpoints, the preferred one first.',
    variable: 'IONET_RPC_URLS',
    pattern: URL_PATTERN,
    expects: 'http or https addresses',
    min: 1,
    max: 8,
    example: 'http://127.0.0.1:8545',
  }),
  deployment: path({
    about: 'File with the chain id and the addresses of the contracts, written by `ionet deploy`.',
    variable: 'IONET_DEPLOYMENT',
    example: 'deployment.json',
  }),
}

/** Asked of everything that signs as a member or an aggregator. */
export const nodeEntries = {
  dataDir: path({
    about:
      'Where the process keeps what it must not forget: back it up, and never copy it to a second machine that runs.',
    variable: 'IONET_DATA_DIR',
    example: 'data',
  }),
  lockDir: path({
    about: 'Where locks keep two processes of this machine from using one key; the same for all of them.',
    variable: 'IONET_LOCK_DIR',
    fallback: '~/.local/state/ionet/locks',
  }),
  'identity.keystore': path({
    about: 'Keystore of the secp256k1 identity that stands in the registry.',
    variable: 'IONET_IDENTITY_KEYSTORE',
    example: 'keys/identity.json',
  }),
  'identity.peerKeystore': path({
    about: 'Keystore of the Ed25519 seed behind the peer id that stands in the registry.',
    variable: 'IONET_PEER_KEYSTORE',
    example: 'keys/peer.json',
  }),
  'identity.passwordFile': path({
    about: 'File with the password of both keystores, readable by its owner only.',
    variable: 'IONET_PASSWORD_FILE',
    example: 'keys/password',
  }),
  ...chainEntries,
  network: path({
    about: 'File with what all nodes of the network agree on.',
    variable: 'IONET_NETWORK',
    example: 'network.json',
  }),
  'p2p.listen': list({
    about: 'Addresses to listen on for other nodes.',
    variable: 'IONET_P2P_LISTEN',
    pattern: MULTIADDR_PATTERN,
    expects: 'multiaddresses such as /ip4/0.0.0.0/tcp/4700',
    min: 1,
    max: 8,
    example: '/ip4/0.0.0.0/tcp/4700',
  }),
  'p2p.peers': list({
    about: 'Other nodes to connect to.',
    variable: 'IONET_P2P_PEERS',
    pattern: PEER_PATTERN,
    expects: 'multiaddresses that end in /p2p/ and a peer id',
    min: 0,
    max: 256,
    fallback: [],
  }),
  'http.host': text({
    about: 'Address on which health, metrics and the API are served.',
    variable: 'IONET_HTTP_HOST',
    fallback: '127.0.0.1',
  }),
  'http.port': integer({
    about: 'Port of the same; 0 takes a free one.',
    variable: 'IONET_HTTP_PORT',
    min: 0,
    max: 65_535,
    fallback: 4_730,
  }),
  logLevel: oneOf(['debug', 'info', 'warn', 'error', 'silent'], {
    about: 'Least severe lines that are logged.',
    variable: 'IONET_LOG_LEVEL',
    fallback: 'info',
  }),
}

/** `ionet oracle` */
export const oracleEntries = {
  ...nodeEntries,
  venueEndpoint: optional(
    text({
      about:
        'Address of a venue simulator that stands for all venues; absent, the venues themselves are asked.',
      variable: 'IONET_VENUE_ENDPOINT',
      pattern: URL_PATTERN,
      expects: 'an http address',
    }),
  ),
}

/** `ionet aggregator` */
export const aggregatorEntries = nodeEntries

/** `ionet relayer` */
export const relayerEntries = {
  ...nodeEntries,
  wake: text({
    about: 'Cron expression, with seconds, by which epochs are looked at. Block time decides what is due.',
    variable: 'IONET_RELAYER_WAKE',
    fallback: '* * * * * *',
  }),
}

/** Asked of everybody that works or pays: an account, its state, and the relayer. */
export const accountEntries = {
  dataDir: nodeEntries.dataDir,
  lockDir: nodeEntries.lockDir,
  'identity.keystore': path({
    about: 'Keystore of the secp256k1 account.',
    variable: 'IONET_IDENTITY_KEYSTORE',
    example: 'keys/identity.json',
  }),
  'identity.passwordFile': path({
    about: 'File with its password, readable by its owner only.',
    variable: 'IONET_PASSWORD_FILE',
    example: 'keys/password',
  }),
  ...chainEntries,
  network: nodeEntries.network,
  relayerUrl: text({
    about: 'Address of the relayer.',
    variable: 'IONET_RELAYER_URL',
    pattern: URL_PATTERN,
    expects: 'an http or https address',
    example: 'http://127.0.0.1:4740',
  }),
  logLevel: nodeEntries.logLevel,
}

const servedEntries = { 'http.host': nodeEntries['http.host'], 'http.port': nodeEntries['http.port'] }

const modelEntries = {
  'model.id': text({
    about: 'Id of the served model in the model registry.',
    pattern: /^0x[0-9a-f]{64}$/,
    expects: '32 bytes in lower-case hexadecimal',
    example: `0x${'00'.repeat(32)}`,
  }),
  'model.version': integer({ about: 'Its version.', min: 1, max: 2 ** 32 - 1, fallback: 1 }),
}

/** `ionet worker` */
export const workerEntries = {
  ...accountEntries,
  ...servedEntries,
  ...modelEntries,
  'device.keystore': path({
    about: "Keystore of the device's key, under the same password: it stays on this machine.",
    variable: 'IONET_DEVICE_KEYSTORE',
    example: 'keys/device.json',
  }),
  oracleUrls: list({
    about: 'Addresses of oracle nodes that are shown what the relayer has promised.',
    variable: 'IONET_ORACLE_URLS',
    pattern: URL_PATTERN,
    expects: 'http or https addresses',
    min: 0,
    max: 128,
    fallback: [],
  }),
  'price.ioPerThousandUnits': amount({
    about: 'IO for a thousand units of inference.',
    fallback: '0.01',
  }),
  'price.iosdPerSec': amount({ about: 'IOSD for a second of hire.', fallback: '0.0005' }),
  maxProducts: integer({
    about: 'Products of one challenge window at most: less than the device could do, where it is shared.',
    min: 1,
    max: 4_096,
    fallback: 4_096,
  }),
  batchEverySec: integer({
    about: 'Usage is sent to the relayer in batches, one in this time.',
    min: 1,
    max: 600,
    unit: 's',
    fallback: 10,
  }),
  claimEverySec: integer({
    about: 'Rewards are claimed when there are any, at most once in this time; 0: never.',
    min: 0,
    max: 2_592_000,
    unit: 's',
    fallback: 86_400,
  }),
}

/** `ionet gateway` */
export const gatewayEntries = {
  ...accountEntries,
  ...servedEntries,
  ...modelEntries,
  workers: list({
    about: 'Addresses of the workers that serve the model.',
    variable: 'IONET_WORKERS',
    pattern: URL_PATTERN,
    expects: 'http or https addresses',
    min: 1,
    max: 1_024,
    example: 'http://127.0.0.1:4750',
  }),
}

/** `ionet payer` */
export const payerEntries = {
  ...accountEntries,
  gatewayUrl: optional(
    text({
      about: 'Address of the gateway that is asked for inferences; absent: none are.',
      pattern: URL_PATTERN,
      expects: 'an http or https address',
    }),
  ),
  hireUrl: optional(
    text({
      about: 'Address of the worker that is hired; absent: none is.',
      pattern: URL_PATTERN,
      expects: 'an http or https address',
    }),
  ),
  depositIo: amount({ about: 'IO that is kept in escrow for inferences.', fallback: '50' }),
  burnIo: amount({
    about: 'IO that is burned for IOSD at the start; all of it goes into the escrow.',
    fallback: '50',
  }),
  burnEverySec: integer({
    about: 'A varying amount of IO, 25 on average, is burned once in this time; 0: none is.',
    min: 0,
    max: 86_400,
    unit: 's',
    fallback: 0,
  }),
  surge: integer({
    about: 'In every second epoch so many times as much is burned; for networks that are to show the cap.',
    min: 1,
    max: 100,
    fallback: 1,
  }),
  pauseMs: integer({
    about: 'Pause between two inferences.',
    min: 10,
    max: 3_600_000,
    unit: 'ms',
    fallback: 1_000,
  }),
}

/** `ionet claim`; it takes the file of a worker or a gateway as well. */
export const claimEntries = {
  ...chainEntries,
  'identity.keystore': accountEntries['identity.keystore'],
  'identity.passwordFile': accountEntries['identity.passwordFile'],
  relayerUrl: accountEntries.relayerUrl,
}

/** `ionet burn` */
export const burnerEntries = {
  ...chainEntries,
  'identity.keystore': path({
    about: 'Keystore of the account whose IO is burned.',
    variable: 'IONET_BURNER_KEYSTORE',
    example: 'keys/burner.json',
  }),
  'identity.passwordFile': path({
    about: 'File with its password, readable by its owner only.',
    variable: 'IONET_PASSWORD_FILE',
    example: 'keys/password',
  }),
  everySec: integer({
    about: 'Pause between two burns when the command runs on.',
    variable: 'IONET_BURN_EVERY_SEC',
    min: 1,
    max: 86_400,
    unit: 's',
    fallback: 5,
  }),
  logLevel: nodeEntries.logLevel,
}

/** `ionet venues` */
export const venuesEntries = {
  'http.host': text({ about: 'Address on which the venue simulator listens.', fallback: '127.0.0.1' }),
  'http.port': integer({ about: 'Its port; 0 takes a free one.', min: 0, max: 65_535, fallback: 4_602 }),
  seed: integer({
    about: 'Starting point of its random prices: the same seed gives the same prices.',
    min: 0,
    max: 2 ** 31 - 1,
    fallback: 1,
  }),
  logLevel: nodeEntries.logLevel,
}
