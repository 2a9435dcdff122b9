import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/base/errors.ts'
import { cidText } from '../../src/cbor/cid.ts'
import {
  causalClosure,
  classify,
  classifyAgainst,
  type IdPair,
  isCausallyClosed,
  missingAncestors,
} from '../../src/graph/causal-closure.ts'
import * as entry from '../../src/projection/index.ts'
import { classifyStored } from '../../src/replica/log-reader.ts'
import { compareByTime, topologicalOrder } from '../../src/vela/index.ts'
import { shared, skip } from '../shared-data.ts'
import { ToyLog, toyDigest } from './toy-log.ts'

const test = suite('graph/closure')

const toyCid = (name: string | number): string => cidText(toyDigest(name))

interface SharedEvent {
  id: string
  timestamp: string
  payload?: { parents?: unknown }
}

interface SharedCase {
  name: string
  our_events: SharedEvent[]
  peer_events: SharedEvent[]
  expected: {
    missing_ancestors: string[]
    causally_closed: boolean
    action: unknown
    order_timestamp_id: string[]
    order_topological_min_id: string[] | null
  }
}

const pair = ({ id, payload }: SharedEvent): IdPair => {
  const parents = payload?.parents
  return { id, parents: Array.isArray(parents) ? parents.filter(parent => typeof parent === 'string') : [] }
}

const path = shared('vela/synthetic/dag.json')
if (path === undefined) skip('graph/closure: the reference cases', 'vela/synthetic/dag.json is not here')
else {
  for (const { name, our_events, peer_events, expected } of JSON.parse(readFileSync(path, 'utf8')) as SharedCase[]) {
    test(`reference case: ${name}`, () => {
      const [ours, theirs] = [our_events.map(pair), peer_events.map(pair)]
      const union = [...ours, ...theirs]
      assert.equal(missingAncestors(union), expected.missing_ancestors)
      assert.is(isCausallyClosed(union), expected.causally_closed)
      assert.equal(classify(ours, theirs), expected.action)
      const byTime = [...our_events, ...peer_events].sort(compareByTime).map(event => event.id)
      assert.equal(byTime, expected.order_timestamp_id)
      assert.equal(topologicalOrder(union) ?? null, expected.order_topological_min_id)
      const closure = causalClosure(
        union.map(event => event.id),
        union,
      )
      if (expected.causally_closed) assert.equal(closure, { ok: true, ids: union.map(event => event.id).sort() })
      else assert.equal(closure, { ok: false, missing: expected.missing_ancestors })
    })
  }
}

test('the package exports both orders', () => {
  assert.is(entry.topologicalOrder, topologicalOrder)
  assert.is(entry.compareByTime, compareByTime)
})

const CHAIN: IdPair[] = [
  { id: 'a', parents: [] },
  { id: 'b', parents: ['a'] },
  { id: 'c', parents: ['b'] },
]

test('a closure consists of the received ids and their ancestors in the pool', () => {
  const pool = [...CHAIN, { id: 'z', parents: [] }]
  assert.equal(causalClosure(['b'], pool), { ok: true, ids: ['a', 'b'] })
  assert.equal(causalClosure([], pool), { ok: true, ids: [] })
})

test('of several events with one id in the pool the last one counts (D2)', () => {
  const twice = [{ id: 'c', parents: ['x'] }, ...CHAIN]
  assert.equal(causalClosure(['c'], twice), { ok: true, ids: ['a', 'b', 'c'] })
})

test('received ids that the pool lacks count as missing, sorted and once', () => {
  assert.equal(causalClosure(['y', 'c', 'x', 'y'], CHAIN), { ok: false, missing: ['x', 'y'] })
  assert.equal(causalClosure(['c'], CHAIN.slice(1)), { ok: false, missing: ['a'] })
})

test('ids are ordered by code point, not by UTF-16 unit', () => {
  const events = [{ id: 'x', parents: ['\u{1f600}', '\uff5e'] }]
  assert.equal(missingAncestors(events), ['\uff5e', '\u{1f600}'])
})

