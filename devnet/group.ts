import type { Service } from '../runtime/service.ts'

/** Services that start and stop at the same time, because none of them needs another. */
export function parallelGroup(name: string, services: readonly Service[]): Service {
  return {
    name,
    start: async signal => {
      await Promise.all(services.map(service => service.start(signal)))
    },
    stop: async () => {
      const results = await Promise.allSettled(services.map(service => service.stop()))
      const failed = results.find(result => result.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    },
  }
}
