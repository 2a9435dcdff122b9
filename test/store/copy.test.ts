// Copies of stores between engines: equal content, interrupted copies, targets that are something else.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { Key, Replica } from '../../src/index.ts'
import { copyStore, createLevelDb, createPostgres, MemoryStore, openLevelDb } from '../../src/store/index.ts'
import type { FrontierStore, Store } from '../../src/store/store.ts'
import { draft, FRONTIER, NOW } from '../replica/drafts.ts'
import { scratch, skip } from '../shared-data.ts'
import { madeHeld, madeKey } from './made-nodes.ts'
import { PostgresServer, postgresMissing } from './postgres-server.ts'

const test = suite('store/copy')

/** Texts that `fill` takes out, by the digest of their node. */
const texts = new Map<string, string>()

/** Fills a store: nodes with documents, held nodes, records, and texts that are not here. */
async function fill(store: Store, events: number): Promise<void> {
  const replica = await Replica.open({ location: unclosed(store), key: Key.generate(), clock: () => NOW })
  await replica.track(FRONTIER)
  for (let i = 0; i < events; i += 1) {
    const link = await replica.documents(FRONTIER).put(Buffer.alloc(300_000 * (i % 2), i))
    await replica.append(FRONTIER, draft(`event ${i}`), { links: [link] })
  }
  await replica.erase(FRONTIER, (await replica.get((await firstId(replica)) as string))[0]!.cid, {
    reason: 'withdrawn',
  })
  const [row] = await store.frontier(FRONTIER).read([2])
  texts.set(toHex(row!.digest), Buffer.from(row!.bytes.subarray(row!.headerBytes)).toString())
  await store.frontier(FRONTIER).setTexts([{ seq: 2, state: 'left-out' }])
  await store.held.put(FRONTIER, [madeHeld('held', { kind: 'key', id: madeKey('k') })])
  await store.records.write([{ key: 'a record', value: utf8('x') }])
  await replica.close()
}

async function firstId(replica: Replica): Promise<string | undefined> {
  for await (const { id } of replica.nodes(FRONTIER)) return id
  return undefined
}

/** A replica closes its store; these tests need it afterwards. */
function unclosed(store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'close') return async () => {}
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

async function contentOf(store: Store): Promise<unknown> {
  const logs = await Promise.all(store.frontiers().map(name => logOf(store.frontier(name))))
  const records = (await store.records.list('', { limit: 1000 })).map(({ key, value }) => `${key} ${toHex(value)}`)
  const held = (await store.held.list(FRONTIER, { limit: 100 })).map(({ digest }) => toHex(digest))
  return { id: toHex(store.id), logs, records, held, usage: store.held.usage() }
}

async function logOf(log: FrontierStore): Promise<unknown> {
  const rows: string[] = []
  for await (const batch of log.scan({ from: 0 }))
    rows.push(...batch.map(({ bytes, text }) => `${text} ${toHex(bytes)}`))
  return { rows, texts: log.texts(), events: log.events, heads: toHex(log.headsDigest()) }
}

async function expectCopy(from: Store, to: Store): Promise<void> {
  const { nodes, held } = await copyStore(from, to)
  assert.equal([nodes, held], [from.frontier(FRONTIER).nodes, 1])
  assert.equal(await contentOf(to), await contentOf(from))
  for await (const fault of to.verify()) assert.unreachable(fault.reason)
  const again = await Replica.open({ location: unclosed(to), key: Key.generate() })
  const { ok, faults } = await again.verify({ signatures: true })
  assert.ok(ok, JSON.stringify(faults))
  await again.close()
}

test('a copy on LevelDB has everything, and an interrupted copy continues', async () => {
  await using folder = await scratch()
  await using source = new MemoryStore()
  await fill(source, 12)
  const stop = new AbortController()
  let target = await createLevelDb(folder.join('copy'), { id: source.id })
  const ended = copyStore(source, target, { signal: stop.signal, onProgress: () => stop.abort() })
  await ended.catch(error => assert.ok(hasCode(error, 'ERR_ABORTED')))
  await target.close()
  target = await openLevelDb(folder.join('copy'))
  await source.records.write([
    { key: 'a record', value: undefined },
    { key: 'later', value: utf8('y') },
  ])
  await source.frontier(FRONTIER).setTexts([{ seq: 3, state: 'left-out' }])
  await expectCopy(source, target)
  await target.close()
})

