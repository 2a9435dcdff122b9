// Runs the vectors of frontier files and federation through the production functions.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as operations from './frontier-operations.ts'
import { vectorCases } from './operation-vectors.ts'

const test = suite('vela/frontier-vectors')

for (const { title, answer, wanted } of vectorCases(operations)) test(title, () => assert.equal(answer(), wanted))

test.run()
