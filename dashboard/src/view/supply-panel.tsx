import { MAX_SUPPLY } from '../model/economy.ts'
import { percentOf, shown } from '../model/format.ts'
import type { PageState } from '../model/state.ts'
import { Amount } from './amount.tsx'

/** IO outstanding against the most there can ever be, what was burned, and the IOSD there is. */
export function SupplyPanel({ state }: { state: PageState }) {
  const { chain } = state
  return (
    <section class="panel supply">
      <h2>Supply</h2>
      <div class="bar" role="img" aria-label="IO outstanding and burned, of the maximum">
        <i class="bar-io" style={{ width: percentOf(chain?.ioSupply ?? 0n, MAX_SUPPLY) }} />
        <i
          class="bar-burned"
          style={{
            width: percentOf(chain?.burned ?? 0n, MAX_SUPPLY),
            minWidth: (chain?.burned ?? 0n) > 0n ? '2px' : '0',
          }}
        />
      </div>
      <dl class="facts">
        <dt>
          <i class="swatch bar-io" />
          IO
        </dt>
        <dd>
          <Amount value={chain?.ioSupply} /> <span class="dim">of {shown(MAX_SUPPLY, 0)}</span>
        </dd>
        <dt>
          <i class="swatch bar-burned" />
          IO burned
        </dt>
        <dd>
          <Amount value={chain?.burned} />
        </dd>
        <dt>IOSD</dt>
        <dd>
          <Amount value={chain?.iosdSupply} />
        </dd>
      </dl>
    </section>
  )
}
