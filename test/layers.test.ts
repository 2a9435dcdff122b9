// The architecture as rules over the import graph of src/: an allowed-import matrix, no circles, one importer per package,
// protocol logic without clock or socket, one user of `process`, typed errors only, files and folders of readable size.

import { execFile } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { figureOf, mayImport } from './layer-matrix.ts'
import { repository, scratch } from './shared-data.ts'
import { none, packageOf, readText, type Source, sources, specifiers, target, withoutComments } from './sources.ts'

const test = suite('layers')
const all = sources('src')

/** `src/graph/heap.ts` is in `graph`, `src/index.ts` in `index`. */
function layerName(file: string): string {
  return file.split('/')[1]!.replace(/\.ts$/, '')
}

function mayUse(from: string, to: string): boolean {
  const allowed = mayImport[from] ?? []
  return from === to || allowed.includes(to) || (allowed.includes('*') && to !== 'index')
}

function filesImported(source: Source): string[] {
  return specifiers(source.code)
    .filter(specifier => specifier.startsWith('.'))
    .map(specifier => target(source.path, specifier))
}

/** Layers that compute and do nothing else. */
const pure = ['graph', 'json', 'cbor', 'event', 'node', 'sync', 'vela']

function places(files: readonly Source[], pattern: RegExp): string[] {
  return files.flatMap(({ path, code }) => [...code.matchAll(pattern)].map(match => `${path}: ${match[0].trim()}`))
}

function inLayers(...names: string[]): Source[] {
  return all.filter(source => names.includes(layerName(source.path)))
}

test('every source file belongs to a layer', () => {
  assert.ok(all.length > 4)
  none(all.filter(source => mayImport[layerName(source.path)] === undefined).map(source => source.path))
})

test('imports name files that are there, with their extension', () => {
  const known = new Set(all.map(source => source.path))
  none(
    all.flatMap(source =>
      filesImported(source)
        .filter(file => !known.has(file))
        .map(file => `${source.path} → ${file}`),
    ),
  )
})

test('imports keep to the matrix', () => {
  const offences: string[] = []
  for (const source of all) {
    for (const file of filesImported(source)) {
      if (!mayUse(layerName(source.path), layerName(file))) offences.push(`${source.path} → ${file}`)
    }
  }
  none(offences)
})

test('the core builds alone: without vela, projection, hub and cli', async () => {
  await using dir = await scratch()
  const isOutside = (file: string): boolean => /^src\/(?:vela|projection|hub|cli)\//.test(file)
  for (const { path: file, text } of all) {
    if (isOutside(file)) continue
    fs.mkdirSync(path.dirname(dir.join(file)), { recursive: true })
    fs.writeFileSync(dir.join(file), text)
  }
  for (const file of ['package.json', 'tsconfig.json']) fs.copyFileSync(path.join(repository, file), dir.join(file))
  fs.symlinkSync(path.join(repository, 'node_modules'), dir.join('node_modules'))
  const compiler = path.join(repository, 'node_modules', '.bin', 'tsc')
  const output = await promisify(execFile)(compiler, ['-p', dir.path, '--noEmit']).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  )
  assert.is(output, '')
})

test('the figure of the layers in ARCHITECTURE.md is that of the matrix: otherwise run test/make-diagram.ts', () => {
  const page = readText('ARCHITECTURE.md')
  assert.is(figureOf(page, mayImport), page)
})

test('no file imports itself by way of others', () => {
  const imports = new Map(all.map(source => [source.path, filesImported(source)]))
  // Files that import none of the rest, or that none of the rest imports, are taken away until all others lie on circles.
  for (let taken = true; taken; ) {
    taken = false
    const imported = new Set([...imports.values()].flat())
    for (const [file, others] of imports) {
      if (imported.has(file) && others.some(other => imports.has(other))) continue
      imports.delete(file)
      taken = true
    }
  }
  none([...imports].map(([file, imported]) => `${file} → ${imported.filter(other => imports.has(other)).join(', ')}`))
})

test('each npm package is imported by exactly one file, and every dependency is used', () => {
  const { dependencies, optionalDependencies } = JSON.parse(readText('package.json'))
  const importers = new Map<string, string[]>(
    Object.keys({ ...dependencies, ...optionalDependencies }).map(name => [name, []]),
  )
  const unknown = []
  for (const source of all) {
    for (const name of new Set(specifiers(source.code).map(packageOf))) {
      if (name === undefined) continue
      const files = importers.get(name)
      if (files === undefined) unknown.push(`${source.path} imports ${name}, which is no dependency`)
      else files.push(source.path)
    }
  }
  none(
    [...importers]
      .filter(([, files]) => files.length !== 1)
      .map(([name, files]) => `${name}: ${files.join(', ') || 'nobody'}`),
  )
})

