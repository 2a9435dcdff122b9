// Imports of logs: chains, faults by index and reason, strict imports, named parents in any order,
// repeated imports, real data.

import * as fs from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Replica } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { readLog } from '../../src/vela/index.ts'
import { shared, skip } from '../shared-data.ts'
import { codeOf, draft, FRONTIER, idOf, memoryReplica, NOW, reasons, texts } from './drafts.ts'

const test = suite('replica/import')

test('a log becomes a chain in its order, on the present heads', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  await replica.append(FRONTIER, draft('before'))
  const report = await replica.import(FRONTIER, () => texts(draft('a'), draft('b'), draft('c')))
  assert.is(report.added, 3)
  assert.equal(await reasons(replica), ['before', 'a', 'b', 'c'])
  assert.is(replica.heads(FRONTIER).length, 1)
})

test('importing twice adds nothing, also if the log has an event twice', async () => {
  await using replica = await memoryReplica()
  const log = () => texts(draft('a'), draft('b'), draft('a'))
  const first = await replica.import(FRONTIER, log)
  assert.equal([first.read, first.added, first.known], [3, 2, 1])
  const second = await replica.import(FRONTIER, log)
  assert.equal([second.read, second.added, second.known], [3, 0, 3])
})

test('an event that occurs twice is built once, also across a flush', async () => {
  await using replica = await memoryReplica()
  const [first] = texts(draft('a'))
  const [child] = texts(draft('child', { parents: [idOf(first!)] }))
  const [plain] = texts(draft('on all heads'))
  const report = await replica.import(FRONTIER, () => [first!, child!, plain!, first!, child!])
  assert.equal([report.read, report.added, report.known], [5, 3, 2])
  assert.is((await replica.status()).frontiers[0]!.nodes, 3)
})

test('a long log is one chain in its order, with duplicates and named parents', async () => {
  await using replica = await memoryReplica()
  const drafts = Array.from({ length: 4000 }, (_, i) => draft(`${i}`))
  const plain = texts(...drafts)
  const child = draft('child', { parents: [idOf(plain[2599]!)] })
  const late = texts(child, draft('after'))
  // Number 700 occurs again near and far from its first place; the child's parent is being signed.
  const log = [
    ...plain.slice(0, 705),
    plain[700]!,
    ...plain.slice(705, 2600),
    plain[700]!,
    ...late,
    ...plain.slice(2600),
  ]
  const report = await replica.import(FRONTIER, () => log)
  assert.equal([report.read, report.added, report.known, report.refusedCount], [4004, 4002, 2, 0])
  const expected = drafts.map((_, i) => `${i}`)
  expected.splice(2600, 0, 'child', 'after')
  assert.equal(await reasons(replica), expected)
  assert.equal(await replica.verify({ signatures: true }).then(({ ok }) => ok), true)
})

test('a reader may use one buffer for all its texts', async () => {
  await using replica = await memoryReplica()
  const all = texts(...Array.from({ length: 2000 }, (_, i) => draft(`${i}`)))
  const buffer = new Uint8Array(64 * 1024)
  const log = function* (): Generator<Uint8Array> {
    for (const text of all) {
      buffer.fill(0)
      buffer.set(text)
      yield buffer.subarray(0, text.length)
    }
  }
  const report = await replica.import(FRONTIER, log)
  assert.equal([report.added, report.refusedCount], [2000, 0])
  assert.equal(
    await reasons(replica),
    all.map((_, i) => `${i}`),
  )
})

test('a bad event is reported with its index, id and reason, and the rest is imported', async () => {
  await using replica = await memoryReplica()
  const [good, next] = texts(draft('a'), draft('b'))
  const forged = Buffer.from(Buffer.from(next!).toString('utf8').replace('"reason":"b"', '"reason":"x"'))
  const report = await replica.import(FRONTIER, () => [good!, forged, Buffer.from('{'), next!])
  assert.equal([report.read, report.added], [4, 2])
  assert.equal(
    report.refused.map(({ index, code }) => ({ index, code })),
    [
      { index: 1, code: 'ERR_EVENT_ID' },
      { index: 2, code: 'ERR_JSON' },
    ],
  )
  assert.equal(await reasons(replica), ['a', 'b'])
})

test('with strict one bad event imports nothing', async () => {
  await using replica = await memoryReplica()
  const [good] = texts(draft('a'))
  const report = await replica.import(FRONTIER, () => [good!, Buffer.from('[]')], { strict: true })
  assert.is(report.added, 0)
  assert.is(report.refused[0]!.index, 1)
  assert.equal(replica.frontiers(), [])
})

test('with strict an unknown parent imports nothing', async () => {
  await using replica = await memoryReplica()
  const log = () => texts(draft('a'), draft('b', { parents: ['vev_0000000000000000'] }))
  const report = await replica.import(FRONTIER, log, { strict: true })
  assert.is(report.added, 0)
  assert.equal(
    report.refused.map(({ index, code }) => ({ index, code })),
    [{ index: 1, code: 'ERR_EVENT_PARENT' }],
  )
})

test('with strict an event with too many parents imports nothing', async () => {
  await using replica = await memoryReplica()
  const roots = Array.from({ length: 65 }, (_, i) => texts(draft(`root ${i}`, { parents: [] }))[0]!)
  const [full, over] = [64, 65].map(count => texts(draft('join', { parents: roots.slice(0, count).map(idOf) }))[0]!)
  const refused = await replica.import(FRONTIER, () => [...roots, over!], { strict: true })
  assert.equal(
    [refused.added, refused.refused.map(({ index, code }) => [index, code])],
    [0, [[65, 'ERR_EVENT_PARENT']]],
  )
  assert.equal(replica.frontiers(), [])
  const report = await replica.import(FRONTIER, () => [...roots, full!], { strict: true })
  assert.equal([report.added, report.refusedCount], [66, 0])
  const again = await replica.import(FRONTIER, () => [...roots, over!], { strict: true })
  assert.equal([again.added, again.refusedCount], [0, 1])
})

