/**
 * A WebAssembly module as bytes: functions over one imported memory (`env.memory`), all exported, and one block of
 * constants. Nothing is downloaded or built beforehand; what runs is what can be read here.
 */
import { type Local, localOf, VALUE_TYPE, type ValueType } from './code.ts'
import { type Code, name, sized, unsigned, vector } from './encoding.ts'

export interface WasmFunction {
  readonly name: string
  readonly params: readonly ValueType[]
  readonly results: readonly ValueType[]
  readonly locals: readonly ValueType[]
  readonly body: Code
}

interface Signature {
  readonly name: string
  readonly params: readonly ValueType[]
  readonly results?: readonly ValueType[]
}

/** Writes one function: `write` gets its parameters and a way to declare further locals. */
export function defineFunction(
  signature: Signature,
  write: (params: readonly Local[], local: (type: ValueType) => Local) => readonly Code[],
): WasmFunction {
  const { params, results = [] } = signature
  const locals: ValueType[] = []
  const declare = (type: ValueType): Local => {
    locals.push(type)
    return localOf(params.length + locals.length - 1, type)
  }
  const body = write(
    params.map((type, index) => localOf(index, type)),
    declare,
  ).flat()
  return { name: signature.name, params, results, locals, body }
}

/** The nth of a function's parameters. @throws {RangeError} when it has fewer: a mistake in a kernel */
export function nth(locals: readonly Local[], index: number): Local {
  const local = locals[index]
  if (local === undefined) throw new RangeError(`a kernel uses operand ${index} of ${locals.length}`)
  return local
}

const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10, data: 11 } as const

const types = (list: readonly ValueType[]): number[] => vector(list.map(type => [VALUE_TYPE[type]]))

const section = (id: number, content: Code): number[] => [id, ...sized(content)]

function codeOf({ locals, body }: WasmFunction): number[] {
  return sized([...vector(locals.map(type => [1, VALUE_TYPE[type]])), ...body, 0x0b])
}

/**
 * @param constants bytes that stand at address 0 of the memory once the module is instantiated
 * @returns a module whose functions have the indices of their places in the list
 */
export function assembleModule(functions: readonly WasmFunction[], constants: Code): Uint8Array<ArrayBuffer> {
  const memoryImport = [...name('env'), ...name('memory'), 0x02, 0x00, ...unsigned(1)]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(SECTION.type, vector(functions.map(f => [0x60, ...types(f.params), ...types(f.results)]))),
    ...section(SECTION.import, vector([memoryImport])),
    ...section(SECTION.function, vector(functions.map((_, index) => unsigned(index)))),
    ...section(
      SECTION.export,
      vector(functions.map((f, index) => [...name(f.name), 0x00, ...unsigned(index)])),
    ),
    ...section(SECTION.code, vector(functions.map(codeOf))),
    ...section(SECTION.data, vector([[0x00, 0x41, 0x00, 0x0b, ...sized(constants)]])),
  ])
}
