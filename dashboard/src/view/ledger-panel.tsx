import { type Identity, identitiesOf, iosdMinted, MAX_SUPPLY } from '../model/economy.ts'
import { percentOf, shown } from '../model/format.ts'
import type { PageState } from '../model/state.ts'
import { Amount } from './amount.tsx'

/** Where all IO comes from and where it is, and whether it adds up. */
export function LedgerPanel({ state }: { state: PageState }) {
  const { chain } = state
  const economy = chain?.economy ?? null
  if (chain === null || economy === null) {
    return (
      <section class="panel ledger">
        <h2>Supply</h2>
        <p class="empty">
          {state.config.economy === null ? 'this network mints nothing' : 'waiting for the chain'}
        </p>
      </section>
    )
  }
  const parts = [
    { name: 'genesis', value: economy.genesis, tone: 'bar-genesis' },
    { name: 'scheduled', value: economy.scheduled, tone: 'bar-io' },
    { name: 'net of burns', value: economy.net, tone: 'bar-net' },
  ]
  return (
    <section class="panel ledger">
      <h2>
        Supply <span class="dim">of {shown(MAX_SUPPLY, 0)} IO at most</span>
      </h2>
      <div class="bar" role="img" aria-label="IO minted, of the maximum">
        {parts.map(part => (
          <i
            key={part.name}
            class={part.tone}
            style={{ width: percentOf(part.value, MAX_SUPPLY), minWidth: part.value > 0n ? '2px' : '0' }}
          />
        ))}
      </div>
      <dl class="facts">
        {parts.map(part => (
          <Fact key={part.name} label={part.name} value={part.value} tone={part.tone} sign="+" />
        ))}
        <Fact label="burned" value={chain.burned} tone="bar-burned" sign="−" />
        <Fact label="outstanding" value={chain.ioSupply} sign="=" sum />
        <Fact label="in the reserve" value={economy.reserve} />
        <Fact label="rewards posted" value={economy.posted} />
        <Fact label="rewards claimed" value={economy.claimed} />
        <Fact label="IOSD made" value={iosdMinted(economy, chain)} />
        <Fact label="IOSD spent" value={economy.spentIosd} />
      </dl>
      <Conservation identities={identitiesOf(economy, chain)} block={chain.block} />
    </section>
  )
}

interface FactProps {
  label: string
  value: bigint
  tone?: string
  sign?: string
  sum?: boolean
}

function Fact({ label, value, tone, sign = '', sum = false }: FactProps) {
  return (
    <>
      <dt class={sum ? 'sum' : ''}>
        <i class={`swatch ${tone ?? ''}`} />
        {label}
      </dt>
      <dd class={sum ? 'sum' : ''}>
        <span class="dim sign">{sign}</span> <Amount value={value} />
      </dd>
    </>
  )
}

/** One line when everything adds up; otherwise what does not, and by how much. */
function Conservation({ identities, block }: { identities: readonly Identity[]; block: number }) {
  const broken = identities.filter(identity => !identity.holds)
  return (
    <div class="conservation">
      {broken.length === 0 ? (
        <p title={identities.map(({ claim }) => `✓ ${claim}`).join('\n')}>
          <b class="good">✓</b> adds up to the wei{' '}
          <span class="dim">
            {identities.length} laws, block {block.toLocaleString('en')}
          </span>
        </p>
      ) : (
        broken.map(({ claim, difference }) => (
          <p key={claim}>
            <b class="bad">✗</b> {claim} <span class="bad">off by {difference.toString()} wei</span>
          </p>
        ))
      )}
    </div>
  )
}
