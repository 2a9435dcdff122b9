// Push, pull, clone and adopt between real replicas on real sockets: their reports and effects.
// Faults of the link are tested in test/sync and test/transport.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Hub } from '../../src/hub/hub.ts'
import { Replica } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { scratch } from '../shared-data.ts'
import { codeOf, draft, FRONTIER, introduce, NOW, pair, reasons, texts } from './drafts.ts'

const test = suite('replica/sync')

test('a push gives the hub what it lacks, and a second push has nothing to send', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  await laptop.append(FRONTIER, draft('one'))
  const report = await laptop.push(FRONTIER, 'hub:main')
  assert.equal([report.admitted, report.held, report.refused, report.equal], [1, [], [], true])
  assert.equal(hub.replica.heads(FRONTIER), laptop.heads(FRONTIER))
  const again = await laptop.push(FRONTIER, 'hub:main')
  assert.equal([again.admitted, again.known, again.equal], [0, 0, true])
})

test('a pull transfers only missing nodes, and its cost depends on the difference', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  await hub.replica.import(FRONTIER, () => [])
  for (let i = 0; i < 300; i += 1) await hub.replica.append(FRONTIER, draft(`event ${i}`))
  const first = await laptop.pull(FRONTIER, 'hub:main')
  assert.is(first.admitted, 300)
  await hub.replica.append(FRONTIER, draft('one more'))
  const second = await laptop.pull(FRONTIER, 'hub:main')
  assert.equal([second.admitted, second.known, second.equal], [1, 0, true])
  assert.ok(second.receivedBytes < 4000, `${second.receivedBytes} bytes`)
  assert.is(second.roundTrips, 2)
})

test('two diverged replicas end equal after a pull and a push', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  await laptop.append(FRONTIER, draft('base'))
  await laptop.push(FRONTIER, 'hub:main')
  await hub.replica.append(FRONTIER, draft('on the hub'))
  await laptop.append(FRONTIER, draft('on the laptop'))
  const pulled = await laptop.pull(FRONTIER, 'hub:main')
  assert.equal([pulled.admitted, pulled.equal], [1, false])
  assert.match(pulled.note!, 'push to send them')
  const pushed = await laptop.push(FRONTIER, 'hub:main')
  assert.equal([pushed.admitted, pushed.known, pushed.equal], [1, 0, true])
  assert.equal(hub.replica.heads(FRONTIER), laptop.heads(FRONTIER))
  assert.is(hub.replica.heads(FRONTIER).length, 2)
  assert.equal(await reasons(hub.replica), await reasons(laptop))
})

test('nodes of an unregistered key are held, and registering it admits them without the network', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  await using third = await Replica.open({ location: new MemoryStore(), hubId: 'hub:third', clock: () => NOW })
  await laptop.registry(FRONTIER).add({ id: 'hub:third', url: 'wss://third.example', publicKey: third.key.publicKey })
  await using desk = await Hub.listen({ location: new MemoryStore(), port: 0, hubId: 'hub:desk', clock: () => NOW })
  await introduce(desk, third)
  await third.append(FRONTIER, draft('by the third'))
  await third.push(FRONTIER, 'hub:desk')
  await laptop.registry(FRONTIER).add({ id: 'hub:desk', url: desk.url, publicKey: desk.replica.key.publicKey })
  assert.is((await laptop.pull(FRONTIER, 'hub:desk')).admitted, 1)
  await laptop.append(FRONTIER, draft('on top of it'))

  const report = await laptop.push(FRONTIER, 'hub:main')
  assert.equal([report.admitted, report.heldCount, report.equal], [0, 2, false])
  assert.ok(report.held.some(item => item.key === third.key.publicKey))
  const status = (await hub.replica.status()).frontiers[0]!
  assert.is(status.held, 2)
  assert.ok(status.heldBy.some(wait => wait.kind === 'key' && wait.id === third.key.publicKey))

  const peer = { id: 'hub:third', url: 'wss://third.example', publicKey: third.key.publicKey }
  assert.is((await hub.replica.registry(FRONTIER).add(peer)).admitted, 2)
  assert.equal(hub.replica.heads(FRONTIER), laptop.heads(FRONTIER))
})

test('a removed peer may not push, and its earlier nodes stay', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  await laptop.append(FRONTIER, draft('before'))
  await laptop.push(FRONTIER, 'hub:main')
  await hub.replica.registry(FRONTIER).remove('hub:laptop')
  await laptop.append(FRONTIER, draft('after'))
  assert.is(await codeOf(laptop.push(FRONTIER, 'hub:main')), 'ERR_SYNC_FORBIDDEN')
  assert.equal(await reasons(hub.replica), ['before'])
})

test('an unregistered replica may not push, and may read only an open hub', async () => {
  for (const read of ['anyone', 'registered'] as const) {
    await using hub = await Hub.listen({ location: new MemoryStore(), port: 0, read, clock: () => NOW })
    await hub.replica.track(FRONTIER)
    await hub.replica.append(FRONTIER, draft('one'))
    await using stranger = await Replica.open({ location: new MemoryStore(), clock: () => NOW })
    await stranger.registry(FRONTIER).add({ id: 'hub:h', url: hub.url, publicKey: hub.replica.key.publicKey })
    await stranger.append(FRONTIER, draft('two'))
    const refused = read === 'anyone' ? 'ERR_SYNC_FORBIDDEN' : 'ERR_SYNC_REMOTE'
    assert.is(await codeOf(stranger.push(FRONTIER, 'hub:h')), refused)
    const pull = stranger.pull(FRONTIER, 'hub:h')
    if (read === 'anyone') assert.is((await pull).admitted, 1)
    else assert.is(await codeOf(pull), 'ERR_SYNC_REMOTE')
  }
})

