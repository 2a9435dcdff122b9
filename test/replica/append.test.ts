// Appending single events: parents, heights, duplicates, drafts as values and as text, genesis and
// merge events.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { equals } from '../../src/base/bytes.ts'
import { ReplicaError } from '../../src/base/errors.ts'
import { APPEND_LIMITS } from '../../src/base/limits.ts'
import type { EventDraft } from '../../src/index.ts'
import { appendEvent } from '../../src/replica/append.ts'
import { JsonNumber } from '../../src/vela/index.ts'
import { FRONTIER as LOCAL, local } from '../sync/local.ts'
import { codeOf, draft, FRONTIER, idOf, memoryReplica, NOW, reasons, texts } from './drafts.ts'

const test = suite('replica/append')

test('an event is built on the heads of its frontier and becomes the only head', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const first = await replica.append(FRONTIER, draft('one'))
  const second = await replica.append(FRONTIER, draft('two'))
  assert.equal(first.parents, [])
  assert.is(first.height, 0)
  assert.equal(second.parents, [first.cid])
  assert.is(second.height, 1)
  assert.equal(replica.heads(FRONTIER), [second.cid])
})

test('appending an event again adds nothing and describes its node', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const first = await replica.append(FRONTIER, draft('one'))
  const again = await replica.append(FRONTIER, draft('one'))
  assert.is(again.known, true)
  assert.is(again.cid, first.cid)
  const [status] = (await replica.status()).frontiers
  assert.is(status!.nodes, 1)
})

test('many events appended at once form one chain, whatever the order in which they are awaited', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const reports = await Promise.all(Array.from({ length: 20 }, (_, i) => replica.append(FRONTIER, draft(`event ${i}`))))
  assert.is(replica.heads(FRONTIER).length, 1)
  assert.equal(new Set(reports.map(report => report.height)).size, 20)
})

/** Returns a replica whose commits are counted, with an empty frontier. */
async function counted() {
  const { context } = await local('laptop')
  let commits = 0
  context.frontier(LOCAL).onCommit(() => commits++)
  const append = (event: EventDraft | string) => appendEvent(context, { frontier: LOCAL, event })
  return { context, append, log: context.frontier(LOCAL).log, commits: () => commits }
}

test('events appended at once share a commit, and full groups begin another', async () => {
  const { append, log, commits } = await counted()
  const first = await append(draft('first'))
  assert.is(commits(), 1)
  const count = 2 * APPEND_LIMITS.groupEventsMax
  const reports = await Promise.all(Array.from({ length: count }, (_, i) => append(draft(`event ${i}`))))
  assert.is(commits(), 3)
  assert.is(log.nodes, 1 + count)
  for (const [i, { seq, height, parents, known }] of reports.entries()) {
    assert.equal([seq, height, known], [1 + i, 1 + i, false])
    assert.equal(parents, [(reports[i - 1] ?? first).cid])
  }
})

test('an event of a group that cannot be appended fails alone, and one that occurs twice is added once', async () => {
  const { append, log, commits } = await counted()
  const calls = [
    append(draft('one')),
    append(draft('orphan', { parents: ['vev_00000000000000aa'] })),
    append(draft('one')),
    append(draft('two')),
  ]
  const [one, again, two] = await Promise.all([calls[0]!, calls[2]!, calls[3]!])
  assert.is(await codeOf(calls[1]!), 'ERR_EVENT_PARENT')
  assert.equal([one.known, again.known], [false, true])
  assert.is(again.cid, one.cid)
  assert.equal(two.parents, [one.cid])
  assert.equal([log.nodes, commits()], [2, 1])
})

test('every event of a group whose commit fails is rejected', async () => {
  const { append, log } = await counted()
  Object.assign(log, { commit: () => Promise.reject(new ReplicaError('ERR_STORE_IO', 'the disk is full')) })
  const settled = await Promise.allSettled(['one', 'two', 'three'].map(reason => append(draft(reason))))
  assert.equal(
    settled.map(one => one.status === 'rejected' && one.reason.code),
    ['ERR_STORE_IO', 'ERR_STORE_IO', 'ERR_STORE_IO'],
  )
})

test('a replica that is closed stores the events that were appended before', async () => {
  const { context, append, log } = await counted()
  const reports = Promise.all(['one', 'two', 'three'].map(reason => append(draft(reason))))
  await context.close()
  assert.is((await reports).length, 3)
  assert.is(log.nodes, 3)
})

test('a list of events is appended in its order, up to the first one that fails', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const many = Array.from({ length: 1500 }, (_, i) => draft(`event ${i}`))
  const reports = await replica.appendAll(FRONTIER, many)
  assert.equal(
    reports.map(({ seq }) => seq),
    many.map((_, i) => i),
  )
  const fails = [draft('good'), '{"kind":', draft('after')]
  assert.is(await codeOf(replica.appendAll(FRONTIER, fails)), 'ERR_JSON')
  assert.is((await replica.status()).frontiers[0]!.nodes, 1501)
})

