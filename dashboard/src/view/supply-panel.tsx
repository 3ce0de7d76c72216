import { ONE } from '../../../protocol/units.ts'
import { NOTHING, shown } from '../model/format.ts'
import type { PageState } from '../model/state.ts'

/** The contract's MAX_SUPPLY. */
const MAX_SUPPLY = 22_300_000n * ONE

/** IO outstanding against the most there can ever be, what was burned, and the IOSD there is. */
export function SupplyPanel({ state }: { state: PageState }) {
  const { chain } = state
  const amount = (value: bigint | undefined) =>
    value === undefined ? (
      <span class="dim">{NOTHING}</span>
    ) : (
      <span title={shown(value, 18)}>{shown(value, 2)}</span>
    )
  return (
    <section class="panel supply">
      <h2>Supply</h2>
      <div class="bar" role="img" aria-label="IO outstanding and burned, of the maximum">
        <i class="bar-io" style={{ width: share(chain?.ioSupply) }} />
        <i
          class="bar-burned"
          style={{ width: share(chain?.burned), minWidth: (chain?.burned ?? 0n) > 0n ? '2px' : '0' }}
        />
      </div>
      <dl class="facts">
        <dt>
          <i class="swatch bar-io" />
          IO
        </dt>
        <dd>
          {amount(chain?.ioSupply)} <span class="dim">of {shown(MAX_SUPPLY, 0)}</span>
        </dd>
        <dt>
          <i class="swatch bar-burned" />
          IO burned
        </dt>
        <dd>{amount(chain?.burned)}</dd>
        <dt>IOSD</dt>
        <dd>{amount(chain?.iosdSupply)}</dd>
      </dl>
    </section>
  )
}

/** Part of the maximum as a CSS width, to a hundredth of a percent; drawn only. */
function share(value: bigint | undefined): string {
  const hundredths = ((value ?? 0n) * 10_000n) / MAX_SUPPLY
  return `${hundredths / 100n}.${(hundredths % 100n).toString().padStart(2, '0')}%`
}
