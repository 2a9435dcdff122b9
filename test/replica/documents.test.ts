// Documents end to end: stored, linked, pushed, pulled and cloned between real hubs, and the limits
// of hostile or incomplete sources.

import * as fs from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { equals, sha256, utf8 } from '../../src/base/bytes.ts'
import { Hub } from '../../src/hub/hub.ts'
import { Replica } from '../../src/index.ts'
import type { DocumentLink } from '../../src/node/node.ts'
import { contextOf } from '../../src/replica/replica.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { scratch } from '../shared-data.ts'
import { codeOf, draft, FRONTIER, NOW, pair } from './drafts.ts'

const test = suite('replica/documents')

const KIB = 1024
const short = utf8('ten bytes.')
/** Bytes without a period of 256 KiB, so that chunks differ. */
const long = Uint8Array.from({ length: 600 * KIB }, (_, i) => Math.imul(i, 2654435761) >>> 24)

async function appendWith(
  replica: Replica,
  reason: string,
  ...documents: readonly Uint8Array[]
): Promise<DocumentLink[]> {
  await replica.track(FRONTIER)
  const links: DocumentLink[] = []
  for (const bytes of documents) links.push(await replica.documents(FRONTIER).put(bytes))
  await replica.append(FRONTIER, draft(reason), { links })
  return links
}

async function sameBytes(replica: Replica, link: DocumentLink, bytes: Uint8Array): Promise<void> {
  assert.ok(equals(await replica.documents(FRONTIER).read(link), bytes))
}

test('a short document is one raw block, a long one a list of chunks, and both are read unchanged', async () => {
  await using dir = await scratch()
  await using replica = await Replica.open({ location: dir.join('r'), create: true, clock: () => NOW })
  const [one, two] = await appendWith(replica, 'with two', short, long)
  assert.equal([one!.codec, two!.codec], ['raw', 'dag-cbor'])
  await sameBytes(replica, one!, short)
  await sameBytes(replica, two!, long)
  const [node] = await replica.get(replica.heads(FRONTIER)[0]!)
  assert.is(node!.links.length, 2)
  assert.ok((await replica.verify({ signatures: true })).ok)
  assert.equal(await replica.documents(FRONTIER).put(long), two)
})

test('an event can be appended only with documents that are stored whole', async () => {
  await using both = await pair()
  const { laptop } = both
  await laptop.track(FRONTIER)
  const links: DocumentLink[] = [{ codec: 'raw', digest: sha256(short) }]
  assert.is(await codeOf(laptop.append(FRONTIER, draft('too early'), { links })), 'ERR_NOT_FOUND')
  assert.equal(laptop.heads(FRONTIER), [])
  await laptop.documents(FRONTIER).put(short)
  const list: DocumentLink[] = [{ codec: 'dag-cbor', digest: sha256(short) }]
  assert.is(await codeOf(laptop.append(FRONTIER, draft('no list'), { links: list })), 'ERR_NOT_FOUND')
  assert.is((await laptop.append(FRONTIER, draft('in time'), { links: [...links, ...links] })).seq, 0)
  assert.is(await codeOf(laptop.documents(FRONTIER).read(list[0]!)), 'ERR_DOCUMENT')
  const absent: DocumentLink = { codec: 'raw', digest: sha256(long) }
  assert.is(await codeOf(laptop.documents(FRONTIER).read(absent)), 'ERR_NOT_FOUND')
  const many = Array.from({ length: 1025 }, () => links[0]!)
  assert.is(await codeOf(laptop.append(FRONTIER, draft('too many'), { links: many })), 'ERR_DOCUMENT')
})

test('a push, a pull and a clone bring the documents along with the nodes', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  const [one] = await appendWith(laptop, 'short', short)
  const [two] = await appendWith(laptop, 'long', long)
  await laptop.append(FRONTIER, draft('on top'))
  const pushed = await laptop.push(FRONTIER, 'hub:main')
  assert.equal([pushed.admitted, pushed.heldCount, pushed.refused, pushed.equal], [3, 0, [], true])
  await sameBytes(hub.replica, one!, short)
  await sameBytes(hub.replica, two!, long)

  const third = utf8('of the hub')
  const [three, none] = await appendWith(hub.replica, 'the hub', third, new Uint8Array(0))
  const pulled = await laptop.pull(FRONTIER, 'hub:main')
  assert.equal([pulled.admitted, pulled.heldCount, pulled.equal], [1, 0, true])
  await sameBytes(laptop, three!, third)
  await sameBytes(laptop, none!, new Uint8Array(0))

  const options = { location: new MemoryStore(), key: hub.replica.key.publicKey, adoptRegistry: true }
  const { replica, report } = await Replica.clone(hub.url, options)
  await using clone = replica
  assert.equal([report.admitted, report.heldCount, report.equal], [4, 0, true])
  await sameBytes(clone, two!, long)
  assert.ok((await clone.verify({ signatures: true })).ok)
})

