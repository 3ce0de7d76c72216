/**
 * No float lies between a venue's string and the signed bytes. Fails with every expression of the price path that could
 * make one, unless it is listed in `allowed-floats.ts` with the reason why it is none of a price.
 *
 * It reads the syntax tree and the types of the compiler: how a line is broken or commented makes no difference.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  isBinaryExpression,
  isCallExpression,
  isElementAccessExpression,
  isIdentifier,
  isImportDeclaration,
  isNewExpression,
  isNumericLiteral,
  isPrefixUnaryExpression,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isStringLiteral,
  isTypeNode,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast'
import { API, type Checker, type Type, TypeFlags } from 'typescript/unstable/sync'
import { ALLOWED, type Allowed } from './allowed-floats.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

/** Where prices are read, kept, screened, combined, encoded and signed. */
const PRICE_PATH = [
  'protocol/sources/**/*.ts',
  'protocol/{units,statistics,bytes,quote,report,report-json}.ts',
  'protocol/usage/wire.ts',
  'oracle-node/sources/**/*.ts',
  'oracle-node/recording/**/*.ts',
  'oracle-node/quoting/quoter.ts',
]

/** Makers of floats, by name. As a value, to be called elsewhere, each is as good as a call. */
const MAKERS: ReadonlySet<string> = new Set([
  'Number',
  'Math',
  'parseFloat',
  'parseInt',
  'Float16Array',
  'Float32Array',
  'Float64Array',
  'globalThis',
])
const MAKING_METHODS =
  /^(?:parseFloat|parseInt|toFixed|toPrecision|toExponential|(?:get|set)Float\d+|(?:read|write)(?:Float|Double)[BL]E)$/
/** Methods of lists and maps whose numbers are lengths, places, or were numbers before. */
const HARMLESS_METHODS: ReadonlySet<string> = new Set(['push', 'unshift', 'indexOf', 'get'])
/** What asks, bounds and chooses, and computes nothing. */
const HARMLESS =
  /^(?:Number\.(?:isSafeInteger|isInteger|isFinite|isNaN|MAX_SAFE_INTEGER|POSITIVE_INFINITY)|Math\.(?:max|min))$/

const NUMERIC = TypeFlags.Number | TypeFlags.NumberLiteral | TypeFlags.Enum | TypeFlags.EnumLiteral
const BIG = TypeFlags.BigInt | TypeFlags.BigIntLiteral
const DIGITS =
  BIG |
  TypeFlags.String |
  TypeFlags.StringLiteral |
  TypeFlags.TemplateLiteral |
  TypeFlags.Any |
  TypeFlags.Unknown

/** Those that turn anything into a number; without division and powers, which leave the integers. */
const ARITHMETIC: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.AsteriskToken,
  SyntaxKind.AsteriskEqualsToken,
  SyntaxKind.MinusToken,
  SyntaxKind.MinusEqualsToken,
  SyntaxKind.PercentToken,
  SyntaxKind.PercentEqualsToken,
  SyntaxKind.BarToken,
  SyntaxKind.AmpersandToken,
  SyntaxKind.CaretToken,
  SyntaxKind.LessThanLessThanToken,
  SyntaxKind.GreaterThanGreaterThanToken,
  SyntaxKind.GreaterThanGreaterThanGreaterThanToken,
])
const DIVISION: ReadonlySet<SyntaxKind> = new Set([SyntaxKind.SlashToken, SyntaxKind.SlashEqualsToken])
const POWER: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.AsteriskAsteriskToken,
  SyntaxKind.AsteriskAsteriskEqualsToken,
])
const UNARY: ReadonlySet<SyntaxKind> = new Set([SyntaxKind.MinusToken, SyntaxKind.TildeToken])

const WITH_BODY: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.FunctionExpression,
  SyntaxKind.ArrowFunction,
  SyntaxKind.MethodDeclaration,
])

/**
 * Expressions of `sources` that make a float and are not allowed to, as `file:line: expression`; and what is allowed and
 * no longer there, for a reason that outlived its expression would cover the next.
 *
 * @param sources text by path from the root of the repository; what they import is read from there
 */
