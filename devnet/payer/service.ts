/** A customer for local networks: burns, deposits, hires and infers, so that there is something to settle. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { privateKeyToAccount } from 'viem/accounts'
import { createBurner } from '../../chain/burner.ts'
import { createReader } from '../../chain/clients.ts'
import { createBlockFollower } from '../../chain/settlement/blocks.ts'
import { createTransactor } from '../../chain/transactor.ts'
import { BUILT_IN_MODEL } from '../../compute/model/spec.ts'
import { loadModel } from '../../compute/model/weights.ts'
import type { PayerConfig } from '../../config/process-config.ts'
import { type Address, bytesToBigint, hexOf } from '../../protocol/bytes.ts'
import { epochOf } from '../../protocol/epoch/time.ts'
import { addressOfSecret } from '../../protocol/identity.ts'
import { ASSET, WORK_KIND } from '../../protocol/usage/wire.ts'
import type { Clock } from '../../runtime/clock.ts'
import { readKeystore } from '../../runtime/keystore.ts'
import { lockService } from '../../runtime/lock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop } from '../../runtime/loop.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { createIdentityCrypto } from '../../runtime/native-identity.ts'
import { type Service, serviceGroup } from '../../runtime/service.ts'
import { createGatewayClient } from '../../sdk/gateway-client.ts'
import { createPayerBook } from '../../sdk/payer.ts'
import { ProblemError } from '../../sdk/problem.ts'
import { createRelayerClient } from '../../sdk/relayer-client.ts'
import { createWorkerClient } from '../../sdk/worker-client.ts'
import { createAsking } from './asking.ts'
import { loadBook, saveBook } from './book-file.ts'
import { Burns } from './burns.ts'
import { Funds } from './funds.ts'
import { createHiring } from './hiring.ts'
import { Holds } from './holds.ts'
import { nextQuestion } from './prompts.ts'

export interface PayerDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly fail: (error: Error) => void
}

const STOP_DEADLINE_MS = 4_000
const MINED_WITHIN_MS = 30_000
/** A local chain's price of gas is far below; above it the configuration is one of another chain. */
const MAX_FEE_PER_GAS = 500_000_000_000n
const RELAYER_TIMEOUT_MS = 5_000
const WORKER_TIMEOUT_MS = 3_000
const ANSWER_TIMEOUT_MS = 30_000
const FUNDS_EVERY_MS = 2_000
/** A hold of IO has this part of the deposit: two or three are open at a time. */
const IO_HOLD_PART = 8n
const IOSD_HOLD_PART = 8n
/** One answer may cost this part of a hold, and all lost answers of the gateway half of it. */
const CHARGE_PART = 4n
const UNPROVEN_PART = 2n
const NONCE_BYTES = 16

