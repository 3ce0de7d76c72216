/** The child's side of a measured network: told by its parent when to start, to measure and to end. */
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'
import type { ProcessReport, Usage } from './observations.ts'
import type { Plan } from './plan.ts'
import { beginProfile, type Profile } from './profile.ts'
import { countTraffic, type Traffic } from './traffic.ts'

export type ToChild =
  | {
      readonly type: 'open'
      readonly plan: Plan
      readonly index: number
      readonly bootstrap: readonly string[]
    }
  /** Everybody is connected: take part in rounds. */
  | { readonly type: 'run' }
  /** @property profile file for a CPU profile of what is measured */
  | { readonly type: 'measure'; readonly profile: string | undefined }
  /** What is used from now on is not counted. */
  | { readonly type: 'measured' }
  | { readonly type: 'finish' }

export type FromChild =
  | { readonly type: 'loaded' }
  | { readonly type: 'opened'; readonly addresses: readonly string[] }
  | { readonly type: 'connected' }
  | { readonly type: 'finished'; readonly report: ProcessReport }

export interface Participant {
  readonly network: PeerNetwork
  run(): Promise<void>
  /** What has been seen since the process began. */
  report(usage: Usage): ProcessReport
  stop(): Promise<void>
}

const LOOK_MS = 20

/** Serves the parent until it says `finish`, or is gone. */
export function serveParent(
  open: (plan: Plan, index: number, bootstrap: readonly string[]) => Promise<Participant>,
): void {
  const traffic = countTraffic()
  let participant: Participant | undefined
  let from: { readonly cpu: NodeJS.CpuUsage; readonly traffic: Traffic } | undefined
  let usage: Usage | undefined
  let profile: Profile | undefined

  const handle = async (message: ToChild): Promise<void> => {
    switch (message.type) {
      case 'open': {
        const { plan } = message
        participant = await open(plan, message.index, message.bootstrap)
        tell({ type: 'opened', addresses: participant.network.addresses() })
        await connectedTo(participant.network, plan.n + plan.aggregators - 1)
        tell({ type: 'connected' })
        return
      }
      case 'run':
        await participant?.run()
        return
      case 'measure':
        profile = message.profile === undefined ? undefined : await beginProfile(message.profile)
        from = { cpu: process.cpuUsage(), traffic: traffic() }
        return
      case 'measured': {
        if (from === undefined) throw new Error('the measurement was not begun')
        const cpu = process.cpuUsage(from.cpu)
        const now = traffic()
        usage = {
          cpuMs: (cpu.user + cpu.system) / 1_000,
          bytes: now.bytes - from.traffic.bytes,
          writes: now.writes - from.traffic.writes,
        }
        await profile?.end()
        return
      }
      case 'finish': {
        if (participant === undefined || usage === undefined)
          throw new Error('finished before it was measured')
        tell({ type: 'finished', report: participant.report(usage) })
        await participant.stop()
        process.disconnect()
        return
      }
      default:
        message satisfies never
    }
  }
  process.on('message', message => {
    handle(message as ToChild).catch((error: unknown) => {
      console.error(error)
      process.exit(1)
    })
  })
  // A parent that has been killed says nothing more.
  process.on('disconnect', () => {
    if (participant !== undefined) void participant.stop().finally(() => process.exit())
    else process.exit()
  })
  tell({ type: 'loaded' })
}

function tell(message: FromChild): void {
  if (process.connected) process.send?.(message)
}

async function connectedTo(network: PeerNetwork, peers: number): Promise<void> {
  while (network.connected().length < peers) await new Promise(resolve => setTimeout(resolve, LOOK_MS))
}
