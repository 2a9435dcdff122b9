// Reads and writes `.vela/config.toml` and `frontier.yaml`: plain values of known names, one per
// line, in the subset of YAML that Vela writes. Spec: protocol/frontier.md, F16, F22.

import { printString } from '../../json/json.ts'
import { type Json, JsonNumber } from '../../json/value.ts'

/** A file of a repository. Its path is relative: `.vela/…`, or a visible file beside it. */
export interface RepositoryFile {
  readonly path: string
  readonly bytes: Uint8Array
}

export interface Config {
  readonly frontier_id?: string
  readonly name?: string
  readonly description?: string
  readonly compiler?: string
  readonly compiled_at?: string
  readonly papers_processed?: JsonNumber
  /** From frontier.yaml; objects with strings and nulls. */
  readonly dependencies?: readonly Json[]
}

const TEXTS = ['frontier_id', 'name', 'description', 'compiler', 'compiled_at'] as const

const TOML = '.vela/config.toml'
const YAML = 'frontier.yaml'

/** The places of a repository, as the reference names them. */
const PATHS = [
  ['state', 'frontier.json'],
  ['sources', 'sources/'],
  ['artifacts', 'artifacts/'],
  ['review', 'review/'],
  ['proof', 'proof/'],
  ['exports', 'exports/'],
] as const

/** Reads both files; frontier.yaml has precedence. */
export function configOf(files: readonly RepositoryFile[]): Config {
  const linesOf = (path: string): string[] => {
    const file = files.find(one => one.path === path)
    return file === undefined ? [] : Buffer.from(file.bytes).toString('utf8').split(/\r?\n/)
  }
  const [toml, yaml] = [tomlValues(linesOf(TOML)), linesOf(YAML)]
  const config: { -readonly [name in keyof Config]: Config[name] } = {}
  const inYaml = new Map(yaml.flatMap(line => yamlMember(line) ?? []))
  for (const name of TEXTS) {
    const value = inYaml.get(name) ?? textIn(toml.get(name))
    if (typeof value === 'string') config[name] = value
  }
  const papers = toml.get('papers_processed')
  if (papers !== undefined && /^\d{1,15}$/.test(papers)) config.papers_processed = JsonNumber.integer(Number(papers))
  const dependencies = dependenciesIn(yaml)
  if (dependencies.length > 0) config.dependencies = dependencies
  return config
}

/** Returns both files for a frontier, from its name and its member `frontier`. */
export function configFiles(frontier: string, meta: Json | undefined): { path: string; text: string }[] {
  const own = meta instanceof Map ? meta : new Map<string, Json>()
  const lines = ['[project]', `frontier_id = ${tomlText(frontier)}`]
  for (const name of TEXTS) {
    const value = own.get(name)
    if (typeof value === 'string' && name !== 'frontier_id') lines.push(`${name} = ${tomlText(value)}`)
  }
  const papers = own.get('papers_processed')
  if (papers instanceof JsonNumber && papers.isInteger) lines.push(`papers_processed = ${papers.text}`)
  const files = [{ path: TOML, text: `${lines.join('\n')}\n` }]
  const dependencies = own.get('dependencies')
  if (!Array.isArray(dependencies) || dependencies.length === 0) return files
  return [...files, { path: YAML, text: manifestText(own, dependencies) }]
}

/** Returns the raw values of the first table and of `[project]`. */
function tomlValues(lines: readonly string[]): Map<string, string> {
  const values = new Map<string, string>()
  let section = 'project'
  for (const line of lines) {
    const header = /^\s*\[+\s*([^\]]*?)\s*\]/.exec(line)
    if (header !== null) section = header[1]!
    const member = /^\s*(\w+)\s*=\s*("(?:[^"\\]|\\.)*"|'[^']*'|\d+)\s*(?:#.*)?$/.exec(line)
    if (section === 'project' && member !== null) values.set(member[1]!, member[2]!)
  }
  return values
}

/**
 * Reads a basic or literal string; undefined for anything else. Except for `\U`, the escapes are
 * those of JSON.
 */