export function floatsOf(
  sources: ReadonlyMap<string, string>,
  allowed: readonly Allowed[] = ALLOWED,
): string[] {
  const used = new Set<Allowed>()
  const problems: string[] = []
  withProgram(sources, (file, tree, checker) => {
    const candidates = allowed.filter(each => each.file === file)
    const isAllowed = (node: Node): boolean => {
      if (candidates.length === 0) return false
      const text = tight(node.getText(tree))
      const found = candidates.filter(({ expression }) => tight(expression) === text)
      for (const each of found) used.add(each)
      return found.length > 0
    }
    const suspects: Suspect[] = []
    collect(tree, undefined, {
      suspects,
      isAllowed,
      isForeign: call => {
        const { path = '', kind } = checker.getResolvedSignature(call)?.declaration ?? {}
        return !sources.has(path.slice(ROOT.length + 1)) || kind === undefined || !WITH_BODY.has(kind)
      },
    })
    const types = checker.getTypeAtLocation(suspects.flatMap(({ operands }) => operands))
    for (const { node, operands, isFloat } of suspects) {
      if (!isFloat(types.splice(0, operands.length))) continue
      const line = tree.text.slice(0, node.getStart(tree)).split('\n').length
      problems.push(`${file}:${line}: ${node.getText(tree).replace(/\s+/g, ' ')}`)
    }
  })
  for (const each of allowed) {
    if (!used.has(each)) problems.push(`${each.file}: nothing is the allowed "${each.expression}"`)
  }
  return problems
}

/** An expression that is a float when its operands are of such types. */
interface Suspect {
  readonly node: Node
  readonly operands: readonly Node[]
  isFloat(types: readonly (Type | undefined)[]): boolean
}

const ALWAYS = (): boolean => true

interface Reader {
  readonly suspects: Suspect[]
  isAllowed(node: Node): boolean
  /** Whether the body of what is called stands in none of the files that are read. */
  isForeign(call: Node): boolean
}

/** In the order of the text; nothing below an expression that is allowed as a whole. */
function collect(node: Node, parent: Node | undefined, reader: Reader): void {
  if (isTypeNode(node) || isImportDeclaration(node)) return
  if (reader.isAllowed(node)) return
  const suspect = suspectOf(node, parent, reader.isForeign)
  if (suspect !== undefined) reader.suspects.push(suspect)
  node.forEachChild(child => {
    collect(child, node, reader)
  })
}

function suspectOf(
  node: Node,
  parent: Node | undefined,
  isForeign: (call: Node) => boolean,
): Suspect | undefined {
  if (isCallExpression(node) || isNewExpression(node)) {
    const given = [...(node.arguments ?? [])]
    if ([node.expression, ...given].some(isMaker)) return { node, operands: [], isFloat: ALWAYS }
    const { expression: callee } = node
    if (isPropertyAccessExpression(callee) && HARMLESS_METHODS.has(callee.name.text)) return undefined
    // What is called may be anything, but not a number out of digits; our own functions are read themselves.
    return {
      node,
      operands: [node, ...given],
      isFloat: ([made, ...types]) =>
        mayBe(made, NUMERIC) && types.some(type => mayBe(type, DIGITS)) && isForeign(node),
    }
  }
  // Named with what it is in: alone, it would allow every other.
  if (isMaker(node) && !isPart(node, parent) && !isCallOf(node, parent)) {
    return { node: parent ?? node, operands: [], isFloat: ALWAYS }
  }
  if (isNumericLiteral(node)) {
    return Number.isInteger(Number(node.text)) ? undefined : { node, operands: [], isFloat: ALWAYS }
  }
  if (isPrefixUnaryExpression(node)) {
    if (node.operator === SyntaxKind.PlusToken) return { node, operands: [], isFloat: ALWAYS }
    if (!UNARY.has(node.operator)) return undefined
    return { node, operands: [node.operand], isFloat: ([type]) => !isOnly(type, NUMERIC | BIG) }
  }
  if (!isBinaryExpression(node)) return undefined
  const operands = [node.left, node.right]
  const { kind } = node.operatorToken
  if (DIVISION.has(kind)) return { node, operands, isFloat: types => !types.every(type => isOnly(type, BIG)) }
  if (POWER.has(kind) && !operands.every(isNumericLiteral)) {
    return { node, operands, isFloat: types => !types.every(type => isOnly(type, BIG)) }
  }
  if (!ARITHMETIC.has(kind)) return undefined
  return { node, operands, isFloat: types => !types.every(type => isOnly(type, NUMERIC | BIG)) }
}

