// The short form of test/campaign/kill.ts: a writer is killed a few times, and no acknowledged data
// is lost.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { killCampaign } from '../campaign/kill.ts'

const test = suite('store/kill')

test('a writer killed at any moment loses no acknowledged data', async () => {
  const totals = await killCampaign({ rounds: 10, seed: 20260101 })
  assert.equal(totals.failures, [])
  assert.is(totals.rounds, 10)
  assert.ok(totals.acknowledgedNodes > 0)
  assert.ok(totals.acknowledgedTexts > 0)
})

test.run()
