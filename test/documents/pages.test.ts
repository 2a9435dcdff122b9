// The pages for users, operators and contributors agree with the repository: links, file names, error codes and npm scripts
// exist; the tables of ARCHITECTURE.md name what is in the source.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isErrorCode } from '../../src/base/errors.ts'
import { PACKAGE_VERSION } from '../../src/base/version.ts'
import { repository } from '../shared-data.ts'
import { none, readText, sources } from '../sources.ts'
import { codeWords, fileNames, findFile, linkTargets, pages, withoutBlocks } from './pages.ts'

const test = suite('pages')
const all = pages()

test('links between pages and to files lead somewhere', () => {
  none(
    all.flatMap(page =>
      linkTargets(page)
        .filter(target => !fs.existsSync(path.join(repository, target)))
        .map(target => `${page.path} → ${target}`),
    ),
  )
})

test('files that pages name in code font exist', () => {
  assert.ok(all.some(({ text }) => fileNames(text).length > 10))
  none(
    all.flatMap(page =>
      fileNames(page.text)
        .filter(name => findFile(name, page) === undefined)
        .map(name => `${page.path}: ${name}`),
    ),
  )
})

test('error codes and npm scripts that pages name exist', () => {
  const { scripts } = JSON.parse(readText('package.json'))
  const wrong = all.flatMap(({ path: file, text }) => {
    const codes = [...text.matchAll(/\bERR_[A-Z_]*[A-Z]\b/g)].map(match => match[0]).filter(code => !isErrorCode(code))
    const named = [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(match => match[1]!)
    return [...codes, ...named.filter(name => !Object.hasOwn(scripts, name))].map(name => `${file}: ${name}`)
  })
  none(wrong)
})

test('README.md stays short, and links every page', () => {
  const text = readText('README.md')
  const lines = text.trimEnd().split('\n').length
  assert.ok(lines <= 170, `${lines} lines`)
  const linked = new Set(linkTargets({ path: 'README.md', text }))
  const top = all.map(page => page.path).filter(file => /^(?:[A-Z]+|docs\/[\w-]+)\.md$/.test(file))
  none(top.filter(file => file !== 'README.md' && !linked.has(file)))
})

test('CHANGELOG.md has a section for what is not released, and names the version of the package', () => {
  const text = readText('CHANGELOG.md')
  assert.match(text, /^## \[Unreleased\]$/m)
  assert.ok(text.includes(PACKAGE_VERSION))
  for (const [heading] of text.matchAll(/^### .*$/gm))
    assert.match(heading, /^### (?:Added|Changed|Deprecated|Removed|Fixed|Security)$/)
})

/** The rows of the tables of ARCHITECTURE.md below a heading, each as its cells. */
function rowsBelow(heading: string): string[][] {
  const text = readText('ARCHITECTURE.md')
  const level = /^#+/.exec(heading)![0]
  const after = text.split(`\n${heading}\n`)[1]
  assert.ok(after !== undefined, `there is no heading ${heading}`)
  const section = after.split(new RegExp(`^#{2,${level.length}} `, 'm'))[0]!
  const lines = withoutBlocks(section).matchAll(/^\| (.*) \|$/gm)
  return [...lines].map(match => match[1]!.split(' | ')).filter(([first]) => !/^[-: |]+$/.test(first!))
}

test('each step of a walk names functions that are in its file', () => {
  const page = all.find(({ path: file }) => file === 'ARCHITECTURE.md')!
  const wrong: string[] = []
  for (const heading of ['### A block, from the socket to LevelDB', '### An append', '### An HTTP entry']) {
    const rows = rowsBelow(heading).slice(1)
    assert.ok(rows.length > 5, heading)
    for (const [, place, names] of rows) {
      const file = findFile(codeWords(place!)[0]!, page)
      if (file === undefined) wrong.push(`${heading}: ${place}`)
      const code = file === undefined ? '' : readText(file)
      for (const name of codeWords(names!)) {
        const last = name.split(/[.#]/).at(-1)!
        if (!new RegExp(`\\b${last}\\b`).test(code)) wrong.push(`${file}: ${name}`)
      }
    }
  }
  none(wrong)
})

test('each invariant names a test', () => {
  const rows = rowsBelow('## Invariants').slice(1)
  assert.ok(rows.length > 10)
  none(rows.filter(row => !/`test\/[\w/-]+\.test\.ts`/.test(row.at(-1)!)).map(row => row[0]!))
})

/** The files that the first column of a table names, in order. */
function filesListed(heading: string): string[] {
  const page = all.find(({ path: file }) => file === 'ARCHITECTURE.md')!
  const names = rowsBelow(heading)
    .slice(1)
    .flatMap(([first]) => codeWords(first!))
  return [...new Set(names.map(name => findFile(name, page) ?? name))].sort()
}

function filesWith(pattern: RegExp): string[] {
  return sources('src')
    .filter(({ code }) => pattern.test(code))
    .map(source => source.path)
    .sort()
}

test('the table of mutexes has every file that makes one, and no other', () => {
  assert.equal(filesListed('### Mutexes'), filesWith(/new Mutex\(\)/))
})

test('the table of writers has every file that changes the file system, and no other', () => {
  const writes =
    /\bfs(?:Sync)?\.(?:writeFile|rename|mkdir|mkdtemp|rm|rmdir|link|chmod|unlink|copyFile)\w*\(|new Level\b/
  assert.equal(filesListed('## What writes to the disk'), filesWith(writes))
})

test('the table of folders has every folder of src', () => {
  const folders = sources('src').map(source => source.path.split('/')[1]!)
  const named = rowsBelow('## Layers')
    .slice(1)
    .filter(row => row.length === 3)
    .map(([first]) => codeWords(first!)[0])
  none([...new Set(folders)].filter(folder => !folder.endsWith('.ts') && !named.includes(folder)))
})

test.run()
