// `npm run conformance -- <folder> [--json]`: checks a folder of Vela data (frontiers, logs,
// fixtures, vectors) against its stated values, mainly its expected.json, with the public functions
// of this library. Prints one line per file and a total. Exit code 1 on any failure, 2 if there is
// nothing to check.

import * as fs from 'node:fs'
import { checkFolder, type FileResult } from './check-folder.ts'

function line({ file, result, passed, failed, notes }: FileResult): string {
  const count = failed > 0 ? `${passed + failed} checks, ${failed} failed` : `${passed} checks`
  const head = result === 'skip' ? `skip: ${notes.join('; ')}` : count + notes.map(note => `; ${note}`).join('')
  return `${result.padEnd(4)} ${file.padEnd(52)} ${head}\n`
}

function main(args: readonly string[]): number {
  const json = args.includes('--json')
  const [folder, ...more] = args.filter(arg => arg !== '--json')
  if (folder === undefined || more.length > 0) {
    process.stderr.write('usage: npm run conformance -- <folder> [--json]\n')
    return 2
  }
  if (!fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    process.stderr.write(`there is no folder ${folder}\n`)
    return 2
  }
  const files: FileResult[] = []
  for (const result of checkFolder(folder)) {
    files.push(result)
    if (json) continue
    process.stdout.write(line(result))
    for (const failure of result.failures) process.stdout.write(`     ${failure}\n`)
  }
  const count = (result: FileResult['result']): number => files.filter(file => file.result === result).length
  const sum = (member: 'passed' | 'failed'): number => files.reduce((total, file) => total + file[member], 0)
  const total = { files: files.length, ok: count('ok'), failed: count('FAIL'), skipped: count('skip') }
  const checks = { passed: sum('passed'), failed: sum('failed') }
  if (json) process.stdout.write(`${JSON.stringify({ folder, total, checks, files })}\n`)
  else {
    const { files: all, ok, failed, skipped } = total
    process.stdout.write(`${all} files: ${ok} ok, ${failed} failed, ${skipped} skipped; `)
    process.stdout.write(`${checks.passed} checks passed, ${checks.failed} failed\n`)
  }
  if (total.failed > 0) return 1
  return total.ok > 0 ? 0 : 2
}

process.exitCode = main(process.argv.slice(2))
