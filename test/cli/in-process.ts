// Runs the command line as a function, with streams in memory and without a process.

import * as fs from 'node:fs/promises'
import type { ExitCode } from '../../src/base/errors.ts'
import { runProgram } from '../../src/cli/program.ts'
import { type Scratch, scratch } from '../shared-data.ts'
import { memoryIo, memorySource } from './streams.ts'

export interface Ran {
  readonly exit: ExitCode
  readonly stdout: string
  readonly stderr: string
}

/** The output of a command as parsed JSON. */
export type Json = ReturnType<typeof JSON.parse>

export interface RunOptions {
  readonly stdin?: string
  readonly signal?: AbortSignal
  readonly terminal?: boolean
}

/** A temporary folder in whose subfolders commands run. */
export class Desk {
  readonly dir: Scratch

  private constructor(dir: Scratch) {
    this.dir = dir
  }

  static async open(): Promise<Desk> {
    return new Desk(await scratch())
  }

  async run(folder: string, argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const cwd = this.dir.join(folder)
    await fs.mkdir(cwd, { recursive: true })
    const stdin = options.stdin === undefined ? memorySource() : memorySource(options.stdin)
    const io = memoryIo(stdin, { terminal: options.terminal ?? false })
    const signal = options.signal ?? new AbortController().signal
    const exit = await runProgram(argv, { io, cwd, dir: undefined, runtime: { pid: 1, node: '20' }, signal })
    return { exit, stdout: io.stdout.text, stderr: io.stderr.text }
  }

  /** Runs a command with --json and parses its output. */
  async json(
    folder: string,
    argv: readonly string[],
    options: RunOptions = {},
  ): Promise<{ exit: ExitCode; value: Json }> {
    const { exit, stdout } = await this.run(folder, [...argv, '--json'], options)
    return { exit, value: JSON.parse(stdout) }
  }

  /** Starts a hub in a folder. Returns its output and a handle that stops it. */
  async serve(folder: string, argv: readonly string[] = []): Promise<Serving> {
    const cwd = this.dir.join(folder)
    await fs.mkdir(cwd, { recursive: true })
    const controller = new AbortController()
    const { signal } = controller
    const io = memoryIo()
    const ready = new Promise<string>(resolve => {
      const { stdout } = io
      const write = stdout.write.bind(stdout)
      stdout.write = async data => {
        await write(data)
        resolve(stdout.text)
      }
    })
    const words = ['serve', '--listen', '127.0.0.1:0', '--json', ...argv]
    const exit = runProgram(words, { io, cwd, dir: undefined, runtime: { pid: 1, node: '20' }, signal })
    const printed = await Promise.race([ready, exit.then(code => `{"exit":${code}}`)])
    const stop = (): Promise<ExitCode> => {
      controller.abort()
      return exit
    }
    return {
      value: JSON.parse(printed),
      stop,
      stderr: () => io.stderr.text,
      [Symbol.asyncDispose]: async () => void (await stop()),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dir[Symbol.asyncDispose]()
  }
}

export interface Serving extends AsyncDisposable {
  readonly value: Json
  readonly stop: () => Promise<ExitCode>
  readonly stderr: () => string
}
