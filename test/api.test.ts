// Checks the public API as text: every exported name of an entry point has a summary, every public
// class has an example, and doc comments name error codes that protocol/errors.md lists.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CODES } from '../src/base/errors.ts'
import { none, readText, type Source, sources, target } from './sources.ts'

const test = suite('api')

/** A name that an entry point exports, and where it is declared. */
interface Exported {
  readonly name: string
  readonly path: string
  /** The name at its declaration. */
  readonly local: string
}

interface Declaration {
  readonly kind: string
  /** The text of its doc comment, without the marks; empty where there is none. */
  readonly doc: string
}

const DECLARATION =
  /^export (?:declare )?(?:abstract )?(?:async )?(const|let|function\*?|class|interface|type|enum) (\w+)/gm
const IMPORT = /^import (?:type )?\{([^}]*)\} from '([^']+)'/gm
const STAR = /^export \* from '([^']+)'/gm
const REEXPORT = /^export (?:type )?\{([^}]*)\}(?: from '([^']+)')?/gm

/** The sources of the entry points that package.json exports. */
function entryPoints(): string[] {
  const { exports } = JSON.parse(readText('package.json'))
  return Object.values<string | { types: string }>(exports).flatMap(entry =>
    typeof entry === 'string' ? [] : [entry.types.replace(/^\.\/dist\//, '').replace(/\.d\.ts$/, '.ts')],
  )
}

/** The names of a list in braces: `a, type b as c` gives a, and b under the name c. */
function listed(list: string): { local: string; name: string }[] {
  const items = list.split(',').map(item => item.trim().replace(/^type /, ''))
  return items
    .filter(item => item !== '')
    .map(item => {
      const [local, name] = item.split(' as ')
      return { local: local!, name: name ?? local! }
    })
}

/** Names that a file exports, followed through re-exports and imports to their declarations. */
function exportsOf(path: string, files: ReadonlyMap<string, string>): Exported[] {
  const code = files.get(path) ?? ''
  const found: Exported[] = [...code.matchAll(DECLARATION)].map(([, , name]) => ({ name: name!, path, local: name! }))
  for (const [, from] of code.matchAll(STAR)) found.push(...exportsOf(target(path, from!), files))
  for (const [, list, from] of code.matchAll(REEXPORT)) {
    for (const { local, name } of listed(list!)) {
      const origin = from === undefined ? importedAs(path, local, files) : originOf(target(path, from), local, files)
      found.push({ ...(origin ?? { path, local }), name })
    }
  }
  return found
}

function originOf(path: string, name: string, files: ReadonlyMap<string, string>): Exported | undefined {
  return exportsOf(path, files).find(other => other.name === name)
}

function importedAs(path: string, name: string, files: ReadonlyMap<string, string>): Exported | undefined {
  for (const [, list, from] of (files.get(path) ?? '').matchAll(IMPORT)) {
    const found = listed(list!).find(item => item.name === name)
    if (found !== undefined) return originOf(target(path, from!), found.local, files)
  }
  return undefined
}

/** The declaration of a name in a file, with the doc comment directly before it. */
function declarationOf(text: string, name: string): Declaration | undefined {
  const pattern = new RegExp(
    String.raw`(/\*\*(?:(?!\*/)[\s\S])*\*/\n)?^(?:export )?(?:declare )?(?:abstract )?(?:async )?(const|let|function\*?|class|interface|type|enum) ${name}\b`,
    'm',
  )
  const match = pattern.exec(text)
  if (match === null) return undefined
  const doc = (match[1] ?? '').replace(/^\s*\/\*\*|\*\/\s*$/g, '').replaceAll(/^\s*\* ?/gm, '')
  return { kind: match[2]!, doc: doc.trim() }
}

/** What is wrong with the documentation of one exported name. */
function docFaults({ name, path, local }: Exported, files: ReadonlyMap<string, string>): string[] {
  const declaration = declarationOf(files.get(path) ?? '', local)
  if (declaration === undefined) return [`${path}: ${name} is declared nowhere`]
  const { kind, doc } = declaration
  const faults = doc === '' || doc.startsWith('@') ? [`${path}: ${name} has no summary`] : []
  if (kind === 'class' && !doc.includes('@example')) faults.push(`${path}: class ${name} has no @example`)
  return faults
}

/** Codes in the comments of a source that are not among the known ones; `ERR_STORE_*` stands for all with that start. */
function unknownCodes({ path, text }: Source, known: ReadonlySet<string>): string[] {
  const comments = [...text.matchAll(/\/\*\*[\s\S]*?\*\/|\/\/.*$/gm)].map(match => match[0]).join('\n')
  const codes = new Set([...comments.matchAll(/\bERR_[A-Z_]+\b/g)].map(match => match[0]))
  const isKnown = (code: string): boolean =>
    known.has(code) || (code.endsWith('_') && [...known].some(other => other.startsWith(code)))
  return [...codes].filter(code => !isKnown(code)).map(code => `${path}: ${code} is not in protocol/errors.md`)
}

const all = sources('src')
const files = new Map(all.map(({ path, text }) => [path, text]))

test('every exported name of an entry point has a summary, and every class an example', () => {
  const entries = entryPoints()
  assert.is(entries.length, 5)
  const exported = entries.flatMap(path => exportsOf(path, files))
  assert.ok(exported.length > 100, `${exported.length} names`)
  none([...new Set(exported.flatMap(name => docFaults(name, files)))])
})

test('the API reference is of every entry point', () => {
  const { entryPoints: rendered } = JSON.parse(readText('docs/typedoc/typedoc.json'))
  assert.equal(rendered.map((file: string) => target('docs/typedoc/typedoc.json', file)).sort(), entryPoints().sort())
})

test('comments name error codes that protocol/errors.md lists', () => {
  const listed = new Set([...readText('protocol/errors.md').matchAll(/\bERR_[A-Z_]+\b/g)].map(match => match[0]))
  none(Object.keys(CODES).filter(code => !listed.has(code)))
  none(all.flatMap(source => unknownCodes(source, listed)))
})

test('each of these rules sees its own violation, and a good file has none', () => {
  const declared = [
    '/** Adds. */\nexport function add() {}\n',
    '\nexport interface Bare {}\n',
    '/** @throws ReplicaError ERR_CID */\nexport const tagged = 1\n',
    '/** Owns a socket. */\nexport class Socket {}\n',
    '/**\n * Owns a file.\n *\n * @example\n * new File()\n */\nexport class File {}\n',
  ]
  const sample = new Map([
    ['src/a.ts', declared.join('\n')],
    ['src/b.ts', "import { tagged } from './a.ts'\nexport { tagged as again }\nexport { gone } from './a.ts'\n"],
    ['src/index.ts', "export { add, type Bare as Plain, tagged, Socket, File } from './a.ts'\nexport * from './b.ts'"],
  ])
  const faults = exportsOf('src/index.ts', sample).flatMap(name => docFaults(name, sample))
  assert.equal(faults.sort(), [
    'src/a.ts: Plain has no summary',
    'src/a.ts: again has no summary',
    'src/a.ts: class Socket has no @example',
    'src/a.ts: tagged has no summary',
    'src/b.ts: gone is declared nowhere',
  ])
  const text = '/** @throws ReplicaError ERR_CID, ERR_MADE_UP */'
  assert.equal(unknownCodes({ path: 'src/b.ts', text, code: '' }, new Set(['ERR_CID'])), [
    'src/b.ts: ERR_MADE_UP is not in protocol/errors.md',
  ])
})

test.run()