test('packages lie where the architecture puts them', () => {
  const context = new Map([
    ['multiformats', /^src\/cbor\/cid\.ts$/],
    ['@ipld/dag-cbor', /^src\/cbor\/dag-cbor\.ts$/],
    ['level', /^src\/store\//],
    ['@noble/ed25519', /^src\/crypto\/provider-noble\.ts$/],
    ['sodium-native', /^src\/crypto\//],
    ['ws', /^src\/transport\/websocket-link\.ts$/],
  ])
  const offences = []
  for (const source of all) {
    for (const specifier of specifiers(source.code)) {
      const place = context.get(packageOf(specifier) ?? '')
      if (place !== undefined && !place.test(source.path)) offences.push(`${source.path} → ${specifier}`)
    }
  }
  none(offences)
})

test('modules of Node are imported by their node: names', () => {
  none(
    places(
      all,
      /from '(?:fs|path|os|crypto|http|https|net|tls|events|stream|url|util|zlib|worker_threads)(?:\/\w+)?'/g,
    ),
  )
})

test('pure layers reach no file, socket, process or thread', () => {
  none(places(inLayers(...pure), /'node:(?!(?:buffer|util|crypto|zlib)')[\w/]+'/g))
})

test('the protocol logic imports no package', () => {
  const named = inLayers('sync').flatMap(({ path, code }) => specifiers(code).map(name => `${path} → ${name}`))
  none(named.filter(line => !/→ (?:\.|node:)/.test(line)))
})

test('pure layers have no clock, timer or randomness', () => {
  const clocks =
    /\b(?:Date\.now|new Date\(\)|Math\.random|performance\.\w+|setTimeout|setInterval|getRandomValues|random(?:Bytes|UUID|Int|Fill)|fetch\()/g
  none(places(inLayers(...pure), clocks))
  none(places(inLayers(...pure), /\b(?:setImmediate|queueMicrotask|nextTick)\b/g))
})

test('only src/cli/main.ts uses process', () => {
  const others = all.filter(source => source.path !== 'src/cli/main.ts')
  none(places(others, /(?<![\w.$'"`-])process\.\w+|'node:process'|globalThis\.process/g))
})

test('the library prints nothing', () => {
  none(places(all, /\bconsole\.\w+/g))
})

test('what is thrown is a ReplicaError or a TypeError', () => {
  none(places(all, /\bthrow new (?:Error|RangeError|SyntaxError|AggregateError|EvalError|URIError)\(/g))
})

test('no default exports, no star exports outside of the entry points', () => {
  none(places(all, /^export default.*$/gm))
  none(
    places(
      all.filter(source => !source.path.endsWith('/index.ts')),
      /^export \*.*$/gm,
    ),
  )
})

const FILES_PER_FOLDER_MAX = 20
const FILE_LINES_MAX = 500
const README_LINES_MAX = 30
/** One file per command group: its folder may be larger, and a command may be called like a file elsewhere. */
const COMMANDS = 'src/cli/commands'

/** Values by key, in the order of their first value. */
function grouped<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item])
  return groups
}

function tooManyFiles(files: readonly Source[]): string[] {
  const folders = grouped(files, source => path.posix.dirname(source.path))
  return [...folders].flatMap(([folder, inside]) =>
    folder === COMMANDS || inside.length <= FILES_PER_FOLDER_MAX ? [] : [`${folder}: ${inside.length} files`],
  )
}

function sharedBaseNames(files: readonly Source[]): string[] {
  const named = files.filter(source => !source.path.startsWith(COMMANDS) && !source.path.endsWith('/index.ts'))
  return [...grouped(named, source => path.posix.basename(source.path))]
    .filter(([, same]) => same.length > 1)
    .map(([name, same]) => `${name}: ${same.map(source => source.path).join(', ')}`)
}

/** Exported names that two files declare. Overloads and a type beside a constant of one file count once. */
function declaredTwice(files: readonly Source[]): string[] {
  const form =
    /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type|enum) (\w+)/gm
  const declarations = files.flatMap(({ path, code }) =>
    [...new Set([...code.matchAll(form)].map(match => match[1]!))].map(name => ({ name, path })),
  )
  return [...grouped(declarations, declaration => declaration.name)]
    .filter(([, same]) => same.length > 1)
    .map(([name, same]) => `${name}: ${same.map(declaration => declaration.path).join(', ')}`)
}

function fileFaults({ path, text }: Source): string[] {
  const lines = text.trimEnd().split('\n')
  const start = lines[0]!.startsWith('#!') ? lines.slice(1) : lines
  return [
    ...(lines.length > FILE_LINES_MAX ? [`${path}: ${lines.length} lines`] : []),
    ...(start[0]?.startsWith('// ') ? [] : [`${path}: no header comment`]),
  ]
}

/** `readme` returns the text of a folder's README.md, undefined where there is none. */
function readmeFaults(folders: readonly string[], readme: (folder: string) => string | undefined): string[] {
  return folders.flatMap(folder => {
    const text = readme(folder)
    if (text === undefined) return [`${folder}: no README.md`]
    const lines = text.trimEnd().split('\n').length
    return lines > README_LINES_MAX ? [`${folder}/README.md: ${lines} lines`] : []
  })
}

test('every file of src starts with a header comment and has at most 500 lines', () => {
  none(all.flatMap(fileFaults))
})

test('a folder has at most 20 files', () => {
  none(tooManyFiles(all))
})

test('base names are unique, and so are exported names', () => {
  none([...sharedBaseNames(all), ...declaredTwice(all)])
})

test('each folder of src has a short README', () => {
  const folders = [...new Set(all.map(source => path.posix.dirname(source.path)))]
  none(
    readmeFaults(
      folders.filter(folder => folder !== 'src'),
      folder =>
        fs.existsSync(path.join(repository, folder, 'README.md')) ? readText(`${folder}/README.md`) : undefined,
    ),
  )
})

test('each of these rules sees its own violation', () => {
  const source = (path: string, text: string): Source => ({ path, text, code: withoutComments(text) })
  const many = Array.from({ length: 21 }, (_, i) => source(`src/a/f${i}.ts`, '// Sample.\n'))
  assert.equal(tooManyFiles(many), ['src/a: 21 files'])
  assert.equal(tooManyFiles(many.slice(1)), [])
  const duplicates = [
    source('src/a/heap.ts', 'export class Heap {}'),
    source('src/b/heap.ts', 'export interface Heap {}'),
  ]
  assert.equal(sharedBaseNames(duplicates), ['heap.ts: src/a/heap.ts, src/b/heap.ts'])
  assert.equal(declaredTwice(duplicates), ['Heap: src/a/heap.ts, src/b/heap.ts'])
  assert.equal(declaredTwice([source('src/a.ts', 'export const A = 1\nexport type A = typeof A')]), [])
  assert.equal(fileFaults(source('src/a.ts', `import './b.ts'${'\n1'.repeat(500)}`)), [
    'src/a.ts: 501 lines',
    'src/a.ts: no header comment',
  ])
  const readmes = new Map([
    ['src/a', '# a\n'],
    ['src/b', '# b\n'.repeat(31)],
  ])
  assert.equal(
    readmeFaults(['src/a', 'src/b', 'src/c'], folder => readmes.get(folder)),
    ['src/b/README.md: 31 lines', 'src/c: no README.md'],
  )
})

test('no grab-bag files', () => {
  const bags = /(?:^|[/-])(?:utils?|commons?|types?|helpers?|managers?|base|misc)\.ts$/
  none(
    sources('src', 'test', 'bench')
      .filter(source => bags.test(source.path))
      .map(source => source.path),
  )
})

test('nothing in src imports tests or benchmarks, and tests import no compiled output', () => {
  none(all.flatMap(source => filesImported(source).filter(file => !file.startsWith('src/'))))
  const outside = sources('test', 'bench').flatMap(source =>
    filesImported(source).map(file => `${source.path} → ${file}`),
  )
  none(outside.filter(line => !/→ (?:src|test|bench)\//.test(line)))
})

test('the reading of imports sees every form', () => {
  const code = withoutComments(
    [
      "import * as fs from 'node:fs'",
      "import type { A } from './a.ts'",
      'import {',
      '  b, // from the left',
      "} from './b.ts'",
      "import './c.ts'",
      "export { d } from './d.ts'",
      "const e = await import('ws')",
      "const f = createRequire(import.meta.url)('sodium-native')",
      "const g = require('level')",
      'const load = createRequire(import.meta.url)',
      "const h = load('far/away')",
      "const i = args.required('no')",
      "// import { no } from './no.ts'",
      '/** like import("./never.ts") */',
    ].join('\n'),
  )
  const expected = ['node:fs', './a.ts', './b.ts', './d.ts', './c.ts', 'ws', 'level', 'sodium-native', 'far/away']
  assert.equal(specifiers(code).sort(), expected.sort())
})

test.run()
