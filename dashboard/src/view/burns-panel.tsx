import { shown, shownAge, shownHex, shownPrice } from '../model/format.ts'
import type { PageState } from '../model/state.ts'

const SHOWN_BURNS = 30

/** The newest burns, each recomputed here. */
export function BurnsPanel({ state, now }: { state: PageState; now: number }) {
  const burns = state.burns.slice(0, SHOWN_BURNS)
  return (
    <section class="panel burns">
      <h2>
        Burns <span class="dim">IO for IOSD, at the price on chain</span>
      </h2>
      {burns.length === 0 ? (
        <p class="empty">{state.chain === null ? 'waiting for the chain' : 'nothing has been burned yet'}</p>
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>price from</th>
                <th class="right">IO</th>
                <th class="right">price</th>
                <th class="right">IOSD</th>
                <th class="narrow" title="IOSD equals IO times price, cut at the 18th decimal">
                  exact
                </th>
              </tr>
            </thead>
            <tbody>
              {burns.map(burn => (
                <tr key={burn.id} class="fresh" title={`${shownHex(burn.account)} in block ${burn.block}`}>
                  <td class="dim">{shownAge(now - burn.round * 100)} ago</td>
                  <td class="right" title={shown(burn.io, 18)}>
                    {shown(burn.io, 2)}
                  </td>
                  <td class="right" title={shown(burn.price, 18)}>
                    {shownPrice(burn.price)}
                  </td>
                  <td class="right" title={shown(burn.iosd, 18)}>
                    {shown(burn.iosd, 2)}
                  </td>
                  <td class="narrow">
                    {burn.exact ? (
                      <b class="good" title="IOSD = ⌊IO × price⌋, to the last of 18 decimals">
                        ✓
                      </b>
                    ) : (
                      <b class="bad" title="IOSD is not ⌊IO × price⌋">
                        ✗
                      </b>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}
