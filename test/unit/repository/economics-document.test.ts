import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Abi } from 'viem'
import { burnerAbi } from '../../../chain/abi/burner.ts'
import { emissionAbi } from '../../../chain/abi/emission.ts'
import { escrowAbi } from '../../../chain/abi/escrow.ts'
import { ioAbi } from '../../../chain/abi/io.ts'
import { iosdAbi } from '../../../chain/abi/iosd.ts'
import { modelRegistryAbi } from '../../../chain/abi/model-registry.ts'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { parametersAbi } from '../../../chain/abi/parameters.ts'
import { priceFeedAbi } from '../../../chain/abi/price-feed.ts'
import { rewardsDistributorAbi } from '../../../chain/abi/rewards-distributor.ts'
import { settlementAbi } from '../../../chain/abi/settlement.ts'
import { workerRegistryAbi } from '../../../chain/abi/worker-registry.ts'
import type { Address } from '../../../protocol/bytes.ts'
import { allocate } from '../../../protocol/epoch/allocation.ts'
import {
  curveAt,
  MAINNET_EMISSION,
  netCapOf,
  netIn,
  scheduledBy,
  scheduledIn,
  YEAR_SEC,
} from '../../../protocol/epoch/emission.ts'
import { networkFee, sharesOf } from '../../../protocol/epoch/pass-through.ts'
import { formatDecimal, iosdForIo, ONE, type Price, parseDecimal, type Wei } from '../../../protocol/units.ts'
import { ROOT } from '../../support/runtime/spawned.ts'

const ABIS: Readonly<Record<string, Abi>> = {
  IO: ioAbi,
  IOSD: iosdAbi,
  Burner: burnerAbi,
  OracleRegistry: oracleRegistryAbi,
  PriceFeed: priceFeedAbi,
  Emission: emissionAbi,
  Settlement: settlementAbi,
  RewardsDistributor: rewardsDistributorAbi,
  Escrow: escrowAbi,
  ModelRegistry: modelRegistryAbi,
  WorkerRegistry: workerRegistryAbi,
  Parameters: parametersAbi,
}
const WORKERS = ['0x01', '0x02'] as const satisfies readonly Address[]

const text = readFileSync(join(ROOT, 'docs', 'ECONOMICS.md'), 'utf8')
const io = (units: bigint) => units * ONE
const grouped = (wei: bigint) => (wei / ONE).toString().replace(/\B(?=(\d{3})+$)/g, ',')
/** Rows of the table under a heading, without its first two lines. */
const rowsUnder = (heading: string): string[][] => {
  const section = text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  const rows = section.split('\n').filter(line => line.startsWith('|'))
  return rows.slice(2).map(row =>
    row
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim()),
  )
}
const codeIn = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(match => match[1] ?? '')