test('with strict known events are not checked again', async () => {
  await using replica = await memoryReplica()
  const [root] = texts(draft('root', { parents: [] }))
  const [child] = texts(draft('child', { parents: [idOf(root!)] }))
  await replica.import(FRONTIER, () => [root!, child!])
  const report = await replica.import(FRONTIER, () => [child!, ...texts(draft('next'))], { strict: true })
  assert.equal([report.known, report.added], [1, 1])
})

test('events get their named parents, also if children come first', async () => {
  await using replica = await memoryReplica()
  const [root] = texts(draft('root', { parents: [] }))
  const [left, right] = texts(draft('left', { parents: [idOf(root!)] }), draft('right', { parents: [idOf(root!)] }))
  const [join] = texts(draft('join', { parents: [idOf(left!), idOf(right!)] }))
  const report = await replica.import(FRONTIER, () => [join!, right!, left!, root!])
  assert.is(report.added, 4)
  const [node] = await replica.get(idOf(join!))
  assert.is(node!.parents.length, 2)
  assert.is(node!.height, 2)
  assert.is(replica.heads(FRONTIER).length, 1)
})

test('a long log in reverse order costs as few commits as one in order', async () => {
  const store = new MemoryStore()
  await using replica = await Replica.open({ location: store, clock: () => NOW })
  await replica.track(FRONTIER)
  let commits = 0
  const log = store.frontier(FRONTIER)
  const commit = log.commit.bind(log)
  log.commit = (...chunk) => {
    commits += 1
    return commit(...chunk)
  }
  const chain = chainOf(1200)
  const report = await replica.import(FRONTIER, () => [...chain].reverse())
  assert.equal([report.added, report.refusedCount], [1200, 0])
  assert.is((await replica.get(idOf(chain.at(-1)!)))[0]!.height, 1199)
  assert.ok(commits <= 4, `${commits} commits`)
})

test('an event that occurs twice before its parent is built once', async () => {
  await using replica = await memoryReplica()
  const chain = chainOf(3)
  const report = await replica.import(FRONTIER, () => [...chain, ...chain].reverse())
  assert.equal([report.read, report.added, report.known], [6, 3, 3])
})

test('an event with an unknown parent is refused with its children, and the rest is imported', async () => {
  await using replica = await memoryReplica()
  const [orphan, good] = texts(draft('orphan', { parents: ['vev_0000000000000000'] }), draft('good'))
  const [child] = texts(draft('child', { parents: [idOf(orphan!)] }))
  const report = await replica.import(FRONTIER, () => [orphan!, child!, good!])
  assert.is(report.added, 1)
  assert.equal(
    report.refused.map(({ index, code }) => ({ index, code })),
    [
      { index: 0, code: 'ERR_EVENT_PARENT' },
      { index: 1, code: 'ERR_EVENT_PARENT' },
    ],
  )
})

test('chunks and chains of several hundred events keep their order', async () => {
  await using replica = await memoryReplica()
  const drafts = Array.from({ length: 1300 }, (_, i) => draft(`event ${i}`))
  const report = await replica.import(FRONTIER, () => texts(...drafts))
  assert.is(report.added, 1300)
  assert.equal(
    await reasons(replica),
    drafts.map(item => item.reason),
  )
})

test('two contents under one event id are both stored, and verify lists them without a fault', async () => {
  await using replica = await memoryReplica()
  const [plain] = texts(draft('one'))
  // The id of an event does not cover its signature.
  const signed = [1, 2].map(digit => texts({ ...draft('one'), signature: `${digit}`.repeat(128) })[0]!)
  await replica.import(FRONTIER, () => [plain!, ...texts(draft('two'))])
  assert.equal((await replica.verify()).sharedIds, [])
  const second = await replica.import(FRONTIER, () => signed)
  assert.is(second.added, 2)
  const { ok, sharedIds } = await replica.verify()
  assert.equal([ok, sharedIds], [true, [{ frontier: FRONTIER, event: idOf(plain!) }]])
})

test('an aborted import keeps durable events and states their number', async () => {
  await using replica = await memoryReplica()
  const task = replica.import(FRONTIER, () => texts(draft('a')), { signal: AbortSignal.abort() })
  assert.is(await codeOf(task), 'ERR_ABORTED')
})

test('all 315 events of a real log are imported and exported unchanged', async () => {
  const file = shared('vela/bbb-flagship.events.json')
  if (file === undefined) return skip('all 315 events of a real log go in', 'no shared data')
  await using replica = await memoryReplica()
  const log = readLog(await fs.readFile(file))
  const report = await replica.import(FRONTIER, function* () {
    for (const event of log.events()) yield event.text
  })
  assert.equal([report.read, report.added, report.refusedCount], [315, 315, 0])
  const ids: string[] = []
  for await (const node of replica.events(FRONTIER)) ids.push(node.event!.id)
  assert.equal(
    ids,
    JSON.parse(await fs.readFile(file, 'utf8')).map((event: { id: string }) => event.id),
  )
})

/** Returns events that each name the previous one as parent. */
function chainOf(count: number): Uint8Array[] {
  const chain: Uint8Array[] = []
  for (let at = 0; at < count; at += 1) {
    const parents = at === 0 ? [] : [idOf(chain[at - 1]!)]
    chain.push(...texts(draft(`link ${at}`, { parents })))
  }
  return chain
}

test.run()
