// README.md does what it says: its example runs as it stands, in an empty folder, and prints what its comments promise
// (`console.log(…) // → text`); its commands, codes and links exist.

import * as childProcess from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isErrorCode } from '../src/base/errors.ts'
import { repository, scratch } from './shared-data.ts'
import { none, readText } from './sources.ts'

const test = suite('readme')

const run = promisify(childProcess.execFile)

/** Fenced blocks of one language, in order. */
function blocks(language: string): string[] {
  return [...readText('README.md').matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(match => match[1] === language)
    .map(match => match[2]!)
}

test('the example runs in an empty folder and prints what it says', async () => {
  const examples = blocks('ts').filter(block => block.includes("from 'frontier-replica"))
  assert.ok(examples.length > 0)
  for (const example of examples) {
    await using dir = await scratch()
    fs.mkdirSync(dir.join('node_modules'))
    fs.symlinkSync(repository, dir.join('node_modules', 'frontier-replica'))
    fs.writeFileSync(dir.join('example.mjs'), example)
    const { stdout, stderr } = await run(process.execPath, ['example.mjs'], { cwd: dir.path, timeout: 60_000 })
    const promised = [...example.matchAll(/\/\/ → (.*)$/gm)].map(match => match[1]!.trim())
    assert.ok(promised.length > 0, 'the example promises no output')
    assert.equal(stdout.trimEnd().split('\n').slice(0, promised.length), promised)
    assert.is(stderr, '')
  }
})

test('a newcomer needs the two commands that are there', () => {
  const text = readText('README.md')
  assert.match(text, 'npm ci && npm run demo')
  assert.match(text, 'npm ci && npm test')
})

test('npm scripts and files that it names exist', () => {
  const text = readText('README.md')
  const { scripts } = JSON.parse(readText('package.json'))
  const named = [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(match => match[1]!)
  none(named.filter(name => !Object.hasOwn(scripts, name)).map(name => `npm run ${name}`))
  const files = [...text.matchAll(/`((?:src|test|bench|protocol|\.ci)\/[\w./-]+)`/g)].map(match => match[1]!)
  none(files.filter(file => !fs.existsSync(path.join(repository, file))))
})

test('error codes that it names exist', () => {
  const named = [...readText('README.md').matchAll(/\bERR_[A-Z_]*[A-Z]\b/g)].map(match => match[0])
  none(named.filter(name => !isErrorCode(name)))
})

test('its parts stand in the order of a newcomer’s questions', () => {
  const order = [
    /example|start/i,
    /command/i,
    /library|API/,
    /error/i,
    /limit/i,
    /protocol/i,
    /bench|cost|speed/i,
    /security/i,
    /upgrading/i,
    /licen[cs]e/i,
  ]
  const headings = [...readText('README.md').matchAll(/^## (.*)$/gm)].map(match => match[1]!)
  const places = order.map(pattern => headings.findIndex(heading => pattern.test(heading)))
  assert.ok(
    places.every(place => place >= 0),
    `missing: ${order.filter((_, index) => places[index]! < 0).join(', ')} in ${headings.join(' | ')}`,
  )
  assert.equal(
    places,
    [...places].sort((a, b) => a - b),
    headings.join(' | '),
  )
})

test.run()