test('a hub with another key than the registered one is refused', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  const peer = { id: 'hub:false', url: hub.url, publicKey: 'a'.repeat(64) }
  assert.is(await codeOf(laptop.registry(FRONTIER).add(peer)), 'ERR_KEY')
  await using other = await Replica.open({ location: new MemoryStore() })
  await laptop.registry(FRONTIER).add({ ...peer, publicKey: other.key.publicKey })
  assert.is(await codeOf(laptop.pull(FRONTIER, 'hub:false')), 'ERR_SYNC_AUTH')
})

test('a push to a stopping hub fails with its code, and continues when the hub is back', async () => {
  await using laptop = await Replica.open({ location: new MemoryStore(), hubId: 'hub:laptop', clock: () => NOW })
  await using dir = await scratch()
  const serve = (port: number): Promise<Hub> =>
    Hub.listen({ location: dir.join('hub'), create: true, port, hubId: 'hub:main', clock: () => NOW })
  const first = await serve(0)
  await introduce(first, laptop)
  const { port } = new URL(first.url)
  await laptop.import(FRONTIER, () => texts(...Array.from({ length: 5000 }, (_, i) => draft(`${i}`))))
  let stopping: Promise<void> | undefined
  const onProgress = (): void => {
    stopping ??= first.close()
  }
  const failure = await laptop.push(FRONTIER, 'hub:main', { onProgress }).catch(error => error)
  assert.is(failure.code, 'ERR_SYNC_CLOSED')
  assert.match(failure.message, 'because its hub shuts down')
  await stopping
  await using again = await serve(Number(port))
  const had = (await again.replica.status()).frontiers[0]!.nodes
  const { equal, admitted } = await laptop.push(FRONTIER, 'hub:main')
  assert.equal([equal, admitted], [true, 5000 - had])
  assert.ok(had < 5000, `${had} nodes had arrived`)
})

test('a clone holds nodes of unknown keys, and adopting the registry admits them', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  await laptop.append(FRONTIER, draft('by the laptop'))
  await laptop.push(FRONTIER, 'hub:main')
  await hub.replica.append(FRONTIER, draft('by the hub'))
  const options = { key: hub.replica.key.publicKey }
  const plain = await Replica.clone(hub.url, { ...options, location: new MemoryStore() })
  await using held = plain.replica
  assert.equal([plain.report.admitted, plain.report.heldCount], [0, 2])
  const adopted = await held.adopt(FRONTIER, 'hub:main')
  assert.equal(adopted.adopted, ['hub:laptop'])
  assert.is(adopted.admitted, 2)
  assert.equal(held.heads(FRONTIER), hub.replica.heads(FRONTIER))
  const full = await Replica.clone(hub.url, { ...options, location: new MemoryStore(), adoptRegistry: true })
  await using clone = full.replica
  assert.equal([full.report.admitted, full.report.equal], [2, true])
  assert.equal(clone.heads(FRONTIER), hub.replica.heads(FRONTIER))
})

test('a clone of a hub with several frontiers has to name one', async () => {
  await using both = await pair()
  const { hub } = both
  await hub.replica.createFrontier({ name: 'second' })
  const options = { key: hub.replica.key.publicKey, location: new MemoryStore() }
  assert.is(await codeOf(Replica.clone(hub.url, options)), 'ERR_USAGE')
  const { replica } = await Replica.clone(hub.url, { ...options, frontier: FRONTIER })
  await using clone = replica
  assert.equal(clone.frontiers(), [FRONTIER])
})

test('nodes of a revoked key below its cut are admitted with the adopted registry', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  await laptop.append(FRONTIER, draft('before the cut'))
  await laptop.push(FRONTIER, 'hub:main')
  await hub.replica.append(FRONTIER, draft('by the hub'))
  await hub.replica.registry(FRONTIER).remove('hub:laptop')
  await hub.replica.append(FRONTIER, draft('after the cut'))
  const { replica, report } = await Replica.clone(hub.url, {
    location: new MemoryStore(),
    key: hub.replica.key.publicKey,
    adoptRegistry: true,
  })
  await using clone = replica
  assert.equal([report.admitted, report.heldCount, report.equal], [3, 0, true])
  assert.equal(clone.heads(FRONTIER), hub.replica.heads(FRONTIER))
})

test('an unknown frontier and an unreachable peer give different codes', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  const { frontier } = await laptop.createFrontier({ name: 'mine' })
  await laptop.registry(frontier).add({ id: 'hub:main', url: hub.url, publicKey: hub.replica.key.publicKey })
  assert.is(await codeOf(laptop.push(frontier, 'hub:main')), 'ERR_SYNC_REMOTE')
  assert.is(await codeOf(laptop.push(frontier, 'hub:nobody')), 'ERR_PEER_UNKNOWN')
  await hub.close()
  assert.is(await codeOf(laptop.pull(FRONTIER, 'hub:main')), 'ERR_SYNC_CONNECT')
})

test.run()
