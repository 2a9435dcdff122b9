// The short form of test/campaign/kill.ts: a writer killed a few times, and nothing acknowledged lost.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { killCampaign } from '../campaign/kill.ts'

const test = suite('store/kill')

test('a writer killed at any moment loses nothing that was acknowledged', async () => {
  const totals = await killCampaign({ rounds: 10, seed: 20260101 })
  assert.equal(totals.failures, [])
  assert.is(totals.rounds, 10)
  assert.ok(totals.acknowledgedNodes > 0)
})

test.run()
