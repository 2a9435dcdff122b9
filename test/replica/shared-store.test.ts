// Several replicas on one PostgreSQL store, as several hub processes: one log, one registry, one
// journal, and live subscribers of one that see what another merged.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Hub } from '../../src/hub/hub.ts'
import { Key, Replica } from '../../src/index.ts'
import { createPostgres, MemoryStore, openPostgres } from '../../src/store/index.ts'
import { skip } from '../shared-data.ts'
import { PostgresServer, postgresMissing } from '../store/postgres-server.ts'
import { codeOf, draft, FRONTIER, NOW, reasons } from './drafts.ts'

const test = suite('replica/shared-store')
const key = Key.generate()
let server: Promise<PostgresServer> | undefined
let stores = 0

/** Two hubs on one store, with one key, and a registered laptop. */
async function cluster() {
  server ??= PostgresServer.start({ settings: ['fsync=off'] })
  stores += 1
  const url = `${(await server).url}?schema=shared_${stores}`
  const options = { key, clock: () => NOW, port: 0 }
  const first = await Hub.listen({ ...options, location: await createPostgres(url, { allowAsync: true }) })
  await first.replica.track(FRONTIER)
  const second = await Hub.listen({ ...options, location: await openPostgres(url, { allowAsync: true }) })
  const laptop = await Replica.open({ location: new MemoryStore(), hubId: 'hub:laptop', clock: () => NOW })
  await laptop.track(FRONTIER)
  await laptop.registry(FRONTIER).add({ id: 'hub:first', url: first.url, publicKey: key.publicKey })
  const peer = { id: 'hub:laptop', url: 'wss://laptop.example', publicKey: laptop.key.publicKey }
  await first.replica.registry(FRONTIER).add(peer)
  return {
    first,
    second,
    laptop,
    async [Symbol.asyncDispose]() {
      for (const one of [laptop, first, second]) await one.close()
    },
  }
}

function knows(hub: Hub): boolean {
  return hub.replica
    .registry(FRONTIER)
    .list()
    .some(({ id }) => id === 'hub:laptop')
}

/** Waits until a condition holds, at most 5 s. */
async function until(isDone: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !isDone(); tries++) {
    await new Promise(resolve => setTimeout(resolve, 10)) // timer: a look each second at the latest
  }
}

const missing = postgresMissing()
if (missing !== undefined) skip('hubs with one PostgreSQL store', missing)
else {
  test('what one hub merges is in the log of the other, and its subscribers see it once and in order', async () => {
    await using all = await cluster()
    const { first, second, laptop } = all
    const seen: string[] = []
    const end = new AbortController()
    const subscriber = (async () => {
      for await (const { event } of second.replica.changes(FRONTIER, { since: 0, signal: end.signal })) {
        seen.push(event!.reason!)
      }
    })()
    for (let i = 0; i < 5; i += 1) await laptop.append(FRONTIER, draft(`laptop ${i}`))
    const report = await laptop.push(FRONTIER, 'hub:first')
    assert.equal([report.admitted, report.equal], [5, true])
    await until(() => seen.length === 5)
    await Promise.all([
      first.replica.append(FRONTIER, draft('by the first')),
      second.replica.append(FRONTIER, draft('by the second')),
    ])
    await until(() => seen.length === 7)
    await second.replica.append(FRONTIER, draft('last'))
    await until(() => seen.length === 8)
    end.abort()
    await subscriber
    assert.equal(seen.slice(0, 5), ['laptop 0', 'laptop 1', 'laptop 2', 'laptop 3', 'laptop 4'])
    assert.equal(seen.slice(5, 7).sort(), ['by the first', 'by the second'])
    assert.equal((await reasons(second.replica)).sort(), [...seen].sort())
    await until(() => first.replica.heads(FRONTIER).join() === second.replica.heads(FRONTIER).join())
    assert.equal(await reasons(first.replica), await reasons(second.replica))
    const pulled = await laptop.pull(FRONTIER, 'hub:first')
    assert.equal([pulled.admitted, pulled.equal], [3, true])
    for (const { replica } of [first, second]) {
      const { ok, faults } = await replica.verify({ signatures: true })
      assert.ok(ok, JSON.stringify(faults))
    }
  })

  test('a registry that one hub changes decides at the other', async () => {
    await using all = await cluster()
    const { first, second, laptop } = all
    await until(() => knows(second))
    await laptop.append(FRONTIER, draft('before'))
    await laptop.registry(FRONTIER).set('hub:first', { url: second.url })
    assert.is((await laptop.push(FRONTIER, 'hub:first')).admitted, 1)
    await first.replica.registry(FRONTIER).remove('hub:laptop')
    await until(() => !knows(second))
    await laptop.append(FRONTIER, draft('after'))
    assert.is(await codeOf(laptop.push(FRONTIER, 'hub:first')), 'ERR_SYNC_FORBIDDEN')
  })

  test('the journal of two hubs is one chain', async () => {
    await using all = await cluster()
    const { first, second } = all
    const peers = Array.from({ length: 6 }, (_, at) => ({
      id: `hub:p${at}`,
      url: 'wss://p.example',
      publicKey: Key.generate().publicKey,
    }))
    await Promise.all(peers.map((peer, at) => [first, second][at % 2]!.replica.registry(FRONTIER).add(peer)))
    assert.is(first.replica.registry(FRONTIER).list().length >= 3, true)
    await until(() => [first, second].every(hub => hub.replica.registry(FRONTIER).list().length === 7))
    for (const { replica } of [first, second]) {
      assert.is(replica.registry(FRONTIER).list().length, 7)
      const { ok, faults } = await replica.verify()
      assert.ok(ok, JSON.stringify(faults))
      const kinds = (await replica.journal(FRONTIER, { limit: 100 })).map(({ kind }) => kind)
      assert.is(kinds.filter(kind => kind === 'peer.added').length, 7)
    }
  })

  test('a hub on a database that does not wait for a second machine says so', async () => {
    await using all = await cluster()
    const web = new URL('/', all.first.url.replace('ws', 'http')).origin
    const ready = await fetch(`${web}/readyz`)
    assert.is(ready.status, 200)
    assert.is(((await ready.json()) as { replicated: boolean }).replicated, false)
    const metrics = await (await fetch(`${web}/metrics`)).text()
    for (const [name, value] of [
      ['replicated', '0'],
      ['unknown_writes_total', '0'],
      ['feed_age_seconds', '\\d+(\\.\\d+)?'],
    ]) {
      assert.match(metrics, new RegExp(`^replica_store_${name} ${value}$`, 'm'))
    }
  })

  test('the server of these tests ends in good order', async () => {
    const started = await server!
    await started.end()
    assert.not(started.isRunning)
    await started[Symbol.asyncDispose]()
  })
}

test.run()