function isMaker(node: Node): boolean {
  if (isIdentifier(node)) return MAKERS.has(node.text)
  if (isPropertyAccessExpression(node)) {
    const { expression, name } = node
    if (isIdentifier(expression)) {
      const path = `${expression.text}.${name.text}`
      if (HARMLESS.test(path)) return false
      // Numbers of JSON are doubles.
      if (path === 'JSON.parse') return true
    }
    return MAKING_METHODS.test(name.text) || isMaker(expression)
  }
  if (!isElementAccessExpression(node)) return false
  const { argumentExpression: key } = node
  return isMaker(node.expression) || (isStringLiteral(key) && MAKING_METHODS.test(key.text))
}

/** Whether the call was found before. */
function isCallOf(node: Node, parent: Node | undefined): boolean {
  if (parent === undefined || !(isCallExpression(parent) || isNewExpression(parent))) return false
  return parent.expression === node || parent.arguments?.some(one => one === node) === true
}

/** Whether a part of `x.y` or `x[y]`, which is judged as a whole, or the name of a property that is given. */
function isPart(node: Node, parent: Node | undefined): boolean {
  if (parent === undefined) return false
  if (isPropertyAccessExpression(parent)) return true
  if (isElementAccessExpression(parent)) return parent.expression === node
  return isPropertyAssignment(parent) && parent.name === node
}

/** Whether all that a value can be is of `flags`. */
function isOnly(type: Type | undefined, flags: number): boolean {
  if (type === undefined) return false
  if (type.isUnionType()) return type.getTypes().every(each => isOnly(each, flags))
  if (type.isIntersectionType()) return type.getTypes().some(each => isOnly(each, flags))
  return (type.flags & flags) !== 0
}

/** Whether something that a value can be is of `flags`; of an unknown type, it is. */
function mayBe(type: Type | undefined, flags: number): boolean {
  if (type === undefined) return true
  if (type.isUnionType()) return type.getTypes().some(each => mayBe(each, flags))
  return (type.flags & flags) !== 0
}

/** However it is broken into lines. */
function tight(expression: string): string {
  return expression.replace(/\s+/g, '')
}

/** Shows each of `sources` to `look`, parsed and with types. */
function withProgram(
  sources: ReadonlyMap<string, string>,
  look: (file: string, tree: SourceFile, checker: Checker) => void,
): void {
  const project = `${ROOT}/tsconfig.floats.json`
  const files = new Map([...sources].map(([file, text]) => [`${ROOT}/${file}`, text]))
  const config = { extends: './tsconfig.json', files: [...files.keys()], include: [] }
  files.set(project, JSON.stringify(config))
  const fs = {
    readFile: (name: string) => files.get(name),
    // Undefined: the real one knows.
    fileExists: (name: string) => files.has(name) || undefined,
  }
  const api = new API({ cwd: ROOT, fs })
  try {
    const { program, checker } = api.updateSnapshot({ openProjects: [project] }).getProject(project) ?? {}
    for (const file of sources.keys()) {
      const tree = program?.getSourceFile(`${ROOT}/${file}`)
      if (tree === undefined || checker === undefined) throw new Error(`the compiler does not read ${file}`)
      look(file, tree, checker)
    }
  } finally {
    api.close()
  }
}

function main(): number {
  const files = PRICE_PATH.flatMap(pattern => globSync(pattern, { cwd: ROOT })).sort()
  const problems = floatsOf(new Map(files.map(file => [file, readFileSync(join(ROOT, file), 'utf8')])))
  for (const problem of problems) console.error(problem)
  console.log(`floats in the price path: ${files.length} files, ${problems.length} problems`)
  return problems.length > 0 ? 1 : 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main()
