/** A CPU profile of a part of this process's life, in the format that browsers' developer tools open. */
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'

export interface Profile {
  /** Stops, and writes the file. */
  end(): Promise<void>
}

export async function beginProfile(file: string): Promise<Profile> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.start')
  return {
    end: async () => {
      const { profile } = await session.post('Profiler.stop')
      writeFileSync(file, JSON.stringify(profile))
      session.disconnect()
    },
  }
}
