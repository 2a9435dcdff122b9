import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compare, sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { checkEvent, eventIdFromPrefix, eventIdPrefix, makeEvent } from '../../src/event/event.ts'
import { eventIdPrefixOf } from '../../src/event/event-scanner.ts'
import { topologicalOrder } from '../../src/graph/topological-sort.ts'
import { replaySeqs } from '../../src/replica/log-order.ts'
import { ToyLog, toyDigest } from '../graph/toy-log.ts'
import { buildNode, type Made } from '../support/nodes.ts'

const test = suite('replica/log-order')

/**
 * Returns a text with an id at the place of a stored event's id. The content does not affect the
 * order.
 */
function eventText(id: string, reason = ''): Uint8Array {
  return utf8(`{"actor":{"id":"vev_not this","type":"human"},"caveats":[],"id":"${id}","reason":"${reason}"}`)
}

function eventId(name: string): string {
  return `vev_${createHash('sha256').update(name).digest('hex').slice(0, 16)}`
}

/** Returns a log whose nodes carry these events, with blank signatures. */
function logOf(nodes: readonly { event: Uint8Array; parents: readonly number[]; salt?: number }[]): ToyLog {
  const log = new ToyLog()
  const made: Made[] = []
  for (const { event, parents, salt = 0 } of nodes) {
    const key = { publicKeyBytes: new Uint8Array(32).fill(salt), sign: () => new Uint8Array(64) }
    const node = buildNode(key, { event, frontier: 'vfr_0123456789abcdef', parents: parents.map(at => made[at]!) })
    made.push(node)
    log.add(node.digest, parents, node.bytes)
  }
  return log
}

test('the order is topological, with the smallest event id first', async () => {
  const ids = ['vev_cccccccccccccccc', 'vev_bbbbbbbbbbbbbbbb', 'vev_aaaaaaaaaaaaaaaa', 'vev_0000000000000000']
  const log = logOf([
    { event: eventText(ids[0]!), parents: [] },
    { event: eventText(ids[1]!), parents: [] },
    { event: eventText(ids[2]!), parents: [0] },
    { event: eventText(ids[3]!), parents: [1] },
  ])
  assert.equal([...(await replaySeqs(log))], [1, 3, 0, 2])
})

test('an empty log has an empty order', async () => {
  assert.equal([...(await replaySeqs(new ToyLog()))], [])
})

test('an event of two nodes appears once, at its first place, unless all are requested', async () => {
  const [a, b] = [eventText('vev_00000000000000aa'), eventText('vev_00000000000000bb')]
  const log = logOf([
    { event: b, parents: [] },
    { event: a, parents: [0] },
    { event: a, parents: [], salt: 1 },
    { event: b, parents: [2], salt: 1 },
  ])
  // Event a of the second hub is ready and smallest, then the b with the smaller digest.
  const every = [...(await replaySeqs(log, { duplicates: 'all' }))]
  assert.is(every.length, 4)
  assert.is(every[0], 2)
  const once = [...(await replaySeqs(log))]
  assert.is(once.length, 2)
  assert.equal(once, [2, every[1]!])
})

test('two contents under one label are two events, ordered by their digests', async () => {
  const id = 'vev_00000000000000aa'
  const texts = ['one', 'two', 'three'].map(reason => eventText(id, reason))
  const log = logOf(texts.map(event => ({ event, parents: [] })))
  const expected = [0, 1, 2].sort((a, b) => compare(sha256(texts[a]!), sha256(texts[b]!)))
  assert.equal([...(await replaySeqs(log))], expected)
})

test('the order depends on the DAG only, and equals the simple order over ids', async () => {
  const dags = fc.array(fc.array(fc.nat(1000), { maxLength: 3 }), { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(dags, fc.array(fc.nat(), { minLength: 60, maxLength: 60 }), async (picks, dice) => {
      const parents = picks.map((list, i) => [
        ...new Set(i === 0 ? [] : list.map(pick => i - 1 - (pick % Math.min(i, 8)))),
      ])
      const ids = picks.map((_, i) => eventId(`event ${i}`))
      const nodes = parents.map((list, i) => ({ event: eventText(ids[i]!), parents: list }))
      const expected = topologicalOrder(ids.map((id, i) => ({ id, parents: parents[i]!.map(parent => ids[parent]!) })))
      assert.equal(
        [...(await replaySeqs(logOf(nodes)))].map(seq => ids[seq]!),
        expected,
      )
      // The same nodes in another order of arrival.
      const arrival: number[] = []
      for (let left = [...nodes.keys()]; left.length > 0; ) {
        const ready = left.filter(i => parents[i]!.every(parent => arrival.includes(parent)))
        const next = ready[dice[arrival.length]! % ready.length]!
        arrival.push(next)
        left = left.filter(i => i !== next)
      }
      const moved = arrival.map(i => ({ ...nodes[i]!, parents: parents[i]!.map(parent => arrival.indexOf(parent)) }))
      assert.equal(
        [...(await replaySeqs(logOf(moved)))].map(seq => ids[arrival[seq]!]!),
        expected,
      )
    }),
    { numRuns: 150 },
  )
})

test('an aborted order ends with ERR_ABORTED', async () => {
  const log = logOf([{ event: eventText('vev_0000000000000000'), parents: [] }])
  try {
    await replaySeqs(log, { signal: AbortSignal.abort() })
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_ABORTED'))
    return
  }
  assert.unreachable()
})

test('the label of a stored event is found after texts that resemble it', () => {
  const { text, head } = makeEvent({
    kind: 'finding.noted',
    target: { type: 'finding', id: 'vev_1111111111111111' },
    actor: { id: '"id":"vev_2222222222222222"', type: 'human' },
    reason: 'x',
    timestamp: '2026-01-01T00:00:00Z',
    payload: { id: 'vev_3333333333333333' },
    caveats: ['"id":"vev_4444444444444444"', '\\"', 'id', '{"id":"vev_5555555555555555"}'],
  })
  assert.is(eventIdFromPrefix(eventIdPrefixOf(text)), head.id)
  assert.is(toHex(eventIdPrefixOf(text)), toHex(eventIdPrefix(checkEvent(text).id)))
})

test('a text without an id at its top level has no label', () => {
  for (const text of ['', '{}', '{"a":{"id":"vev_0123456789abcdef"}}', '{"id":"vev_xyz"}', '["id"', '"']) {
    assert.throws(
      () => eventIdPrefixOf(utf8(text)),
      (error: unknown) => hasCode(error, 'ERR_EVENT_SHAPE'),
      text,
    )
  }
})

test('the digests of a toy log differ', () => {
  assert.is.not(toHex(toyDigest(1)), toHex(toyDigest(2)))
})

test.run()
