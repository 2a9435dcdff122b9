// Vectors of the form (operation, input) as cases for a suite: the output of the production
// functions and the expected output.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { hasCode } from '../../src/base/errors.ts'
import { repository } from '../shared-data.ts'

interface Operations {
  /** For each vector file, its operations by name. */
  readonly operations: Record<string, object>
  readonly run: (file: string, input: { op: string }) => Record<string, unknown>
}

interface Vector {
  readonly name: string
  readonly rule: string
  readonly in: { readonly op: string }
  readonly ok?: Record<string, unknown>
  readonly error?: string
}

export interface VectorCase {
  readonly title: string
  /** The stated members of the output, or `{error: code}`. */
  readonly answer: () => unknown
  readonly wanted: unknown
}

export function* vectorCases({ operations, run }: Operations): Generator<VectorCase> {
  for (const [file, byName] of Object.entries(operations)) {
    const vectors: Vector[] = JSON.parse(fs.readFileSync(path.join(repository, 'protocol', 'vectors', file), 'utf8'))
    for (const { name, rule, in: input, ok, error } of vectors) {
      yield { title: `${rule}: ${name}`, answer: () => answerOf(() => run(file, input), ok), wanted: ok ?? { error } }
    }
    const used = new Set(vectors.map(vector => vector.in.op))
    const unused = Object.keys(byName).filter(op => !used.has(op))
    yield { title: `the vectors of ${file} have one for each operation`, answer: () => unused, wanted: [] }
  }
}

function answerOf(run: () => Record<string, unknown>, ok: Record<string, unknown> | undefined): unknown {
  let result: Record<string, unknown>
  try {
    result = run()
  } catch (error) {
    if (!hasCode(error)) throw error
    return { error: error.code }
  }
  return ok === undefined ? result : Object.fromEntries(Object.keys(ok).map(key => [key, result[key]]))
}
