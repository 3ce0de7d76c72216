import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import solc from 'solc'
import type { Abi, Hex } from 'viem'
import { ROOT } from '../runtime/spawned.ts'

interface Output {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[]
  readonly contracts?: Record<
    string,
    Record<string, { readonly abi: Abi; readonly evm: { readonly bytecode: { readonly object: string } } }>
  >
}

/** Compiles one contract of contracts/test/support, as the project's own are compiled. */
export function compileSupport(contract: string): { readonly abi: Abi; readonly bytecode: Hex } {
  const folder = join(ROOT, 'contracts')
  const path = `test/support/${contract}.sol`
  const input = {
    language: 'Solidity',
    sources: { [path]: { content: readFileSync(join(folder, path), 'utf8') } },
    settings: {
      viaIR: true,
      evmVersion: 'prague',
      optimizer: { enabled: true, runs: 1_000_000 },
      outputSelection: { '*': { [contract]: ['abi', 'evm.bytecode.object'] } },
    },
  }
  const imported = (name: string) => ({ contents: readFileSync(join(folder, name), 'utf8') })
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: imported })) as Output
  const compiled = output.contracts?.[path]?.[contract]
  if (compiled === undefined) throw new Error(output.errors?.map(error => error.formattedMessage).join('\n'))
  return { abi: compiled.abi, bytecode: `0x${compiled.evm.bytecode.object}` }
}