export async function createPayer(config: PayerConfig, deps: PayerDeps): Promise<Service> {
  const { clock, logger, metrics } = deps
  const { deployment } = config
  const secret = await readKeystore(config.identity.keystore, config.identity.password)
  const payer = addressOfSecret(secret)
  const account = privateKeyToAccount(hexOf(secret))
  const crypto = createIdentityCrypto(logger)
  const domain = {
    chainId: deployment.chainId,
    registry: deployment.contracts.oracleRegistry.toLowerCase() as Address,
  }
  const reader = createReader(config.rpcUrls)
  const blocks = createBlockFollower({ finality: config.network.finality }, { reader, clock, logger })
  const epochClock = { startSec: deployment.epochStart, lengthSec: deployment.epochLengthSec }
  const epoch = (): number => epochOf(epochClock, blocks.head().latest.timestampSec)
  const relayer = createRelayerClient({ url: config.relayerUrl, timeoutMs: RELAYER_TIMEOUT_MS })

  const bookFile = join(config.dataDir, 'payer.json')
  const book = createPayerBook({
    domain,
    payer,
    crypto,
    sign: digest => crypto.sign(digest, secret),
    nonce: () => bytesToBigint(randomBytes(NONCE_BYTES)),
    state: loadBook(bookFile),
  })
  const save = (): void => saveBook(bookFile, book)

  const inferences = metrics.counter('ionet_payer_inferences_total', 'Questions by outcome', ['outcome'])
  const burner = createBurner({ rpcUrls: config.rpcUrls, deployment, account })
  const burns = new Burns(
    { everySec: config.burnEverySec, surge: config.surge },
    { burner, epoch, random: Math.random, clock, logger },
  )
  const funds = new Funds(
    { deployment, depositIo: config.depositIo, burnIo: config.burnIo },
    {
      reader,
      relayer,
      clock,
      logger,
      burner,
      transactor: createTransactor(
        {
          account,
          chainId: deployment.chainId,
          rpcUrls: config.rpcUrls,
          maxFeePerGasCeiling: MAX_FEE_PER_GAS,
          minedWithinMs: MINED_WITHIN_MS,
        },
        { reader, clock },
      ),
    },
  )
  /** Fixed at deployment; read with the first look at the funds. */
  let longestHoldEpochs = 0
  const holds = new Holds({
    domain,
    book,
    relayer,
    logger,
    epoch,
    longestHoldEpochs: () => longestHoldEpochs,
    nowMs: () => clock.monotonic(),
  })

  /** The epoch for which there is enough in escrow; undefined before the first deposits. */
  let fundedEpoch: number | undefined
  let iosdHoldWei = 0n
  const ready = (): boolean => fundedEpoch !== undefined
  const money = createLoop({
    name: 'funds',
    everyMs: FUNDS_EVERY_MS,
    // A burn waits for a price, and for a block.
    longRuns: true,
    clock,
    logger,
    run: async signal => {
      const now = epoch()
      // Here, because what one account sends goes out one after the other.
      if (ready()) await burns.burnWhenDue()
      if (fundedEpoch === now) return
      if (fundedEpoch === undefined) {
        longestHoldEpochs = await funds.longestHoldEpochs()
        await funds.prepare(signal)
      } else {
        try {
          await funds.topUp(signal)
        } catch (error) {
          if (!(error instanceof ProblemError)) throw error
          logger.debug('the relayer does not say what is left, looked at again in a moment', { error })
          return
        }
      }
      iosdHoldWei = (await funds.deposited(ASSET.iosd)) / IOSD_HOLD_PART
      fundedEpoch = now
    },
  })

  const services: Service[] = [lockService([payer], config.lockDir), blocks, money]
  if (config.gatewayUrl !== undefined) {
    const amountWei = config.depositIo / IO_HOLD_PART
    const client = createGatewayClient({
      url: config.gatewayUrl,
      book,
      limits: { maxChargeWei: amountWei / CHARGE_PART, maxUnprovenWei: amountWei / UNPROVEN_PART },
      timeoutMs: ANSWER_TIMEOUT_MS,
      hold: need => holds.get({ ...need, kind: WORK_KIND.inference, asset: ASSET.io, amountWei }),
      beforePaying: save,
    })
    services.push(
      createAsking(
        { pauseMs: config.pauseMs, model: loadModel(BUILT_IN_MODEL) },
        {
          client,
          ready,
          clock,
          logger,
          question: () => nextQuestion(Math.random),
          paid: ({ chargedWei, statement }) => {
            holds.spent({ payee: statement.gateway, kind: WORK_KIND.inference }, chargedWei)
            save()
          },
          count: outcome => inferences.inc({ outcome }),
        },
      ),
    )
  }
  if (config.hireUrl !== undefined) {
    services.push(
      createHiring({
        domain,
        worker: createWorkerClient({ url: config.hireUrl, timeoutMs: WORKER_TIMEOUT_MS }),
        book,
        holds,
        save,
        ready,
        epoch,
        holdSec: () => (longestHoldEpochs + 1) * deployment.epochLengthSec,
        maxHoldWei: () => iosdHoldWei,
        clock,
        logger,
      }),
    )
  }
  return serviceGroup('payer', services, { logger, stopDeadlineMs: STOP_DEADLINE_MS })
}