function textIn(value: string | undefined): string | undefined {
  if (value?.startsWith("'")) return value.slice(1, -1)
  if (!value?.startsWith('"')) return undefined
  const wide = /\\U([0-9a-fA-F]{8})/g
  try {
    return JSON.parse(value.replaceAll(wide, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16))))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined
    throw error
  }
}

function tomlText(text: string): string {
  return printString(text).replaceAll('\u007f', '\\u007f')
}

/** Reads `name: value` at the start of a line: a string or null. */
function yamlMember(line: string): [[string, Json]] | undefined {
  const member = /^(\w+):[ \t]+(.*?)[ \t]*$/.exec(line)
  const value = member === null ? undefined : yamlScalar(member[2]!)
  return value === undefined ? undefined : [[member![1]!, value]]
}

function yamlScalar(text: string): Json | undefined {
  if (text === 'null' || text === '~') return null
  const quoted = /^'((?:[^']|'')*)'(?:[ \t]+#.*)?$/.exec(text)
  if (quoted !== null) return quoted[1]!.replaceAll("''", "'")
  const double = /^("(?:[^"\\]|\\.)*")(?:[ \t]+#.*)?$/.exec(text)
  if (double !== null) return textIn(double[1])
  // Other first characters start a block, list, object or anchor.
  const plain = text.replace(/[ \t]+#.*$/, '')
  return /^[^\s|>&*!%@`{[\]}#"',?-]/.test(plain) || /^-\S/.test(plain) ? plain : undefined
}

/** Reads the items below `dependencies:`, or below `frontiers_v2:` in it: lists of flat objects. */
function dependenciesIn(lines: readonly string[]): Json[] {
  const start = lines.findIndex(line => /^dependencies:\s*$/.test(line))
  if (start < 0) return []
  const end = lines.findIndex((line, at) => at > start && /^[^\s#-]/.test(line))
  const below = lines.slice(start + 1, end < 0 ? undefined : end)
  const named = below.findIndex(line => /^\s+frontiers_v2:\s*$/.test(line))
  const items: Map<string, Json>[] = []
  for (const line of below.slice(named + 1)) {
    const opening = /^\s*-\s+(.*)$/.exec(line)
    const member = yamlMember(opening?.[1] ?? line.trim())
    if (member === undefined || (opening === null && items.length === 0)) break
    if (opening !== null) items.push(new Map())
    items.at(-1)!.set(...member[0])
  }
  return items
}

/** The reference names its reducer as its compiler, with another sign between. */
function reducerOf(compiler: Json | undefined): string {
  const version = typeof compiler === 'string' ? /^vela\/([0-9]+\.[0-9]+\.[0-9]+)$/.exec(compiler)?.[1] : undefined
  return `vela@${version ?? '0.700.0'}`
}

/** JSON strings are YAML strings. */
function manifestText(meta: ReadonlyMap<string, Json>, dependencies: readonly Json[]): string {
  const lines = ['schema: vela.frontier_manifest.v0.1', 'layout: vela.frontier_repo.v0.1', 'mode: split']
  for (const name of ['name', 'description']) {
    const value = meta.get(name)
    if (typeof value === 'string') lines.push(`${name}: ${printString(value)}`)
  }
  lines.push('carina:', '  kernel: carina@0.1.0', 'vela:', `  reducer: ${reducerOf(meta.get('compiler'))}`, 'paths:')
  lines.push(...PATHS.map(([name, place]) => `  ${name}: ${place}`))
  lines.push('dependencies:', '  frontiers: []', '  packages: []', '  adapters: []', '  frontiers_v2:')
  for (const dependency of dependencies) {
    if (!(dependency instanceof Map)) continue
    const members = [...dependency].filter(([, value]) => value === null || typeof value === 'string')
    const texts = members.map(([name, value]) => `${name}: ${value === null ? 'null' : printString(value as string)}`)
    lines.push(...texts.map((text, at) => `${at === 0 ? '  - ' : '    '}${text}`))
  }
  return `${lines.join('\n')}\n`
}
