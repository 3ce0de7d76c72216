import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A file that only grows. */
export interface RecordFile {
  /** Resolves when the bytes are on the disk. */
  append(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** Makes a new file; one that exists is never touched. @throws {Error} with code EEXIST and the like */
export async function createRecordFile(path: string): Promise<RecordFile> {
  const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = constants
  const handle = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL, 0o644)
  await syncDirectory(dirname(path))
  return {
    append: async bytes => {
      await writeAll(handle, bytes)
      await handle.datasync()
    },
    close: () => handle.close(),
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, written)
    written += bytesWritten
  }
}

/** The name of the file lives in the directory; not every platform lets one be opened. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path).catch(() => undefined)
  await directory?.sync().catch(() => {})
  await directory?.close()
}
