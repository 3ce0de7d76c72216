import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { refuseNodeModules } from './refuse-node-modules.ts'

const ROOT = dirname(fileURLToPath(import.meta.url))
const REPOSITORY = dirname(ROOT)

/** Whatever the page is made of: newer than the page means that it has to be built again. */
const SOURCES = [
  join(ROOT, 'src'),
  join(ROOT, 'index.html'),
  join(ROOT, 'build.ts'),
  join(REPOSITORY, 'protocol'),
  join(REPOSITORY, 'package.json'),
]

/**
 * Builds the page into `outDir` (`index.html` and hashed assets), or leaves it alone when it is newer than
 * all sources. Says nothing; throws when the build fails. The folder is replaced at the end, in one step, so
 * that a server never serves half a page and an interrupted build is not taken for a finished one.
 */
export async function buildDashboard(outDir: string): Promise<void> {
  const target = resolve(outDir)
  if ((await modifiedAt(join(target, 'index.html'))) > (await newest(SOURCES))) return

  const { build } = await import('vite')
  await mkdir(dirname(target), { recursive: true })
  const fresh = join(dirname(target), `.dashboard-${randomUUID()}`)
  try {
    await build({
      configFile: false,
      envFile: false,
      root: ROOT,
      base: './',
      publicDir: false,
      logLevel: 'silent',
      plugins: [refuseNodeModules()],
      oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
      build: {
        outDir: fresh,
        emptyOutDir: true,
        target: 'es2022',
        modulePreload: false,
        reportCompressedSize: false,
      },
    })
    await rm(target, { recursive: true, force: true })
    await rename(fresh, target).catch(unlessAlreadyThere)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
}

/** Two builds at once make the same page: whichever is second leaves the first one's. */
function unlessAlreadyThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
}

/** Newest modification among files and folders, milliseconds; folders count because a file can be taken out. */
async function newest(paths: readonly string[]): Promise<number> {
  const times = await Promise.all(
    paths.map(async path => {
      const entry = await stat(path)
      if (!entry.isDirectory()) return entry.mtimeMs
      const inside = await readdir(path)
      return Math.max(entry.mtimeMs, await newest(inside.map(name => join(path, name))))
    }),
  )
  return Math.max(0, ...times)
}

async function modifiedAt(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs
  } catch {
    return 0
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildDashboard(process.argv[2] ?? join(ROOT, 'dist'))
}