test('a draft as JSON text keeps the spelling of its numbers', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const text = `{"kind":"finding.noted","target":{"type":"finding","id":"vf_1"},"actor":{"id":"reviewer:one"},
    "reason":"numbers","payload":{"float":1.0,"integer":1,"large":18446744073709551615}}`
  const { cid } = await replica.append(FRONTIER, text)
  const [node] = await replica.get(cid)
  const stored = Buffer.from(node!.event!.text).toString('utf8')
  assert.match(stored, '"payload":{"float":1.0,"integer":1,"large":18446744073709551615}')
})

const misread: { name: string; input: object; code: string }[] = [
  { name: 'an unknown member', input: { ...draft('one'), zzz: 1 }, code: 'ERR_EVENT_SHAPE' },
  {
    name: 'an unknown member of the actor',
    input: { ...draft('one'), actor: { id: 'a', name: 'A' } },
    code: 'ERR_EVENT_SHAPE',
  },
  { name: 'a member of a wrong type', input: { ...draft('one'), kind: 7 }, code: 'ERR_EVENT_SHAPE' },
  { name: 'caveats that are no list', input: { ...draft('one'), caveats: 'none' }, code: 'ERR_EVENT_SHAPE' },
  { name: 'no target', input: { ...draft('one'), target: undefined }, code: 'ERR_EVENT_SHAPE' },
  { name: 'a schema without an id', input: { ...draft('one'), schema: 'vela.event.v0.1' }, code: 'ERR_EVENT_SHAPE' },
  { name: 'no object', input: [draft('one')], code: 'ERR_EVENT_SHAPE' },
  { name: 'half an event with an id', input: { ...draft('one'), id: 'vev_0000000000000000' }, code: 'ERR_EVENT_SHAPE' },
]

for (const { name, input, code } of misread) {
  test(`a draft as a value is refused as its text is: ${name}`, async () => {
    await using replica = await memoryReplica()
    await replica.track(FRONTIER)
    assert.is(await codeOf(replica.append(FRONTIER, input as EventDraft)), code)
    assert.is(await codeOf(replica.append(FRONTIER, JSON.stringify(input))), code)
    assert.equal(replica.heads(FRONTIER), [])
  })
}

test('a draft as a value whose optional members are undefined is made as if they were absent', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const input = { ...draft('one', { float: JsonNumber.float(1) }), timestamp: undefined, caveats: undefined } as unknown
  const { cid } = await replica.append(FRONTIER, input as EventDraft)
  const [node] = await replica.get(cid)
  assert.is(node!.event!.timestamp, NOW.toISOString())
  assert.match(Buffer.from(node!.event!.text).toString('utf8'), '"payload":{"float":1.0}')
})

test('a whole event as a value is carried as it is, and refused under a foreign id', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const [text] = texts(draft('whole'))
  const event = JSON.parse(Buffer.from(text!).toString('utf8'))
  assert.is((await replica.append(FRONTIER, event)).event, idOf(text!))
  const foreign = { ...event, id: 'vev_0000000000000000' }
  assert.is(await codeOf(replica.append(FRONTIER, foreign)), 'ERR_EVENT_ID')
})

test('a whole event is carried as it is, and refused when its id is not that of its content', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const [text] = texts(draft('whole'))
  const report = await replica.append(FRONTIER, text!)
  assert.is(report.event, idOf(text!))
  const forged = Buffer.from(text!).toString('utf8').replace('"reason":"whole"', '"reason":"forged"')
  assert.is(await codeOf(replica.append(FRONTIER, forged)), 'ERR_EVENT_ID')
  assert.equal(await reasons(replica), ['whole'])
})

test('a whole event as the array of its values is carried in its stored form', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const [text] = texts(draft('whole'))
  const event = JSON.parse(Buffer.from(text!).toString('utf8'))
  const { schema, id, kind, target, actor, timestamp, reason, before_hash, after_hash, payload } = event
  const parts = [[target.type, target.id], [actor.id, actor.type], timestamp, reason, before_hash, after_hash, payload]
  const { cid } = await replica.append(FRONTIER, JSON.stringify([schema, id, kind, ...parts]))
  const [node] = await replica.get(cid)
  assert.ok(equals(node!.event!.text, text!))
  const forged = JSON.stringify([schema, 'vev_0000000000000000', kind, ...parts])
  assert.is(await codeOf(replica.append(FRONTIER, forged)), 'ERR_EVENT_ID')
})

