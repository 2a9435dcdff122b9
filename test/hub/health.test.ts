// A hub whose store refuses writes: readiness, metrics, status and an alarm tell the same, whatever call failed.

import { spawnSync } from 'node:child_process'
import * as crypto from 'node:crypto'
import * as fs from 'node:fs'
import * as http from 'node:http'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Hub } from '../../src/hub/hub.ts'
import { Replica } from '../../src/index.ts'
import type { ReplicaEvent } from '../../src/replica/open-replica.ts'
import { codeOf, draft } from '../replica/drafts.ts'
import { scratch } from '../shared-data.ts'
import { type Fault, openFailing } from '../store/failing-store.ts'
import { flipAt, StoreFolder } from '../store/store-folder.ts'
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

/** Asks a listener for health. */
function ask(options: http.RequestOptions): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const question = http.request({ host: 'localhost', agent: false, ...options }, response => {
      let body = ''
      response.on('data', text => {
        body += text
      })
      response.on('end', () => resolve({ status: response.statusCode!, body }))
    })
    question.on('error', reject).end()
  })
}

test('Q9: health checks have a socket of their own, and nothing else is served there', async () => {
  await using folder = await StoreFolder.make()
  const socketPath = `${folder.path}.sock`
  const site = await serve({ health: { path: socketPath } })
  assert.is(site.hub.healthUrl, `unix:${socketPath}`)
  for (const path of ['/healthz', '/readyz', '/metrics?x'])
    assert.is((await ask({ socketPath, path })).status, 200, path)
  assert.match((await ask({ socketPath, path: '/metrics' })).body, /^replica_store_writable 1$/m)
  for (const path of ['/', '/entries', `/entries/${site.frontier}`, '/healthz/', '/.well-known/vela'])
    assert.is((await ask({ socketPath, path })).status, 404, path)
  assert.is((await ask({ socketPath, path: '/healthz', headers: { host: 'rebound.example' } })).status, 404)
  assert.is((await ask({ socketPath, path: '/healthz', method: 'POST' })).status, 405)
  assert.is(await codeOf(serve({ health: { path: socketPath } })), 'ERR_USAGE', 'another hub listens there')
  await site.hub.close()
  assert.not.ok(fs.existsSync(socketPath))
})

test('Q9: the socket of a hub that was killed is replaced, another file is not', async () => {
  await using folder = await StoreFolder.make()
  const left = `${folder.path}.left`
  const bind = "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))"
  spawnSync(process.execPath, ['-e', bind, left])
  assert.ok(fs.existsSync(left))
  await using site = await serve({ health: { path: left } })
  assert.is((await ask({ socketPath: left, path: '/healthz' })).status, 200)
  const file = `${folder.path}.file`
  fs.writeFileSync(file, 'kept')
  assert.is(await codeOf(serve({ health: { path: file } })), 'ERR_USAGE')
  assert.is(fs.readFileSync(file, 'utf8'), 'kept')
  fs.rmSync(file)
  assert.ok(site.hub.healthUrl)
})

test('Q9: a port for health checks is on loopback', async () => {
  await using site = await serve({ health: { host: '127.0.0.1', port: 0 } })
  const port = Number(new URL(site.hub.healthUrl!).port)
  assert.is((await ask({ host: '127.0.0.1', port, path: '/healthz' })).status, 200)
  assert.is(await codeOf(serve({ health: { host: '0.0.0.0', port: 0 } })), 'ERR_USAGE')
})

test('damage of the store is said to clients with its code, and counted', async () => {
  await using dir = await scratch()
  const mark = crypto.randomBytes(64).toString('base64')
  const first = await serve({ location: dir.path, create: true })
  await first.append('one', mark, 'three')
  const { frontier } = first
  await first.hub.close()
  await (await Replica.open({ location: dir.path })).close() // Moves the write-ahead log into tables.
  const log = dir.join('log')
  const tables = fs.readdirSync(log).filter(name => name.endsWith('.ldb'))
  const bytes = tables.map(name => fs.readFileSync(path.join(log, name)))
  // Compression may have replaced a part of it.
  const parts = Array.from({ length: 70 }, (_, at) => Buffer.from(mark).subarray(at, at + 12))
  const part = parts.find(one => bytes.some(table => table.includes(one)))
  flipAt(
    tables.map(name => path.join(log, name)),
    part!,
  )
  await using hub = await Hub.listen({ location: dir.path, port: 0 })
  const base = hub.url.replace('ws', 'http')
  const page = await fetch(`${base}/entries/${frontier}/events`)
  assert.is(page.status, 500)
  assert.is(((await page.json()) as { code: string }).code, 'ERR_STORE_CORRUPT')
  const ready = await fetch(`${base}/readyz`)
  assert.is(ready.status, 200)
  assert.is(((await ready.json()) as { damaged: number }).damaged, 1)
  assert.match(await (await fetch(`${base}/metrics`)).text(), /^replica_store_damaged_total 1$/m)
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
