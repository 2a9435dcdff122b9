// Failed calls create no frontier, because no command could remove it.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode, ReplicaError } from '../../src/base/errors.ts'
import { Key } from '../../src/crypto/key.ts'
import { codeOf, draft, FRONTIER, memoryReplica, texts } from './drafts.ts'

const test = suite('replica/failed-calls')

const [good, other] = texts(draft('good'), draft('other'))
const [orphan] = texts(draft('orphan', { parents: ['vev_00000000000000aa'] }))
const bad = Buffer.from('{"kind":')

test('a refused strict import creates no frontier', async () => {
  await using replica = await memoryReplica()
  const refused = await replica.import(FRONTIER, () => [good!, bad, other!], { strict: true })
  assert.equal([refused.read, refused.added, refused.refusedCount], [3, 0, 1])
  assert.equal(replica.frontiers(), [])
  const taken = await replica.import(FRONTIER, () => [good!, other!], { strict: true })
  assert.equal([taken.read, taken.added, taken.refusedCount], [2, 2, 0])
})

test('an import without a valid event creates no frontier, and reports each event', async () => {
  const log = [bad, orphan!, bad]
  await using replica = await memoryReplica()
  const report = await replica.import(FRONTIER, () => log)
  assert.equal(replica.frontiers(), [])
  await using kept = await memoryReplica()
  await kept.track(FRONTIER)
  assert.equal(report, await kept.import(FRONTIER, () => log))
  assert.is(report.refusedCount, 3)
})

test('a log that fails before anything is durable creates no frontier', async () => {
  await using replica = await memoryReplica()
  const broken = function* (count: number): Generator<Uint8Array> {
    yield* texts(...Array.from({ length: count }, (_, i) => draft(`${i}`)))
    throw new ReplicaError('ERR_JSON', 'the list breaks')
  }
  assert.is(await codeOf(replica.import(FRONTIER, () => broken(3))), 'ERR_JSON')
  assert.equal(replica.frontiers(), [])
  assert.is(await codeOf(replica.import(FRONTIER, () => broken(2000))), 'ERR_JSON')
  assert.ok((await replica.status()).frontiers[0]!.nodes > 0)
})

test('bad events before the first good one do not block the rest, and each text is read once', async () => {
  await using replica = await memoryReplica()
  const many = texts(...Array.from({ length: 1500 }, (_, i) => draft(`${i}`)))
  let read = 0
  const log = async function* (): AsyncGenerator<Uint8Array> {
    for (const text of [...Array.from({ length: 600 }, () => bad), ...many]) {
      read += 1
      yield text
    }
  }
  const report = await replica.import(FRONTIER, log)
  assert.equal([report.read, report.added, report.refusedCount, read], [2100, 1500, 600, 2100])
  assert.is(report.refused[599]!.index, 599)
})

test('an interrupted import states what is durable, and creates no empty frontier', async () => {
  await using replica = await memoryReplica()
  const many = texts(...Array.from({ length: 3000 }, (_, i) => draft(`${i}`)))
  const stopped = async (after: number): Promise<string> => {
    const controller = new AbortController()
    const log = function* (): Generator<Uint8Array> {
      for (const [i, text] of many.entries()) {
        if (i === after) controller.abort()
        yield text
      }
    }
    const failure = await replica.import(FRONTIER, log, { signal: controller.signal }).catch(error => error)
    assert.ok(hasCode(failure, 'ERR_ABORTED'), String(failure))
    return failure.message
  }
  assert.match(await stopped(0), 'added 0')
  assert.equal(replica.frontiers(), [])
  const message = await stopped(2000)
  const { nodes } = (await replica.status()).frontiers[0]!
  assert.ok(nodes > 0)
  assert.match(message, `added and durable ${nodes}`)
})

test('a refused peer creates no frontier', async () => {
  await using replica = await memoryReplica()
  const { publicKey } = Key.generate()
  const peer = { id: 'hub:x', url: 'wss://x.example', publicKey }
  const wrong = [
    [{ ...peer, url: 'ftp://x' }, 'ERR_PEER_URL'],
    [{ ...peer, id: '' }, 'ERR_PEER_ID'],
    [{ ...peer, publicKey: '00' }, 'ERR_KEY'],
    [{ ...peer, id: replica.hubId }, 'ERR_PEER_EXISTS'],
    [{ ...peer, publicKey: replica.key.publicKey }, 'ERR_PEER_EXISTS'],
  ] as const
  for (const [draftOf, code] of wrong) {
    assert.is(await codeOf(replica.registry(FRONTIER).add(draftOf)), code)
    assert.equal(replica.frontiers(), [])
  }
  assert.ok((await replica.registry(FRONTIER).add(peer)).added)
})

test.run()
