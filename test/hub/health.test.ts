// A hub whose store refuses writes: readiness, metrics, status and an alarm tell the same, whatever call failed.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ReplicaEvent } from '../../src/replica/open-replica.ts'
import { codeOf, draft } from '../replica/drafts.ts'
import { type Fault, openFailing } from '../store/failing-store.ts'
import { StoreFolder } from '../store/store-folder.ts'
import { serve } from './site.ts'

const test = suite('hub/health')

test('after a failed append of the operator, the hub is not ready and says why', async () => {
  await using folder = await StoreFolder.make()
  await (await folder.create()).close()
  const fault: Fault = { database: undefined, after: false, message: 'IO error: x.log: Disk quota exceeded' }
  const events: ReplicaEvent[] = []
  const location = await openFailing(folder.path, fault)
  await using site = await serve({ location, onEvent: event => events.push(event) })
  assert.is((await site.get('/readyz')).status, 200)
  assert.match(await (await site.get('/metrics')).text(), /^replica_store_writable 1$/m)
  assert.equal((await site.hub.replica.status()).refusal, null)
  fault.database = 'log'
  assert.is(await codeOf(site.hub.replica.append(site.frontier, draft('lost'))), 'ERR_STORE_IO')
  const ready = await site.get('/readyz')
  assert.is(ready.status, 503)
  assert.equal(await ready.json(), { ok: false, readable: true, writable: false, reason: 'EDQUOT', frontiers: 2 })
  assert.is((await site.get('/healthz')).status, 200)
  assert.match(await (await site.get('/metrics')).text(), /^replica_store_writable 0$/m)
  const { writable, refusal } = await site.hub.replica.status()
  assert.equal([writable, refusal?.code], [false, 'ERR_STORE_IO'])
  assert.match(refusal!.message, /the disk quota is exhausted \(EDQUOT\)/)
  assert.is(await codeOf(site.hub.replica.append(site.frontier, draft('lost too'))), 'ERR_STORE_IO')
  const alarms = events.filter(({ kind }) => kind === 'alarm')
  assert.is(alarms.length, 1, 'one alarm, at the first refusal')
  assert.match(alarms[0]!.message, /^the store refuses writes: .*EDQUOT.*; raise the user's quota/)
})

test('a hub on all addresses without a public one says that its entries lead nowhere', async () => {
  for (const [options, isTold] of [
    [{ host: '0.0.0.0' }, true],
    [{ host: '0.0.0.0', url: 'wss://hub.example' }, false],
    [{}, false],
  ] as const) {
    const alarms: string[] = []
    await using site = await serve({ ...options, onEvent: ({ message }) => alarms.push(message) })
    assert.is(
      alarms.some(message => message.includes('--url')),
      isTold,
      site.base,
    )
  }
})

test.run()