test('a copy of a store in use has no cursor that promises nodes which it lacks', async () => {
  await using folder = await scratch()
  await using source = new MemoryStore()
  await using target = await createLevelDb(folder.join('copy'), { id: source.id })
  await fill(source, 4)
  const key = `cursor/${FRONTIER}/peer`
  await source.records.write([{ key, value: utf8('4 nodes') }])
  let late: Promise<unknown> | undefined
  const onProgress = (): void => {
    late ??= source.records.write([
      { key, value: utf8('5 nodes') },
      { key: `cursor/${FRONTIER}/other`, value: utf8('5 nodes') },
      { key: 'late', value: utf8('x') },
    ])
  }
  await copyStore(source, target, { onProgress })
  await late
  const cursors = await target.records.list('cursor/', { limit: 10 })
  assert.equal(cursors, [{ key, value: utf8('4 nodes') }])
  await copyStore(source, target)
  assert.equal(await contentOf(target), await contentOf(source))
})

test('a held node that was admitted after an earlier copy is not held in the next one', async () => {
  await using folder = await scratch()
  await using source = new MemoryStore()
  await using target = await createLevelDb(folder.join('copy'), { id: source.id })
  await fill(source, 3)
  const { digest, bytes, headerBytes } = (await source.frontier(FRONTIER).read([1]))[0]!
  const event = sha256(bytes.subarray(headerBytes))
  const held = { ...madeHeld('x', { kind: 'key', id: madeKey('k') }), digest, bytes, headerBytes, event }
  await source.held.put(FRONTIER, [held]) // as between a commit and the deletion of the held node
  const { held: count } = await copyStore(source, target)
  assert.is(count, 1)
  assert.equal(await target.held.has(FRONTIER, [digest]), [false])
})

test('an earlier copy is brought up to date when as many texts are here as before', async () => {
  await using folder = await scratch()
  await using source = new MemoryStore()
  await using target = await createLevelDb(folder.join('copy'), { id: source.id })
  await fill(source, 6)
  await copyStore(source, target)
  const log = source.frontier(FRONTIER)
  const [row] = await log.read([2])
  assert.is(row!.text, 'left-out')
  const text = utf8(texts.get(toHex(row!.digest))!)
  await log.setTexts([{ seq: 2, text }])
  await log.setTexts([{ seq: 3, state: 'left-out' }])
  assert.equal(log.texts(), target.frontier(FRONTIER).texts())
  await copyStore(source, target)
  assert.equal(await contentOf(target), await contentOf(source))
})

test('a target that is another store, or has another log, is refused', async () => {
  await using folder = await scratch()
  await using source = new MemoryStore()
  await fill(source, 2)
  const codeOf = async (target: Store): Promise<string> => {
    const error = await copyStore(source, target).then(
      () => undefined,
      caught => caught,
    )
    await target.close()
    return error?.code
  }
  assert.is(await codeOf(new MemoryStore()), 'ERR_STORE_EXISTS')
  const other = await createLevelDb(folder.join('other'), { id: source.id })
  await fill(other, 4)
  assert.is(await codeOf(other), 'ERR_STORE_EXISTS')
})

const missing = postgresMissing()
const name = 'a store moves from LevelDB to PostgreSQL and back'
if (missing !== undefined) skip(name, missing)
else {
  test(name, async () => {
    await using folder = await scratch()
    await using server = await PostgresServer.start({ settings: ['fsync=off'] })
    await using source = await createLevelDb(folder.join('one'))
    await fill(source, 9)
    await using database = await createPostgres(server.url, { id: source.id, allowAsync: true })
    await expectCopy(source, database)
    await using back = await createLevelDb(folder.join('two'), { id: source.id })
    await expectCopy(database, back)
  })
}

test.run()
