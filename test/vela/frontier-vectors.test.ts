// The vectors of whole frontiers and of federation, through the functions that run in production.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/errors.ts'
import { repository } from '../shared-data.ts'
import { operations, run } from './frontier-operations.ts'

const test = suite('vela frontier vectors')

interface Vector {
  name: string
  rule: string
  in: { op: string }
  ok?: Record<string, unknown>
  error?: string
}

for (const [file, ops] of Object.entries(operations)) {
  const vectors: Vector[] = JSON.parse(fs.readFileSync(path.join(repository, 'protocol', 'vectors', file), 'utf8'))
  for (const vector of vectors) {
    test(`${vector.rule}: ${vector.name}`, () => {
      if (vector.error !== undefined) {
        assert.throws(
          () => run(file, vector.in),
          (error: unknown) => hasCode(error) && error.code === vector.error,
        )
        return
      }
      const result = run(file, vector.in)
      for (const [key, value] of Object.entries(vector.ok!)) assert.equal(result[key], value, key)
    })
  }

  test(`the vectors of ${file} have one for each operation`, () => {
    const used = new Set(vectors.map(vector => vector.in.op))
    assert.equal(
      Object.keys(ops).filter(op => !used.has(op)),
      [],
    )
  })
}

test.run()
