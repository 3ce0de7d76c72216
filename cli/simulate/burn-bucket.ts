/**
 * The burn contract's hourly bucket: at most 1% of the supply at once, and what was burned leaks out in an hour.
 * The rule is the contract's; here it only keeps simulated demand from burning what the contract would refuse.
 */
const CAPACITY_PARTS = 100n
const LEAK_SEC = 3_600n

export class BurnBucket {
  #level = 0n
  #atSec = 0n

  /** Wei of IO that may be burned now. */
  burnable(supply: bigint, nowSec: bigint): bigint {
    const left = supply / CAPACITY_PARTS - this.#levelAt(supply, nowSec)
    return left > 0n ? left : 0n
  }

  burn(io: bigint, supply: bigint, nowSec: bigint): void {
    this.#level = this.#levelAt(supply, nowSec) + io
    this.#atSec = nowSec
  }

  #levelAt(supply: bigint, nowSec: bigint): bigint {
    const leaked = ((supply / CAPACITY_PARTS) * (nowSec - this.#atSec)) / LEAK_SEC
    return this.#level > leaked ? this.#level - leaked : 0n
  }
}
