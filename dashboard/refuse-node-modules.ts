import { isBuiltin } from 'node:module'
import type { Plugin } from 'vite'

/**
 * Fails the build when anything that goes into the page asks for a module of Node. Vite alone would put an
 * empty stand-in there and the page would break where nobody looks: at the click that needs it.
 */
export function refuseNodeModules(): Plugin {
  return {
    name: 'refuse-node-modules',
    enforce: 'pre',
    resolveId(source, importer) {
      if (!isBuiltin(source)) return null
      throw new Error(`${importer ?? 'the page'} imports "${source}", which no browser has`)
    },
  }
}
