// Two seconds of the fuzzer of test/campaign/fuzz.ts, and a check that it can fail.

import * as crypto from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FuzzFailure, fuzz } from '../campaign/fuzz-loop.ts'

const test = suite('node/fuzz')

test('two seconds of mutated nodes, DAG-CBOR and events give typed errors only', () => {
  const seed = crypto.randomInt(2 ** 31)
  try {
    const reports = fuzz({ seconds: 2, seed })
    assert.is(reports.length, 7)
    for (const { target, inputs, classes } of reports)
      assert.ok(inputs > 500 && classes > 5, `${target} ${inputs} ${classes}`)
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
  }
})

test('a failure names target and input', () => {
  const failure = new FuzzFailure('decodeNode', Uint8Array.of(1, 255), new RangeError('too deep'))
  assert.match(failure.message, /decodeNode: RangeError: too deep\n {2}input 01ff/)
})

test.run()
