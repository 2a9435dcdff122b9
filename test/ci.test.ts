// Checks the last line and the exit code of .ci/run when everything succeeds and for each step that
// can fail, in a scratch project with a fake `npm`; and the subjects of the last commits.

import * as childProcess from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, scratch } from './shared-data.ts'
import { none } from './sources.ts'

const test = suite('ci')

/** What the stand-in does for `npm ci`, `npm test` and so on: shell commands, `true` where nothing is said. */
type Script = Partial<Record<'ci' | 'test' | 'run lint' | 'run docs' | 'run demo', string>>

async function runCi(script: Script, readme = 'npm ci && npm test\n'): Promise<{ code: number; lines: string[] }> {
  await using dir = await scratch()
  for (const folder of ['.ci', 'bin', 'dist']) fs.mkdirSync(dir.join(folder))
  fs.copyFileSync(path.join(repository, '.ci', 'run'), dir.join('.ci', 'run'))
  fs.writeFileSync(dir.join('README.md'), readme)
  fs.writeFileSync(dir.join('dist', 'stale.js'), '')
  const cases = Object.entries(script).map(([words, commands]) => `  '${words}') ${commands} ;;`)
  const npm = `#!/usr/bin/env bash\necho "did $*"\ncase "$*" in\n${cases.join('\n')}\nesac\n`
  fs.writeFileSync(dir.join('bin', 'npm'), npm, { mode: 0o755 })
  fs.writeFileSync(dir.join('bin', 'apt-get'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  const env = { ...process.env, PATH: `${dir.join('bin')}${path.delimiter}${process.env.PATH}`, TMPDIR: dir.path }
  const { status, stdout } = childProcess.spawnSync(dir.join('.ci', 'run'), {
    cwd: '/',
    env,
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.equal(fs.readdirSync(dir.path).sort(), ['.ci', 'README.md', 'bin'], 'old output stays, or a temporary file')
  return { code: status ?? -1, lines: stdout.trimEnd().split('\n') }
}

test('all is well: every step runs, in order, and the line of the tests comes last', async () => {
  const { code, lines } = await runCi({
    test: 'echo "12 passed, 0 failed, 3 skipped"',
    'run demo': 'echo "99 passed, no"',
  })
  assert.is(code, 0)
  assert.equal(
    lines.filter(line => line.startsWith('did ')),
    ['did ci', 'did test', 'did run lint', 'did run docs', 'did run demo'],
  )
  assert.ok(lines.includes('API reference: 0 warnings'))
  assert.is(lines.at(-1), '12 passed, 0 failed, 3 skipped')
})

const failures: { name: string; script: Script; last: string }[] = [
  { name: 'a failed test', script: { test: 'echo "11 passed, 1 failed"; exit 1' }, last: '11 passed, 1 failed' },
  { name: 'a failed test that exits 0', script: { test: 'echo "11 passed, 1 failed"' }, last: '11 passed, 1 failed' },
  { name: 'no test at all', script: { test: 'echo "0 passed, 0 failed"' }, last: '0 passed, 0 failed' },
  { name: 'tests that say nothing', script: {}, last: '0 passed, 1 failed' },
  {
    name: 'an exit code against the text',
    script: { test: 'echo "5 passed, 0 failed"; exit 3' },
    last: '5 passed, 0 failed',
  },
  {
    name: 'a failed installation',
    script: { ci: 'exit 1', test: 'echo "5 passed, 0 failed"' },
    last: '0 passed, 1 failed',
  },
  {
    name: 'a failed lint',
    script: { test: 'echo "5 passed, 0 failed"', 'run lint': 'exit 1' },
    last: '5 passed, 0 failed',
  },
  {
    name: 'a failed API reference',
    script: { test: 'echo "5 passed, 0 failed"', 'run docs': 'exit 3' },
    last: '5 passed, 0 failed',
  },
  {
    name: 'a warning of the API reference',
    script: { test: 'echo "5 passed, 0 failed"', 'run docs': 'echo "[warning] X is not exported" >&2' },
    last: '5 passed, 0 failed',
  },
  {
    name: 'a failed demo',
    script: { test: 'echo "5 passed, 0 failed"', 'run demo': 'exit 2' },
    last: '5 passed, 0 failed',
  },
]

for (const { name, script, last } of failures) {
  test(`${name} fails the whole, and the line of the tests still comes last`, async () => {
    const { code, lines } = await runCi(script)
    assert.ok(code > 0, `exit code ${code}`)
    assert.is(lines.at(-1), last)
    assert.match(lines.at(-2)!, /^failed: npm /)
  })
}

test('a README that tells newcomers something else fails the whole', async () => {
  const { code, lines } = await runCi({ test: 'echo "5 passed, 0 failed"' }, 'npm install\n')
  assert.ok(code > 0)
  assert.is(lines.at(-1), '0 passed, 1 failed')
})

/** Subjects after this commit follow the rule; earlier ones do not. */
const RULE_SINCE = '1324590'
const COMMITS_MAX = 20

/** What is wrong with a commit subject; undefined for a good one. */
function subjectFault(subject: string): string | undefined {
  if (subject.length > 72) return `${subject.length} characters: ${subject}`
  if (!/^[a-z][a-z0-9-]*(?:, [a-z][a-z0-9-]*)*: [a-z]/.test(subject)) return `not \`area: imperative\`: ${subject}`
  return subject.endsWith('.') ? `ends with a full stop: ${subject}` : undefined
}

function git(...args: string[]): string | undefined {
  const { status, stdout } = childProcess.spawnSync('git', args, { cwd: repository, encoding: 'utf8' })
  return status === 0 ? stdout : undefined
}

test('subjects of the last commits are `area: imperative` of at most 72 characters', () => {
  // Outside a checkout, and in a shallow one, there is no history to check.
  const log = git('log', `-${COMMITS_MAX}`, '--no-merges', '--format=%s', `${RULE_SINCE}..HEAD`) ?? ''
  none(log.split('\n').flatMap(subject => (subject === '' ? [] : (subjectFault(subject) ?? []))))
})

test('the rule of commit subjects sees a long one, one without an area, and a sentence', () => {
  assert.is(subjectFault('store, crypto: name members with the field’s terms'), undefined)
  for (const subject of [`hub: ${'x'.repeat(68)}`, 'The hub serves', 'hub: Serve one pair', 'hub: serve one pair.'])
    assert.ok(subjectFault(subject), subject)
})

test('it can be executed', () => {
  assert.is(fs.statSync(path.join(repository, '.ci', 'run')).mode & 0o111, 0o111)
})

test.run()
