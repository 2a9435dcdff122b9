// Runs the steps of a document in a temporary folder with `replica` on the path, sh for commands, and hubs in the background.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Scratch, scratch } from '../shared-data.ts'
import { matches, type Step } from './document.ts'

/** The command line of the output folder of these tests. */
export const mainFile = fileURLToPath(new URL('../../bin/main.js', import.meta.url))

const STEP_MS_MAX = 30_000

interface Background {
  readonly child: ChildProcess
  readonly printed: () => string
  readonly command: string
}

export class Shell {
  readonly #dir: Scratch
  readonly #variables = new Map<string, string>()
  readonly #background = new Map<string, Background>()

  private constructor(dir: Scratch) {
    this.#dir = dir
  }

  static async open(): Promise<Shell> {
    const dir = await scratch()
    await fs.mkdir(dir.join('bin'))
    await fs.mkdir(dir.join('home'))
    const script = `#!/bin/sh\nexec "${process.execPath}" "${mainFile}" "$@"\n`
    await fs.writeFile(dir.join('bin', 'replica'), script, { mode: 0o755 })
    return new Shell(dir)
  }

  async write(name: string, text: string): Promise<void> {
    const file = this.#dir.join(name)
    await fs.mkdir(path.dirname(file), { recursive: true })
    await fs.writeFile(file, text)
  }

  /** Returns the difference from the document; undefined if the step matches it. */
  async run(step: Step): Promise<string | undefined> {
    const cwd = this.#dir.join(step.folder)
    await fs.mkdir(cwd, { recursive: true })
    const assignment = /^(\w+)=\$\((.*)\)$/s.exec(step.command)
    const stop = /^kill \$(\w+)_PID$/.exec(step.command)
    if (step.command.endsWith(' &')) return this.#start(step, cwd)
    if (stop !== null) return this.#stop(stop[1]!)
    const { printed, exit } = await this.#execute(assignment?.[2] ?? `{ ${step.command}\n} 2>&1`, cwd)
    if (exit !== step.exit) return difference(step, printed, `exit code ${exit}, not ${step.exit}`)
    if (assignment !== null) this.#variables.set(assignment[1]!, printed.trimEnd())
    else if (!matches(linesOf(printed), step.expected)) return difference(step, printed, 'it printed something else')
    return undefined
  }

  async #execute(command: string, cwd: string): Promise<{ printed: string; exit: number | string }> {
    const child = spawn('/bin/sh', ['-c', command], {
      cwd,
      env: this.#environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    // timer: a command that hangs must not hang the tests
    const timer = setTimeout(() => child.kill('SIGKILL'), STEP_MS_MAX)
    let printed = ''
    child.stdout.on('data', chunk => {
      printed += chunk
    })
    child.stderr.resume()
    const [code, signal] = await once(child, 'close')
    clearTimeout(timer)
    return { printed, exit: code ?? signal }
  }

  async #start(step: Step, cwd: string): Promise<string | undefined> {
    const command = step.command.slice(0, -' &'.length)
    const child = spawn('/bin/sh', ['-c', `exec ${command}`], {
      cwd,
      env: this.#environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let printed = ''
    const add = (chunk: Buffer): void => {
      printed += chunk
    }
    child.stdout.on('data', add)
    child.stderr.on('data', add)
    const name = step.folder.toUpperCase().replaceAll(/\W/g, '_')
    this.#background.set(name, { child, printed: () => printed, command })
    while (!printed.includes('\n') && child.exitCode === null) {
      await Promise.race([once(child.stdout, 'data'), once(child, 'close')])
    }
    if (!matches(linesOf(printed), step.expected)) return difference(step, printed, 'it printed something else')
    const ready = /listening on (\S+) {2}\S+ {2}key (\S+)/.exec(printed)
    if (ready === null) return difference(step, printed, 'it does not listen')
    this.#variables.set(`${name}_URL`, ready[1]!)
    this.#variables.set(`${name}_KEY`, ready[2]!)
    this.#variables.set(`${name}_PID`, String(child.pid))
    return undefined
  }

  async #stop(name: string): Promise<string | undefined> {
    const background = this.#background.get(name)
    if (background === undefined) return `nothing runs in ${name}`
    this.#background.delete(name)
    const { child, printed, command } = background
    child.kill('SIGTERM')
    // timer: a hub that does not end must not hang the tests
    const timer = setTimeout(() => child.kill('SIGKILL'), STEP_MS_MAX)
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
    clearTimeout(timer)
    return child.exitCode === 0
      ? undefined
      : `${command}: ended with ${child.exitCode ?? child.signalCode}\n${printed()}`
  }

  #environment(): Record<string, string> {
    const bin = this.#dir.join('bin')
    const own = { PATH: `${bin}:${process.env.PATH}`, HOME: this.#dir.join('home'), TZ: 'UTC', LC_ALL: 'C.UTF-8' }
    return { ...own, ...Object.fromEntries(this.#variables) }
  }

  /** Stops the running hubs; each must end with 0. */
  async close(): Promise<string[]> {
    const faults: string[] = []
    for (const name of [...this.#background.keys()]) {
      const fault = await this.#stop(name)
      if (fault !== undefined) faults.push(fault)
    }
    return faults
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.#background.values()) child.kill('SIGKILL')
    await this.#dir[Symbol.asyncDispose]()
  }
}

function linesOf(printed: string): string[] {
  const lines = printed.split('\n')
  if (lines.at(-1) === '') lines.pop()
  while (lines.at(-1) === '') lines.pop()
  return lines
}

function difference(step: Step, printed: string, what: string): string {
  return [`line ${step.line}: $ ${step.command}`, what, '--- expected', ...step.expected, '--- printed', printed].join(
    '\n',
  )
}