describe('the economics document', () => {
  it('has the year table of the schedule', () => {
    const years = [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n].map(year => {
      const until = scheduledBy(MAINNET_EMISSION, year * YEAR_SEC)
      const before = scheduledBy(MAINNET_EMISSION, (year - 1n) * YEAR_SEC)
      return [`${year}`, grouped(until - before), grouped(until)]
    })
    expect(rowsUnder('The schedule')).to.deep.equal([...years, ['9 …', '0', '22,300,000']])
    expect(scheduledBy(MAINNET_EMISSION, 8n * YEAR_SEC)).to.equal(MAINNET_EMISSION.maxSupply)
  })

  it('says where the series alone would go, and when it is cut', () => {
    expect(curveAt(MAINNET_EMISSION, 200n * YEAR_SEC)).to.equal(io(24_000_000n) - 1n)
    const day = (7n * 365n + 268n) * 86_400n
    expect(curveAt(MAINNET_EMISSION, day - 86_400n) < MAINNET_EMISSION.maxSupply).to.equal(true)
    expect(curveAt(MAINNET_EMISSION, day) >= MAINNET_EMISSION.maxSupply).to.equal(true)
    expect(text).to.include('7 years and 268 days').and.to.include('24,000,000')
  })

  it('works what burns give, and what of them is minted again', () => {
    const given = rowsUnder('Two tokens').slice(0, 3)
    for (const [burned = '', at = '', gives = ''] of given) {
      const price = parseDecimal(at.slice(1)) as Price
      const out = iosdForIo(parseDecimal(burned.replace(' IO', '')) as Wei, price)
      expect(`${formatDecimal(out)} IOSD`).to.equal(gives)
    }
    expect(iosdForIo(1n as Wei, parseDecimal('0.5') as Price)).to.equal(0n)
    const [halves, whole] = rowsUnder('Net emission')
    const cap = `${formatDecimal(netCapOf(MAINNET_EMISSION, 0))} IO`
    const minted = (burned: bigint) => netIn(MAINNET_EMISSION, 0, burned)
    expect(halves?.slice(1)).to.deep.equal([cap, `${formatDecimal(2n * minted(io(5n)))} IO`])
    expect(whole?.slice(1)).to.deep.equal([cap, `${formatDecimal(minted(io(10n)))} IO`])
    expect(text).to.include(`\`sched(0)\` = ${formatDecimal(scheduledIn(MAINNET_EMISSION, 0))} IO`)
  })

  it('works an epoch to the wei', () => {
    const [hired, idle] = WORKERS
    const { pool, hiredPaid, hiredMaximum, availability, availabilityPaid, reserveAfter } = allocate({
      terms: MAINNET_EMISSION,
      parameters: {
        version: 1,
        hiredBps: 7_000,
        hireTaxBps: 500,
        feeBps: 200,
        gatewayBps: 500,
        maxDebitBps: 5_000,
        longestHoldEpochs: 24,
        targetWeight: 100_000n,
      },
      epoch: 100,
      burned: io(5n),
      reserve: io(1_000n),
      price: io(5n) as Price,
      hires: new Map([[hired, io(1_000n)]]),
      weights: new Map([
        [hired, 25_000n],
        [idle, 15_000n],
      ]),
    })
    const f = formatDecimal
    const shares = WORKERS.map(worker => f(availability.get(worker) ?? 0n)).join(' + ')
    expect(rowsUnder('The pool').map(row => row[1])).to.deep.equal([
      f(pool.scheduled),
      f(pool.net),
      f(pool.released),
      f(pool.total),
      `${f(hiredPaid)} (at most ${f(hiredMaximum)})`,
      `${f(availabilityPaid)} = ${shares}`,
      f(reserveAfter),
    ])
  })

  it('works a payment in IO', () => {
    const { owner, gateway, worker } = sharesOf(io(10n), { royaltyBps: 1_000, gatewayBps: 500 })
    const fee = networkFee(io(10n), 200, io(5n) as Price)
    const [o, g, w, paid] = [owner, gateway, worker, fee].map(formatDecimal)
    expect(text.replaceAll('\n', ' ')).to.include(
      `owner ${o} IO, gateway ${g} IO, worker ${w} IO, and a fee of ${paid} IOSD`,
    )
  })

  it('says of every function that changes something who may call it, and of no other', () => {
    const listed = rowsUnder('Who may call what').flatMap(([contract, functions]) =>
      codeIn(functions).map(name => `${contract}.${name}`),
    )
    const existing = Object.entries(ABIS).flatMap(([contract, abi]) =>
      abi.flatMap(item =>
        item.type === 'function' && item.stateMutability === 'nonpayable' ? [`${contract}.${item.name}`] : [],
      ),
    )
    expect(listed.sort()).to.deep.equal(existing.sort())
  })

  it('names files that exist where it says how divisions are rounded', () => {
    const files = rowsUnder('Rounding').flatMap(row => codeIn(row[3]))
    expect(files.length).to.be.greaterThan(15)
    expect(files.filter(file => !existsSync(join(ROOT, file)))).to.deep.equal([])
  })
})
