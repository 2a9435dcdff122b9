// What the checks of one file found: how many held, and each that did not with what was found and what was wanted. A
// check compares with a stated value; what is only worth saying is a note and never a failure.

import { isDeepStrictEqual } from 'node:util'
import { hasCode } from '../../src/base/errors.ts'

/** Of one file at most this many failures are kept in words; all are counted. */
const FAILURES_SHOWN_MAX = 20

export class Tally {
  passed = 0
  failed = 0
  readonly failures: string[] = []
  readonly notes: string[] = []

  /** One check of a value against the stated one, compared by content. */
  same(what: string, found: unknown, wanted: unknown): void {
    if (isDeepStrictEqual(found, wanted)) this.passed += 1
    else this.fail(`${what}: found ${show(found)}, wanted ${show(wanted)}`)
  }

  /** The same, where anything is stated. */
  stated(what: string, found: unknown, wanted: unknown): void {
    if (wanted !== undefined) this.same(what, found, wanted)
  }

  /** One check that something stated is refused, with one of `codes` where they are given. */
  refused(what: string, run: () => unknown, codes: readonly string[] = []): void {
    const code = codeOf(run)
    if (code !== undefined && (codes.length === 0 || codes.includes(code))) this.passed += 1
    else this.fail(`${what}: ${code === undefined ? 'was taken' : `was refused with ${code}`}, wanted ${show(codes)}`)
  }

  fail(what: string): void {
    this.failed += 1
    if (this.failures.length < FAILURES_SHOWN_MAX) this.failures.push(what)
  }

  note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text)
  }

  /** Names what is stated in these members and no check knows; each name once a file. */
  unchecked(members: object, known: readonly string[]): void {
    for (const name of Object.keys(members)) if (!known.includes(name)) this.note(`not checked: ${name.slice(0, 80)}`)
  }
}

/** The code that `run` is refused with; undefined where it is taken. Other errors are mistakes and thrown on. */
export function codeOf(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (!hasCode(error)) throw error
    return error.code
  }
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 160 ? `${text.slice(0, 160)}…` : text
}