test('a member that no event has is dropped from a whole event, whatever its value, and refused in a draft', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const whole = Buffer.from(texts(draft('whole'))[0]!).toString('utf8')
  const more = `,"zzz":[1e999,"\\ud800",${'['.repeat(200)}${']'.repeat(200)}]}`
  const { cid } = await replica.append(FRONTIER, whole.slice(0, -1) + more)
  const [node] = await replica.get(cid)
  assert.is(Buffer.from(node!.event!.text).toString('utf8'), whole)
  const drafted = JSON.stringify(draft('drafted')).slice(0, -1) + more
  assert.is(await codeOf(replica.append(FRONTIER, drafted)), 'ERR_EVENT_SHAPE')
})

test('an event that names its parents is built on the nodes of those events, not on the heads', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const first = await replica.append(FRONTIER, draft('one'))
  await replica.append(FRONTIER, draft('two'))
  const named = await replica.append(FRONTIER, draft('three', { parents: [first.event] }))
  assert.equal(named.parents, [first.cid])
  assert.is(replica.heads(FRONTIER).length, 2)
  const root = await replica.append(FRONTIER, draft('four', { parents: [] }))
  assert.equal(root.parents, [])
})

test('an event that names an unknown parent is refused and nothing is written', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const task = replica.append(FRONTIER, draft('one', { parents: ['vev_0000000000000000'] }))
  assert.is(await codeOf(task), 'ERR_EVENT_PARENT')
  assert.equal(replica.heads(FRONTIER), [])
})

test('an unknown frontier and an invalid name are refused with different codes', async () => {
  await using replica = await memoryReplica()
  assert.is(await codeOf(replica.append(FRONTIER, draft('one'))), 'ERR_FRONTIER_UNKNOWN')
  assert.is(await codeOf(replica.track('frontier')), 'ERR_FRONTIER_ID')
})

test('a created frontier is named by its genesis event', async () => {
  await using replica = await memoryReplica()
  assert.is(await codeOf(replica.createFrontier({ name: '\u0085' })), 'ERR_USAGE')
  const { frontier, event, height } = await replica.createFrontier({ name: 'blood-brain barrier' })
  assert.is(frontier, event.replace('vev_', 'vfr_'))
  assert.is(height, 0)
  assert.is(replica.frontier(), frontier)
  const [node] = await replica.get(event)
  assert.is(node!.event!.kind, 'frontier.created')
  assert.is(node!.event!.target.id, 'blood-brain barrier')
})

test('a merge joins the heads under one signed event, and needs two heads and a reason', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const one = await replica.append(FRONTIER, draft('one', { parents: [] }))
  assert.is(await codeOf(replica.merge(FRONTIER, { reason: 'why' })), 'ERR_USAGE')
  const two = await replica.append(FRONTIER, draft('two', { parents: [] }))
  for (const reason of ['', ' ', '\u0085', '\u3000'])
    assert.is(await codeOf(replica.merge(FRONTIER, { reason })), 'ERR_USAGE')
  const merged = await replica.merge(FRONTIER, { reason: 'both hold' })
  assert.equal([...merged.parents].sort(), [one.cid, two.cid].sort())
  assert.equal(replica.heads(FRONTIER), [merged.cid])
})

test('an event in a log with more heads than a node can name follows all of them, and the last node of its author', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const { event } = await replica.append(FRONTIER, draft('root'))
  const heads = Array.from({ length: 150 }, (_, i) => draft(`head ${i}`, { parents: [event] }))
  await replica.appendAll(FRONTIER, heads)
  assert.is(replica.heads(FRONTIER).length, 150)
  const first = await replica.append(FRONTIER, draft('first'))
  assert.equal(replica.heads(FRONTIER), [first.cid])
  assert.is(first.parents.length, 3)
  const kinds: string[] = []
  for await (const node of replica.nodes(FRONTIER)) kinds.push(node.event!.kind)
  assert.is(kinds.filter(kind => kind === 'frontier.merged').length, 3)
  const second = await replica.append(FRONTIER, draft('second'))
  assert.equal(second.parents, [first.cid])
  assert.is((await replica.verify({ signatures: true })).ok, true)
})

test('a merge joins any number of heads', async () => {
  await using replica = await memoryReplica()
  await replica.track(FRONTIER)
  const { event } = await replica.append(FRONTIER, draft('root'))
  await replica.appendAll(
    FRONTIER,
    Array.from({ length: 70 }, (_, i) => draft(`head ${i}`, { parents: [event] })),
  )
  const merged = await replica.merge(FRONTIER, { reason: 'tidy' })
  assert.equal(replica.heads(FRONTIER), [merged.cid])
  const [node] = await replica.get(merged.cid)
  assert.equal(node!.event!.payloadAs<{ heads: number }>(), { heads: 70 })
})

test.run()
