// The runner against every way in which a test file can look green and not be.

import * as fs from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Outcome, runFile } from './run-file.ts'
import { scratch } from './shared-data.ts'

const test = suite('run-file')

const head = `import { suite } from '${import.meta.resolve('uvu')}'\nconst test = suite('sample')\n`
// Spelled in two parts: the hygiene test reads this file too.
const only = 'test.on' + 'ly'
const before = 'test.bef' + 'ore'

async function run(source: string, timeoutMs = 20_000): Promise<Outcome> {
  await using dir = await scratch()
  const file = dir.join('sample.mjs')
  fs.writeFileSync(file, source)
  return await runFile(file, { timeoutMs })
}

const good = "test('one', () => {})\ntest('two', () => {})\n"

test('a good file passes with its true count', async () => {
  const outcome = await run(`${head}${good}test.run()`)
  assert.equal([outcome.passed, outcome.failed, outcome.skipped, outcome.faults], [2, 0, 0, []])
})

const bad: { name: string; source: string; fault: RegExp }[] = [
  {
    name: 'a failing test',
    source: `${head}${good}test('x', () => { throw new Error('no') })\ntest.run()`,
    fault: /2 of 3/,
  },
  {
    name: 'a thrown value that is no Error',
    source: `${head}test('x', () => { throw 1 })\ntest.run()`,
    fault: /0 of 1/,
  },
  { name: 'a missing run', source: `${head}${good}`, fault: /without a summary|no test/ },
  { name: 'a file without tests', source: `${head}test.run()`, fault: /no test/ },
  { name: 'an empty file', source: '', fault: /without a summary/ },
  { name: 'a hook that throws', source: `${head}${before}(() => { throw 1 })\n${good}test.run()`, fault: /0 of 2/ },
  { name: 'a test singled out', source: `${head}${good}${only}('x', () => {})\ntest.run()`, fault: /left out/ },
  {
    name: 'a throw after the last test',
    source: `${head}${good}test.run()\nthrow new Error('late')`,
    fault: /exit code 1/,
  },
  {
    name: 'a rejection that nobody awaits',
    source: `${head}test('x', () => { Promise.reject(new Error('lost')) })\ntest.run()`,
    fault: /exit code 1/,
  },
  {
    name: 'a late throw out of a callback',
    source: `${head}${good}test('x', () => { setImmediate(() => setImmediate(() => { throw new Error('late') })) })\ntest.run()`,
    fault: /exit code/,
  },
  {
    name: 'an exit in the middle',
    source: `${head}test('x', () => process.exit(0))\ntest.run()`,
    fault: /exit code 1|summary/,
  },
  {
    name: 'a test that never settles',
    source: `${head}test('x', () => new Promise(() => {}))\ntest.run()`,
    fault: /exit code 1/,
  },
  { name: 'a file that does not parse', source: 'const = 1', fault: /exit code 1/ },
]

for (const { name, source, fault } of bad) {
  test(`${name} is a failure`, async () => {
    const outcome = await run(source)
    assert.ok(outcome.failed > 0, outcome.output)
    assert.match(outcome.faults.join('; '), fault)
  })
}

test('a file that does not come to an end is ended, with what it started', async () => {
  // timer: what keeps a process alive until it is killed
  const forever = 'setInterval(() => {}, 1000)'
  const child = `import { spawn } from 'node:child_process'\nspawn(process.execPath, ['-e', '${forever}'], { stdio: 'inherit' })\n`
  const outcome = await run(`${child}${head}${good}test.run()\n${forever}`, 1_500)
  assert.is(outcome.failed, 1)
  assert.match(outcome.faults.join(), /not done after 1.5 s/)
})

test('a process left behind neither holds up the run nor survives it', async () => {
  const forever = "require('node:net').createServer().listen(0)"
  const child = `import { spawn } from 'node:child_process'
spawn(process.execPath, ['-e', "${forever}"], { stdio: 'inherit' }).unref()\n`
  // It holds the very pipes that the runner reads to their end: that the run ends in time, and well, shows it dead.
  const outcome = await run(`${child}${head}${good}test.run()`)
  assert.equal([outcome.passed, outcome.failed, outcome.faults], [2, 0, []])
})

test('a flood of output is cut in the middle and the counts stay true', async () => {
  const flood = "for (let i = 0; i < 300_000; i++) process.stdout.write('  Total:     7 and so on\\n')\n"
  const outcome = await run(`console.log('the start')\n${head}test('x', () => { ${flood} })\n${good}test.run()`)
  assert.equal([outcome.passed, outcome.failed], [3, 0])
  assert.match(outcome.output, /^the start/)
  assert.match(outcome.output, /characters left out/)
  assert.ok(outcome.output.length < 3_000_000)
})

test('a skip is counted and named, and a file may hold nothing but skips', async () => {
  const skip = `import { skip } from '${import.meta.resolve('./shared-data.js')}'\nskip('the ids', 'no data')\n`
  const outcome = await run(`${head}${skip}test.run()`)
  assert.equal([outcome.passed, outcome.failed, outcome.skipped], [0, 0, 1])
  assert.equal(outcome.skips, ['SKIPPED the ids: no data'])
})

test.run()
