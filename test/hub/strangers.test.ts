// The short form of test/campaign/strangers.ts: attacks on a small hub, during which no honest push and no health check is
// refused. Times are figures of the campaign, not of this test.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { strangersCampaign } from '../campaign/strangers.ts'

const test = suite('hub/strangers')

test('while strangers attack, no push of a registered peer and no health check is refused', async () => {
  const attacks = ['idle sockets', 'silent WebSockets', 'sessions', 'scans of one address']
  const results = await strangersCampaign({ attacks, nodes: 200, pushes: 4, pauseMs: 20, restMs: 0 })
  assert.equal(
    results.map(({ attack, quiet, during }) => [attack, quiet.refused, during.refused]),
    attacks.map(attack => [attack, [], []]),
  )
})

test.run()
