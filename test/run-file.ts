// Runs one compiled test file in a process of its own and says what really happened. uvu alone exits 0 when a `before`
// hook throws, when a file forgets `.run()`, when `.only` is left in and when the failure is not an Error; so nothing is
// believed but the summary that uvu prints, read strictly, together with the exit code. Whatever the file started and
// left behind dies with it.

import * as childProcess from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'
import { skipMark } from './shared-data.ts'

export interface Outcome {
  passed: number
  /** Failed tests; at least 1 when anything is wrong with the file. */
  failed: number
  skipped: number
  /** What is wrong, in sentences; empty when the file is good. */
  faults: string[]
  /** Stdout and stderr as they came, the middle left out when there is very much. */
  output: string
  skips: string[]
  ms: number
}

/** Output kept of one file, in characters, from its start and from its end: enough for any failure, bounded for any flood. */
const keptCharactersMax = 2 * 1024 * 1024

export async function runFile(file: string, options: { timeoutMs: number; signal?: AbortSignal }): Promise<Outcome> {
  const started = performance.now()
  const child = childProcess.spawn(process.execPath, ['--unhandled-rejections=strict', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    detached: true, // A process group of its own, so that hubs and workers it starts can be ended with it.
  })
  const all = new Transcript()
  const stdout = new Transcript()
  const stderr = new Transcript()
  for (const [stream, own] of [
    [child.stdout, stdout],
    [child.stderr, stderr],
  ] as const) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      own.add(text)
      all.add(text)
    })
  }
  let timedOut = false
  // timer: the limit on a whole file; nothing waits for it in a run that goes well.
  const timer = setTimeout(() => {
    timedOut = true
    endGroup(child.pid)
  }, options.timeoutMs)
  const stop = () => endGroup(child.pid)
  options.signal?.addEventListener('abort', stop)
  const exit = await new Promise<string>(resolve => {
    let how = 'the process did not start'
    child.on('error', error => {
      how = `the process did not start: ${error.message}`
      resolve(how)
    })
    child.on('exit', (code, signal) => {
      how = code === null ? `ended by ${signal}` : `exit code ${code}`
      endGroup(child.pid) // Or a left-over grandchild would hold the pipes open.
    })
    child.on('close', () => resolve(how))
  })
  clearTimeout(timer)
  options.signal?.removeEventListener('abort', stop)
  const skips = stderr.lines().filter(line => line.startsWith(skipMark))
  const faults = timedOut ? [`not done after ${options.timeoutMs / 1000} s`] : []
  const result = judge(stdout.text(), exit, skips.length, faults)
  return { ...result, faults, output: all.text(), skips, ms: performance.now() - started }
}

/** Counts from uvu's own summary; everything that speaks against believing it is added to `faults`. */
function judge(text: string, exit: string, skipped: number, faults: string[]) {
  const plain = stripVTControlCharacters(text)
  const form = /\n {2}Total: {5}(\d+)\n {2}Passed: {4}(\d+)\n {2}Skipped: {3}(\d+)\n {2}Duration:/g
  const summaries = [...plain.matchAll(form)]
  const [total = 0, passed = 0, hidden = 0] = (summaries.at(-1) ?? []).slice(1).map(Number)
  if (exit !== 'exit code 0') faults.push(exit)
  if (summaries.length === 0) faults.push('it ended without a summary')
  if (summaries.length > 1) faults.push('it ran its tests more than once')
  if (summaries.length === 1 && total === 0 && skipped === 0) faults.push('it ran no test: is test.run() missing?')
  if (passed !== total) faults.push(`${passed} of ${total} tests passed`)
  if (hidden > 0) faults.push(`${hidden} tests were left out by .only or .skip`)
  return { passed, failed: Math.max(total - passed, faults.length > 0 ? 1 : 0), skipped }
}

/** Ends the child's whole process group; it is gone already in the usual case. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Text that keeps its first and its last half of `keptCharactersMax`. */
class Transcript {
  #head = ''
  #tail: string[] = []
  #tailCharacters = 0
  #dropped = 0

  add(text: string): void {
    const room = Math.max(0, keptCharactersMax / 2 - this.#head.length)
    this.#head += text.slice(0, room)
    const rest = text.slice(room)
    if (rest === '') return
    this.#tail.push(rest)
    this.#tailCharacters += rest.length
    while (this.#tailCharacters - this.#tail[0]!.length > keptCharactersMax / 2) {
      const gone = this.#tail.shift()!
      this.#tailCharacters -= gone.length
      this.#dropped += gone.length
    }
  }

  text(): string {
    const gap = this.#dropped === 0 ? '' : `\n[… ${this.#dropped} characters left out …]\n`
    return this.#head + gap + this.#tail.join('')
  }

  lines(): string[] {
    return this.text().split('\n')
  }
}
