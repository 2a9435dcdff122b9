// Runs the documents of this folder.
// timeout: 300 s: each of some hundred commands is a process of its own

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repository } from '../shared-data.ts'
import { matches, type Part, readDocument } from './document.ts'
import { Shell } from './shell.ts'

const test = suite('cli/documents')

const folder = path.join(repository, 'test', 'cli')
const names = fs.readdirSync(folder).filter(name => name.endsWith('.md'))

for (const name of names) {
  test(`${name} does what it says`, async () => {
    const parts = readDocument(fs.readFileSync(path.join(folder, name), 'utf8'))
    assert.ok(
      parts.some(part => 'step' in part),
      'it runs nothing',
    )
    await runParts(parts)
  })
}

async function runParts(parts: readonly Part[]): Promise<void> {
  await using shell = await Shell.open()
  for (const part of parts) {
    if ('file' in part) {
      await shell.write(part.file.path, part.file.text)
      continue
    }
    const fault = await shell.run(part.step)
    if (fault !== undefined) assert.unreachable(fault)
  }
  assert.equal(await shell.close(), [])
}

test('each user story has a document', () => {
  const wanted = [
    'first-hub',
    'import-and-push',
    'clone',
    'unregistered-key',
    'refused-event',
    'diverged-hubs',
    'served-store',
    'live',
    'settle',
  ]
  assert.equal(
    wanted.filter(name => !names.includes(`${name}.md`)),
    [],
  )
})

test('a document has commands, continuations, exit codes and files', () => {
  const text = [
    'Prose with `$ code`.',
    '```console lab',
    '$ one \\',
    '> two',
    'out',
    '',
    '$ three',
    '(exit 2)',
    '```',
    '```json lab/a.json',
    '{}',
    '```',
    '```',
    '$ not run',
    '```',
  ].join('\n')
  assert.equal(readDocument(text), [
    { step: { line: 3, folder: 'lab', command: 'one \\\ntwo', expected: ['out'], exit: 0 } },
    { step: { line: 7, folder: 'lab', command: 'three', expected: [], exit: 2 } },
    { file: { path: 'lab/a.json', text: '{}\n' } },
  ])
})

test('an unterminated block and output before a command are errors of the document', () => {
  assert.throws(() => readDocument('```console a\n$ x'), 'does not end')
  assert.throws(() => readDocument('```console a\nx\n```'), 'without a command')
})

test('wildcards match parts of lines and whole lines only', () => {
  assert.ok(matches(['a 12 b'], ['a [..] b']))
  assert.not(matches(['a 12 c'], ['a [..] b']))
  assert.ok(matches(['a', 'x', 'y', 'b'], ['a', '...', 'b']))
  assert.ok(matches(['a', 'b'], ['a', '...', 'b']))
  assert.not(matches(['a', 'b', 'c'], ['a', '...', 'b']))
  assert.ok(matches([], ['...']))
  assert.not(matches(['x'], []))
  assert.not(matches([], ['x']))
  assert.ok(matches(['(a|b)*'], ['(a|b)*']))
  assert.not(matches(['aaa'], ['(a|b)*']))
})

test.run()
