// The incremental order compared with the order of the whole log.

import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { IncrementalOrder } from '../../src/graph/incremental-order.ts'
import { topologicalOrder } from '../../src/graph/topological-sort.ts'

const test = suite('graph/incremental-order')

interface Toy {
  readonly label: number
  readonly parents: readonly number[]
}

/** DAGs with few labels, so that many nodes share one. */
const logs = fc
  .array(fc.record({ label: fc.nat(40), picks: fc.array(fc.nat(), { maxLength: 3 }), near: fc.boolean() }), {
    minLength: 1,
    maxLength: 60,
  })
  .map(nodes =>
    nodes.map(({ label, picks, near }, seq): Toy => {
      const reach = near ? Math.min(seq, 4) : seq
      return { label, parents: seq === 0 ? [] : [...new Set(picks.map(pick => seq - 1 - (pick % reach)))] }
    }),
  )

const labelOf = (label: number) => `vev_${label.toString(16).padStart(16, '0')}`
const eventOf = ({ label }: Toy) => sha256(utf8(labelOf(label)))
const digestOf = (seq: number) => sha256(utf8(`node ${seq}`))

/** Ids that compare as nodes do: label, event (which the label decides here), node. */
const idOf = (toy: Toy, seq: number) => `${toHex(eventOf(toy))} ${Buffer.from(digestOf(seq)).toString('hex')}`

function expected(log: readonly Toy[]): number[] {
  const ids = log.map(idOf)
  const order = topologicalOrder(log.map(({ parents }, seq) => ({ id: ids[seq]!, parents: parents.map(p => ids[p]!) })))
  return order!.map(id => ids.indexOf(id))
}

function add(order: IncrementalOrder, node: Omit<Parameters<IncrementalOrder['add']>[0], 'label'>): void {
  order.add({ ...node, label: node.event.subarray(0, 8) })
}

function orderOf(order: IncrementalOrder): number[] {
  return Array.from({ length: order.size }, (_, place) => order.at(place))
}

test('nodes added in any portions have the order of the whole log, and positions before the first difference stay', async () => {
  await fc.assert(
    fc.asyncProperty(
      logs,
      fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 60, maxLength: 60 }),
      async (log, sizes) => {
        const order = new IncrementalOrder()
        for (let seq = 0, round = 0; seq < log.length; round++) {
          const before = orderOf(order)
          for (let left = sizes[round]!; left > 0 && seq < log.length; left--, seq++)
            add(order, { event: eventOf(log[seq]!), digest: digestOf(seq), parents: log[seq]!.parents })
          const from = await order.settle()
          const now = orderOf(order)
          assert.equal(now, expected(log.slice(0, seq)))
          assert.equal(now.slice(0, from), before.slice(0, from))
          assert.ok(from === before.length || now[from] !== before[from], 'the first difference is none')
          assert.equal(
            now.map(node => order.placeOf(node)),
            [...now.keys()],
          )
        }
      },
    ),
    { numRuns: 200 },
  )
})

test('a node on the current heads goes to the end', async () => {
  const order = new IncrementalOrder()
  const count = 5000
  for (let seq = 0; seq < count; seq++)
    add(order, {
      event: eventOf({ label: (seq * 7919) % 997, parents: [] }),
      digest: digestOf(seq),
      parents: seq === 0 ? [] : [seq - 1],
    })
  assert.is(await order.settle(), 0)
  assert.equal(orderOf(order).slice(-3), [count - 3, count - 2, count - 1])
  add(order, { event: eventOf({ label: 0, parents: [] }), digest: digestOf(count), parents: [count - 1] })
  assert.is(await order.settle(), count)
  assert.is(await order.settle(), count + 1)
  assert.throws(
    () => add(order, { event: eventOf({ label: 0, parents: [] }), digest: digestOf(0), parents: [count + 1] }),
    TypeError,
  )
})

test('equal events have equal keys', () => {
  const order = new IncrementalOrder()
  for (const [seq, label] of [1, 2, 1].entries())
    add(order, { event: eventOf({ label, parents: [] }), digest: digestOf(seq), parents: [] })
  assert.is(order.eventKey(0), order.eventKey(2))
  assert.is.not(order.eventKey(0), order.eventKey(1))
})

test.run()
