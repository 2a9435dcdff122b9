// Results of the checks of one file: the number that passed, and each failure with the found and
// the expected value. A check compares with a stated value; other remarks are notes, never
// failures.

import { isDeepStrictEqual } from 'node:util'
import { hasCode } from '../../src/base/errors.ts'

/** At most this many failures of one file are described; all are counted. */
const FAILURES_SHOWN_MAX = 20

export class Tally {
  passed = 0
  failed = 0
  readonly failures: string[] = []
  readonly notes: string[] = []

  /** Checks a value against the stated one, by content. */
  same(what: string, found: unknown, wanted: unknown): void {
    if (isDeepStrictEqual(found, wanted)) this.passed += 1
    else this.fail(`${what}: found ${show(found)}, wanted ${show(wanted)}`)
  }

  /** The same, if a value is stated. */
  stated(what: string, found: unknown, wanted: unknown): void {
    if (wanted !== undefined) this.same(what, found, wanted)
  }

  /** Checks that a stated input is refused, with one of `codes` if given. */
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

  /** Lists the stated members that no check knows; each name once per file. */
  unchecked(members: object, known: readonly string[]): void {
    for (const name of Object.keys(members)) if (!known.includes(name)) this.note(`not checked: ${name.slice(0, 80)}`)
  }
}

/** Returns the error code of `run`; undefined if it returns. Rethrows other errors. */
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
