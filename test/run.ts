// The test command: `node dist/test/run.js [part of a path …]`. Every test/**/*.test.ts runs compiled in its own process, a
// few at a time; a file may ask for more than the usual time with a line `// timeout: 300 s: why`. Prints a line a file, the
// whole output of those that fail, and last of all `N passed, N failed` (and `, N skipped`). Exit code 1 on any failure, and
// when nothing, or too little, ran.

import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Outcome, runFile } from './run-file.ts'
import { repository } from './shared-data.ts'

/** A whole run with fewer tests than this has lost some, whatever uvu says. Raise it as the suite grows. */
const testsMin = 300
const timeoutDefaultMs = 120_000
const compiled = path.dirname(fileURLToPath(import.meta.url))

interface TestFile {
  /** Path below test/, without `.test.ts`. */
  name: string
  compiled: string
  timeoutMs: number
}

/** The sources decide what runs, so that output of files that are gone is not run and a file that did not compile is seen. */
function testFiles(filters: readonly string[]): TestFile[] {
  const files = []
  for (const entry of fs.readdirSync(path.join(repository, 'test'), { recursive: true, encoding: 'utf8' }).sort()) {
    if (!entry.endsWith('.test.ts')) continue
    const name = entry.slice(0, -'.test.ts'.length).replaceAll(path.sep, '/')
    if (filters.length > 0 && !filters.some(filter => `test/${name}.test.ts`.includes(filter))) continue
    const asked = /^\/\/ timeout: (\d+) s: \S/m.exec(fs.readFileSync(path.join(repository, 'test', entry), 'utf8'))
    const timeoutMs = asked === null ? timeoutDefaultMs : Number(asked[1]) * 1000
    files.push({ name, compiled: path.join(compiled, `${name}.test.js`), timeoutMs })
  }
  return files
}

function line(name: string, outcome: Outcome): string {
  const { passed, failed, skipped, ms } = outcome
  const counts = [`${passed} passed`, failed > 0 ? `${failed} failed` : '', skipped > 0 ? `${skipped} skipped` : '']
  const mark = failed > 0 ? 'FAIL' : 'ok  '
  return `${mark} ${name.padEnd(36)} ${counts.filter(Boolean).join(', ')}  (${(ms / 1000).toFixed(1)} s)\n`
}

async function main(filters: readonly string[]): Promise<boolean> {
  const files = testFiles(filters)
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const sum = { passed: 0, failed: 0, skipped: 0 }
  const queue = [...files].sort((a, b) => b.timeoutMs - a.timeoutMs) // Long ones first, so that none is left over at the end.
  const worker = async () => {
    for (let file = queue.shift(); file !== undefined && !stop.signal.aborted; file = queue.shift()) {
      const outcome = await runFile(file.compiled, { timeoutMs: file.timeoutMs, signal: stop.signal })
      sum.passed += outcome.passed
      sum.failed += outcome.failed
      sum.skipped += outcome.skipped
      let text = line(file.name, outcome)
      for (const skip of outcome.skips) text += `     ${skip}\n`
      if (outcome.failed > 0) text += `\n${outcome.output.trimEnd()}\n\n     ${outcome.faults.join('; ')}\n\n`
      process.stdout.write(text)
    }
  }
  const workers = Math.min(4, os.availableParallelism())
  await Promise.all(Array.from({ length: workers }, worker))
  let good = sum.failed === 0
  const complain = (message: string) => {
    good = false
    process.stdout.write(`${message}\n`)
  }
  if (stop.signal.aborted) complain('stopped before the end')
  if (sum.passed === 0) complain(`no test passed in ${files.length} files`)
  if (filters.length === 0 && sum.passed + sum.skipped < testsMin) complain(`fewer than ${testsMin} tests ran`)
  const skipped = sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''
  process.stdout.write(`\n${sum.passed} passed, ${sum.failed} failed${skipped}\n`)
  return good
}

process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1
