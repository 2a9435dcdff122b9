// Runs the vectors of registry entries and resolutions through the production functions.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as operations from './entry-operations.ts'
import { vectorCases } from './operation-vectors.ts'

const test = suite('vela/entry-vectors')

for (const { title, answer, wanted } of vectorCases(operations)) test(title, () => assert.equal(answer(), wanted))

test.run()
