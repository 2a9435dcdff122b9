// The output of a command: data on stdout, notices on stderr, one JSON object with --json. A
// command ends with `done`; its exit code determines `ok`. Every line for people is escaped here,
// so that only the program's own line breaks and control characters reach a terminal.

import { type ExitCode, ReplicaError } from '../../base/errors.ts'
import type { Io } from '../io.ts'
import { escapeJson, escapeText } from './escape.ts'
import { type Printable, writeJson } from './json-output.ts'

const LISTED_MAX = 20

export interface OutputMode {
  readonly json: boolean
  readonly quiet: boolean
}

export interface CommandOutcome {
  /** Default 0. `ok` in JSON is true exactly if it is 0. */
  readonly exit?: ExitCode
  /** Members of the JSON object after `ok` and `command`. */
  readonly fields: { readonly [key: string]: Printable | undefined }
  /** The text for people. */
  readonly lines: readonly string[]
}

export class Output {
  readonly json: boolean
  readonly quiet: boolean
  readonly #command: string
  readonly #io: Io

  constructor(command: string, io: Io, mode: OutputMode) {
    this.#command = command
    this.#io = io
    this.json = mode.json
    this.quiet = mode.quiet
  }

  /** Prints the outcome of the command and returns its exit code. */
  async done(outcome: CommandOutcome): Promise<ExitCode> {
    const exit = outcome.exit ?? 0
    if (this.json) await this.#io.stdout.write(`${this.object(exit, outcome.fields)}\n`)
    else await this.lines(outcome.lines)
    return exit
  }

  /** Returns the JSON object of an outcome, without a line break. */
  object(exit: ExitCode, fields: { readonly [key: string]: Printable | undefined }): string {
    return writeJson({ ok: exit === 0, command: this.#command, ...fields })
  }

  /** Prints lines for people on stdout. */
  async lines(lines: readonly string[]): Promise<void> {
    for (const line of lines) await this.#io.stdout.write(`${escapeText(line)}\n`)
  }

  /** Prints one JSON value on one line, for --jsonl. */
  async jsonLine(value: Printable): Promise<void> {
    await this.#io.stdout.write(`${writeJson(value)}\n`)
  }

  /** Prints JSON text unchanged; on a terminal, unsafe characters become JSON escapes. */
  async data(data: string | Uint8Array): Promise<void> {
    if (!this.#io.stdout.terminal) return this.#io.stdout.write(data)
    const text = typeof data === 'string' ? data : Buffer.from(data).toString('utf8')
    await this.#io.stdout.write(escapeJson(text))
  }

  /** Prints a notice of a successful command on stderr, also with --json, but not with --quiet. */
  async notice(lines: readonly string[]): Promise<void> {
    if (this.quiet) return
    for (const line of lines) await this.#io.stderr.write(`${escapeText(line)}\n`)
  }

  /** Prints an error: with --json an object on stdout, else the message and the hint on stderr. */
  async failure(error: ReplicaError, hint: string | undefined): Promise<ExitCode> {
    const exit = error.exitCode
    if (this.json) {
      const facts = hint === undefined ? error.facts : { ...error.facts, hint }
      await this.#io.stdout.write(
        `${this.object(exit, { error: { code: error.code, message: error.message, facts } })}\n`,
      )
      await this.#io.stdout.flush()
      return exit
    }
    await this.#io.stderr.write(`replica: ${escapeText(error.message)} (${error.code})\n`)
    for (const [name, fact] of Object.entries(error.facts)) {
      if (typeof fact === 'object') await this.#io.stderr.write(`  ${name}: ${escapeText(firstItems(fact))}\n`)
    }
    if (hint !== undefined) await this.#io.stderr.write(`  hint: ${escapeText(hint)}\n`)
    return exit
  }
}

/** Returns the first items of a list; --json has all of them. */
function firstItems(items: readonly string[]): string {
  const listed = items.slice(0, LISTED_MAX).join(', ')
  return items.length > LISTED_MAX ? `${listed} and ${items.length - LISTED_MAX} more` : listed
}

/** Returns the error for a wrong command line. */
export function usage(message: string, hint?: string): ReplicaError {
  return new ReplicaError('ERR_USAGE', message, hint === undefined ? {} : { facts: { hint } })
}
