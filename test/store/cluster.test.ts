// The short form of the campaign with three servers: a few faults, and the check of the history.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { clusterCampaign } from '../campaign/cluster.ts'
import { skip } from '../shared-data.ts'
import { postgresMissing } from './postgres-server.ts'

const test = suite('store/cluster')

const name =
  'nothing acknowledged is lost while servers and hubs of a cluster fail, and every subscriber gets everything once'
const missing = postgresMissing()
if (missing !== undefined) skip(name, missing)
else {
  test(name, async () => {
    const totals = await clusterCampaign({ rounds: 3, seed: 4 })
    assert.equal(totals.failures, [])
    assert.is(totals.rounds, 3)
    assert.ok(totals.acknowledged > 20, `${totals.acknowledged} acknowledged`)
    assert.is(totals.received, 3 * totals.nodes)
  })
}

test.run()
