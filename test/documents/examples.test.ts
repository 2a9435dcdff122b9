// The examples in docs/examples run in an empty folder and print what their comments promise (`// → text`), and nothing else.
// They are compiled with the project against the public types of the package.

import * as childProcess from 'node:child_process'
import * as path from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, scratch } from '../shared-data.ts'
import { none, packageOf, sources, specifiers } from '../sources.ts'

const test = suite('examples')
const run = promisify(childProcess.execFile)
const examples = sources('docs/examples')

test('there are examples, and they import the package by its name and nothing of its inside', () => {
  assert.ok(examples.length >= 5)
  const imported = examples.flatMap(({ path: file, code }) => specifiers(code).map(name => [file, name] as const))
  none(
    imported
      .filter(([, name]) => packageOf(name) !== 'frontier-replica' && !name.startsWith('node:'))
      .map(([file, name]) => `${file} imports ${name}`),
  )
})

for (const { path: file, text } of examples) {
  test(`${path.basename(file)} prints what it says`, async () => {
    await using dir = await scratch()
    const program = path.join(repository, 'dist', file.replace(/\.ts$/, '.js'))
    const { stdout, stderr } = await run(process.execPath, [program], { cwd: dir.path, timeout: 60_000 })
    const promised = [...text.matchAll(/\/\/ → (.*)$/gm)].map(match => match[1]!.trim())
    assert.ok(promised.length > 0)
    assert.equal(stdout.trimEnd().split('\n'), promised)
    assert.is(stderr, '')
  })
}

test.run()
