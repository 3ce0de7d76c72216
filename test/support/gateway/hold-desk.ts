/** What a payer needs of a relayer, over real HTTP: accepts every hold, and knows of no debit. */
import type { Address } from '../../../protocol/bytes.ts'
import { ByteReader } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { acceptanceDigest, encodeAcceptedHold, type Hold, readHold } from '../../../protocol/usage/hold.ts'
import { createHttpServer, type HttpServer } from '../../../runtime/http.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { crypto } from '../network/cast.ts'

export interface HoldDesk {
  readonly server: HttpServer
  readonly holds: Hold[]
}

export async function startHoldDesk(domain: Domain, relayerSecret: Uint8Array): Promise<HoldDesk> {
  const holds: Hold[] = []
  const server = createHttpServer(
    {
      name: 'hold desk',
      host: '127.0.0.1',
      port: 0,
      cors: false,
      health: () => ({ healthy: true, details: {} }),
      routes: app => {
        app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_r, body, done) =>
          done(null, body),
        )
        app.post('/v1/holds', async (request, reply) => {
          const reader = new ByteReader(Uint8Array.from(request.body as Buffer))
          const hold = readHold(reader)
          const payerSignature = reader.done(reader.fixed(64))
          const unsigned = { hold, epoch: 1, snapshotBlock: 1, openTotal: hold.maxAmount, payerSignature }
          const relayerSignature = crypto.sign(acceptanceDigest(domain, unsigned), relayerSecret)
          holds.push(hold)
          return reply.send(Buffer.from(encodeAcceptedHold({ ...unsigned, relayerSignature })))
        })
        app.get('/v1/payers/:address', async request => ({
          payer: (request.params as { address: Address }).address,
          io: { depositWei: '0', openWei: '0', unsettledWei: '0' },
          iosd: { depositWei: '0', openWei: '0', unsettledWei: '0' },
          debit: null,
        }))
      },
    },
    { logger: silentLogger, metrics: createMetrics({ processMetrics: false }) },
  )
  await server.start(new AbortController().signal)
  return { server, holds }
}