test('ids with a special meaning for JavaScript objects are ordinary ids', () => {
  const events = [
    { id: '__proto__', parents: [] },
    { id: 'constructor', parents: ['__proto__'] },
  ]
  assert.ok(isCausallyClosed(events))
  assert.equal(topologicalOrder(events), ['__proto__', 'constructor'])
})

test('a cycle is closed, but has no order', () => {
  const events = [
    { id: 'a', parents: ['b'] },
    { id: 'b', parents: ['a'] },
  ]
  assert.ok(isCausallyClosed(events))
  assert.is(topologicalOrder(events), undefined)
})

test('a fork is proposed only on request, and only if a parent is missing', () => {
  assert.equal(classify([], [CHAIN[1]!], { reason: 'the source is gone' }), {
    kind: 'fork',
    triggering_missing: ['a'],
    reason: 'the source is gone',
  })
  assert.equal(classify([CHAIN[0]!], [CHAIN[1]!], { reason: 'not needed' }), { kind: 'proceed' })
})

test('a fork without a reason is refused', () => {
  try {
    classify([], CHAIN, { reason: ' \t' })
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_USAGE'))
    return
  }
  assert.unreachable()
})

test('a chain of 200,000 events needs no recursion', () => {
  const chain = Array.from({ length: 200_000 }, (_, i) => ({ id: `e${i}`, parents: i === 0 ? [] : [`e${i - 1}`] }))
  const closure = causalClosure(['e199999'], chain)
  assert.ok(closure.ok && closure.ids.length === 200_000)
  assert.is(topologicalOrder(chain)?.length, 200_000)
})

test('incoming events are classified by looking up only the parents they name outside themselves, each once', async () => {
  const log = new ToyLog()
  for (let seq = 0; seq < 500; seq++) log.add(toyDigest(seq), seq === 0 ? [] : [seq - 1])
  const incoming = [
    { id: toyCid('x'), parents: [toyCid(499)] },
    { id: toyCid('y'), parents: [toyCid('x'), toyCid(499)] },
  ]
  assert.equal(await classifyStored(log, incoming), { kind: 'proceed' })
  assert.is(log.located, 1)
  assert.is(log.rowsRead, 0)
  const action = await classifyStored(log, [{ id: toyCid('z'), parents: [toyCid('w'), toyCid('v'), toyCid('w')] }])
  assert.equal(action, { kind: 'fetch', missing: [toyCid('w'), toyCid('v')].sort() })
  assert.is(log.located, 3)
})

test('all parents outside the incoming set are looked up in one call, and no call is made without such parents', async () => {
  const calls: (readonly string[])[] = []
  const has = async (ids: readonly string[]) => {
    calls.push(ids)
    return ids.map(id => id === 'a')
  }
  assert.equal(await classifyAgainst(has, CHAIN), { kind: 'proceed' })
  assert.equal(calls, [])
  assert.equal(await classifyAgainst(has, [{ id: 'd', parents: ['z', 'a', 'y', 'z'] }]), {
    kind: 'fetch',
    missing: ['y', 'z'],
  })
  assert.equal(calls, [['a', 'y', 'z']])
})

test('both forms of classification agree on random DAGs', async () => {
  const dag = fc.array(fc.array(fc.nat(40), { maxLength: 3 }), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(
      dag,
      fc.array(fc.constantFrom('stored', 'incoming', 'absent'), { minLength: 41 }),
      async (lists, where) => {
        const edges = lists.map((list, i) => [...new Set(list.filter(parent => parent < i))])
        const log = new ToyLog()
        const seqs = new Map<number, number>()
        const stored: IdPair[] = []
        const incoming: IdPair[] = []
        for (const [i, parents] of edges.entries()) {
          const event = { id: toyCid(i), parents: parents.map(toyCid) }
          if (where[i] === 'stored' && parents.every(parent => seqs.has(parent))) {
            seqs.set(i, log.nodes)
            log.add(
              toyDigest(i),
              parents.map(parent => seqs.get(parent)!),
            )
            stored.push(event)
          } else if (where[i] === 'incoming') incoming.push(event)
        }
        assert.equal(await classifyStored(log, incoming), classify(stored, incoming))
      },
    ),
    { numRuns: 200 },
  )
})

test.run()
