// How a verb speaks: data on stdout, notices on stderr, one JSON object with --json. A verb ends by `done`, and its
// exit code decides `ok`. Whatever is printed for people is escaped line by line here, in one place, so that a verb
// can't forget it: the only line breaks and controls that reach a terminal are our own.

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
  /** Default 0. `ok` in JSON is true exactly when it is 0. */
  readonly exit?: ExitCode
  /** Members of the JSON object, after `ok` and `command`. */
  readonly fields: { readonly [key: string]: Printable | undefined }
  /** The same for people. */
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

  /** Prints what came of the verb and answers its exit code. */
  async done(outcome: CommandOutcome): Promise<ExitCode> {
    const exit = outcome.exit ?? 0
    if (this.json) await this.#io.stdout.write(`${this.object(exit, outcome.fields)}\n`)
    else await this.lines(outcome.lines)
    return exit
  }

  /** The JSON object of an outcome, without a line break. */
  object(exit: ExitCode, fields: { readonly [key: string]: Printable | undefined }): string {
    return writeJson({ ok: exit === 0, command: this.#command, ...fields })
  }

  /** Lines for people on stdout. */
  async lines(lines: readonly string[]): Promise<void> {
    for (const line of lines) await this.#io.stdout.write(`${escapeText(line)}\n`)
  }

  /** One JSON value on a line of its own, for the streams of --jsonl. */
  async jsonLine(value: Printable): Promise<void> {
    await this.#io.stdout.write(`${writeJson(value)}\n`)
  }

  /** Data as it is. On a terminal unsafe characters become JSON escapes: `data` must be JSON text. */
  async data(data: string | Uint8Array): Promise<void> {
    if (!this.#io.stdout.terminal) return this.#io.stdout.write(data)
    const text = typeof data === 'string' ? data : Buffer.from(data).toString('utf8')
    await this.#io.stdout.write(escapeJson(text))
  }

  /** Something a person should know though the verb went well; on stderr, also with --json, not with --quiet. */
  async notice(lines: readonly string[]): Promise<void> {
    if (this.quiet) return
    for (const line of lines) await this.#io.stderr.write(`${escapeText(line)}\n`)
  }

  /** A verb that failed: with --json an object on stdout, else a line and, where there is one, a hint on stderr. */
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

/** The first of many; all of them are there with --json. */
function firstItems(items: readonly string[]): string {
  const listed = items.slice(0, LISTED_MAX).join(', ')
  return items.length > LISTED_MAX ? `${listed} and ${items.length - LISTED_MAX} more` : listed
}

/** A wrong command line. */
export function usage(message: string, hint?: string): ReplicaError {
  return new ReplicaError('ERR_USAGE', message, hint === undefined ? {} : { facts: { hint } })
}
