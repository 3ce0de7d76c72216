import { useEffect, useState } from 'preact/hooks'
import type { PageConfig } from '../model/page-config.ts'

export type Screen = 'prices' | 'epochs'

/** Whether there is anything to show beside prices. */
export function hasEconomy(config: PageConfig): boolean {
  return config.economy !== null || config.relayer !== null
}

/** The screen that the address names after its `#`, so that it can be linked, and how to change it. */
export function useScreen(hasEpochs: boolean): [Screen, (screen: Screen) => void] {
  const [screen, setScreen] = useState<Screen>(named)
  useEffect(() => {
    const follow = () => setScreen(named())
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])
  const show = (next: Screen) => {
    location.hash = next
  }
  return [hasEpochs ? screen : 'prices', show]
}

function named(): Screen {
  return location.hash === '#epochs' ? 'epochs' : 'prices'
}
