// The short form of test/campaign/disk-full.ts: the disk becomes full during commits.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { diskFullCampaign, whyNotMountable } from '../campaign/disk-full.ts'
import { skip } from '../shared-data.ts'

const test = suite('store/disk-full')

const name = 'a full disk fails commits with a code and loses nothing that was acknowledged'
const reason = await whyNotMountable()

if (reason !== undefined) skip(name, `no file system can be mounted here: ${reason}`)
else {
  test(name, async () => {
    const totals = await diskFullCampaign({ rounds: 4 })
    assert.equal(totals.failures, [])
    assert.is(totals.rounds, 4)
  })
}

test.run()