test('a document that many nodes link is requested once', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  for (let i = 0; i < 20; i += 1) await appendWith(hub.replica, `event ${i}`, long)
  const report = await laptop.pull(FRONTIER, 'hub:main')
  assert.equal([report.admitted, report.equal], [20, true])
  assert.ok(report.receivedBytes < long.length + 100 * KIB, `${report.receivedBytes} bytes`)
})

test('documents of an unregistered key are fetched only after its registration', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  const [link] = await appendWith(laptop, 'by the laptop', long)
  await laptop.push(FRONTIER, 'hub:main')
  const options = { location: new MemoryStore(), key: hub.replica.key.publicKey }
  const { replica, report } = await Replica.clone(hub.url, options)
  await using clone = replica
  assert.equal([report.admitted, report.heldCount], [0, 1])
  assert.ok(report.receivedBytes < 10 * KIB, `${report.receivedBytes} bytes`)
  const status = async () => (await clone.status()).frontiers[0]!.heldBy.map(({ kind }) => kind)
  assert.equal(await status(), ['key'])
  const { publicKey } = laptop.key
  const peer = { id: 'hub:laptop', url: 'wss://laptop.example', publicKey }
  assert.is((await clone.registry(FRONTIER).add(peer)).admitted, 0)
  assert.equal(await status(), ['document'])
  const pulled = await clone.pull(FRONTIER, 'hub:main')
  assert.equal([pulled.admitted, pulled.equal], [1, true])
  await sameBytes(clone, link!, long)
})

test('nodes wait for documents across a restart, and a later pull brings them', async () => {
  await using dir = await scratch()
  await using both = await pair()
  const { hub } = both
  const [link] = await appendWith(hub.replica, 'with a list', long)
  await hub.replica.append(FRONTIER, draft('on top'))
  const location = dir.join('third')
  const nodes: Uint8Array[] = []
  for await (const node of hub.replica.nodes(FRONTIER)) nodes.push(node.bytes)
  await using third = await Hub.listen({ location, create: true, port: 0, clock: () => NOW })
  await introduceOne(third.replica, hub)
  // The state that a source without the document leaves.
  const inside = contextOf(third.replica).frontier(FRONTIER)
  const report = await inside.gate.admit(nodes, { from: hub.replica.key.publicKeyBytes })
  assert.equal([report.admitted, report.held.length, report.documents.length], [0, 2, 1])
  await third.close()

  await using again = await Replica.open({ location, clock: () => NOW })
  const pulled = await again.pull(FRONTIER, 'hub:main')
  assert.equal([pulled.admitted, pulled.heldCount, pulled.refused, pulled.equal], [2, 0, [], true])
  await sameBytes(again, link!, long)
  assert.is((await again.status()).frontiers[0]!.held, 0)
})

test('verify reports the nodes of missing documents', async () => {
  await using dir = await scratch()
  const location = dir.join('r')
  const replica = await Replica.open({ location, create: true, clock: () => NOW })
  await appendWith(replica, 'one', short)
  await appendWith(replica, 'two', long)
  await replica.append(FRONTIER, draft('none'))
  await replica.close()
  await fs.rm(`${location}/documents`, { recursive: true })
  await using again = await Replica.open({ location, clock: () => NOW })
  const report = await again.verify()
  assert.equal(
    report.faults.map(({ kind, seq }) => [kind, seq]),
    [
      ['document', 0],
      ['document', 1],
    ],
  )
})

test('a fork copies documents', async () => {
  await using both = await pair()
  const { laptop } = both
  const [one, two] = await appendWith(laptop, 'with two', short, long)
  const { frontier } = await laptop.fork(FRONTIER, { reason: 'apart' })
  const documents = laptop.documents(frontier)
  assert.ok(equals(await documents.read(one!), short))
  assert.ok(equals(await documents.read(two!), long))
  const links: (readonly string[])[] = []
  for await (const node of laptop.nodes(frontier)) links.push(node.links)
  assert.equal(
    links.map(({ length }) => length),
    [0, 2],
  )
})

async function introduceOne(at: Replica, hub: Hub): Promise<void> {
  await at.registry(FRONTIER).add({ id: hub.replica.hubId, url: hub.url, publicKey: hub.replica.key.publicKey })
}

test.run()
