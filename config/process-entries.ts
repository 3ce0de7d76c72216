import { integer, list, oneOf, optional, path, text, URL_PATTERN } from './entry.ts'

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
