// Causality in replay: ancestry without a walk, views that do not depend on the order of arrival,
// conflicts that equal a comparison of all pairs, and views that continue from a checkpoint with
// the result of a full replay.

import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as vela from '../../../src/vela/index.ts'
import { Arrivals, type Draft, event, finding, type Made, printView, replayOrder } from './logs.ts'

const test = suite('vela/state/concurrency')

/** Parent lists of a random DAG: recent nodes only, or any. */
const dags = (length: number) =>
  fc
    .array(fc.record({ picks: fc.array(fc.nat(), { maxLength: 3 }), near: fc.boolean() }), {
      minLength: 1,
      maxLength: length,
    })
    .map(nodes =>
      nodes.map(({ picks, near }, node) => {
        if (node === 0) return []
        const reach = near ? Math.min(node, 4) : node
        return [...new Set(picks.map(pick => node - 1 - (pick % reach)))]
      }),
    )

/** Ancestors of each node, by a plain walk. */
function allAncestors(parents: readonly (readonly number[])[]): Set<number>[] {
  const found: Set<number>[] = []
  for (const list of parents) found.push(new Set(list.flatMap(parent => [parent, ...found[parent]!])))
  return found
}

test('ancestry answers as a walk over all parents does', () => {
  fc.assert(
    fc.property(dags(80), parents => {
      const ancestry = new vela.Ancestry()
      for (const [node, list] of parents.entries()) assert.is(ancestry.add(list), node)
      const known = allAncestors(parents)
      for (let b = 0; b < parents.length; b++)
        for (let a = 0; a < parents.length; a++)
          assert.is(ancestry.precedes(a, b), known[b]!.has(a), `${a} before ${b}`)
    }),
    { numRuns: 300 },
  )
})

test('ancestry answers about many lines that start and meet again', () => {
  const ancestry = new vela.Ancestry()
  const parents: number[][] = []
  const add = (list: number[]) => {
    parents.push(list)
    return ancestry.add(list)
  }
  let joint = add([])
  for (let round = 0; round < 8; round++) {
    const lines = Array.from({ length: 40 }, () => add([add([joint])]))
    joint = add(lines)
  }
  const known = allAncestors(parents)
  for (let b = 0; b < parents.length; b += 3)
    for (let a = 0; a < parents.length; a += 7) assert.is(ancestry.precedes(a, b), known[b]!.has(a))
})

test('ancestry takes no parent that is not there yet', () => {
  const ancestry = new vela.Ancestry()
  assert.throws(() => ancestry.add([0]), TypeError)
  ancestry.add([])
  for (const bad of [-1, 1, 0.5, Number.NaN]) assert.throws(() => ancestry.add([bad]), TypeError)
})

const IDS = ['vf_a', 'vf_b'] as const
const SCORES = [0.1, 0.14, 0.16, 0.5, 0.55, 0.9]
const STATES = ['accepted', 'contested', 'needs_revision', 'rejected']

const drafts: fc.Arbitrary<Draft> = fc
  .tuple(fc.constantFrom(...IDS), fc.nat(9), fc.constantFrom(...SCORES), fc.constantFrom(...STATES))
  .map(([target, choice, score, status]) => {
    if (choice < 3) return { kind: 'finding.confidence_revised', target, payload: { new_score: score } }
    if (choice < 5) return { kind: 'finding.reviewed', target, payload: { status } }
    if (choice === 5) return { kind: 'finding.retracted', target }
    if (choice === 6) return { kind: 'finding.rejected', target }
    if (choice === 7) return { kind: 'finding.noted', target, payload: { annotation_id: `ann_${score}`, text: 'note' } }
    if (choice === 8) return { kind: 'finding.superseded', target, payload: { new_finding_id: 'vf_b' } }
    return { kind: 'finding.unheard_of', target }
  })

/** A DAG of events; `at` makes them distinct. */
const logs = fc
  .tuple(dags(40), fc.array(drafts, { minLength: 40, maxLength: 40 }))
  .map(([parents, made]): Made[] => parents.map((list, at) => ({ parents: list, event: event({ ...made[at]!, at }) })))

/** Indexes of the log in an order with parents first, otherwise by `keys`. */
function arrival(log: readonly Made[], keys: readonly number[]): number[] {
  const left = new Set(log.keys())
  const order: number[] = []
  while (left.size > 0) {
    const ready = [...left].filter(place => log[place]!.parents.every(parent => !left.has(parent)))
    const next = ready.sort((a, b) => keys[a]! - keys[b]! || a - b)[0]!
    left.delete(next)
    order.push(next)
  }
  return order
}

const orders = fc.array(fc.nat(1000), { minLength: 40, maxLength: 40 })
const genesis = () => IDS.map(id => finding(id))

test('any order of arrival and any merges give the same view and the same conflicts, byte for byte', () => {
  fc.assert(
    fc.property(
      logs,
      orders,
      orders,
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 40, maxLength: 40 }),
      (log, one, two, sizes) => {
        const first = new Arrivals(log, { genesis: genesis() })
        first.merge(arrival(log, one))
        const expected = printView(first.view)
        const second = new Arrivals(log, { genesis: genesis() })
        const places = arrival(log, two)
        for (let at = 0, round = 0; at < places.length; round++) {
          const size = sizes[round]!
          second.merge(places.slice(at, at + size))
          at += size
          assert.is(printView(second.view), printView(second.afresh()))
        }
        assert.is(printView(second.view), expected)
      },
    ),
    { numRuns: 120 },
  )
})

test('the conflicts are those that comparing all pairs finds', () => {
  fc.assert(
    fc.property(logs, log => {
      const replica = new Arrivals(log, { genesis: genesis() })
      replica.merge(log.map((_, place) => place))
      const found = [...vela.viewConflicts(replica.view)].map(
        ({ finding_id, field, events }) => `${finding_id} ${field} ${events}`,
      )
      assert.equal(found, allPairs(log))
    }),
    { numRuns: 200 },
  )
})

/**
 * The definition: concurrent writers of one field that no later writer has seen, with conflicting
 * values.
 */
function allPairs(log: readonly Made[]): string[] {
  const seen = allAncestors(log.map(({ parents }) => parents))
  const sets = log.map(({ event: { text } }) => settingsOf(text))
  const lines: string[] = []
  for (const id of IDS)
    for (const field of vela.FIELDS) {
      const setters = [...log.keys()].filter(place => sets[place]!.id === id && sets[place]!.fields.has(field))
      const standing = setters.filter(one => !setters.some(other => seen[other]!.has(one)))
      const pairs = standing.flatMap(a =>
        standing.filter(b => log[a]!.event.id < log[b]!.event.id).map(b => [a, b] as const),
      )
      const rows = pairs.filter(([a, b]) => differ(field, sets[a]!.fields, sets[b]!.fields))
      lines.push(...rows.map(([a, b]) => `${id} ${field} ${log[a]!.event.id},${log[b]!.event.id}`).sort())
    }
  return lines

  function differ(field: vela.Field, a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean {
    const [x, y] = [a.get(field), b.get(field)]
    if (field === 'confidence') return Math.abs((x as number) - (y as number)) > 0.05
    if (field !== 'polarity') return x !== y
    if (![`${x}${y}`, `${y}${x}`].includes('foragainst')) return false
    // Listed as a conflict of reviews if both reviews are current.
    return !(a.has('review_state') && b.has('review_state'))
  }
}

function settingsOf(text: Uint8Array): { id: string; fields: Map<string, unknown> } {
  const { kind, target, payload } = JSON.parse(Buffer.from(text).toString())
  const fields = new Map<string, unknown>()
  if (kind === 'finding.confidence_revised') fields.set('confidence', payload.new_score)
  if (kind === 'finding.superseded') fields.set('superseded', payload.new_finding_id)
  if (kind === 'finding.retracted') fields.set('retracted', true)
  if (kind === 'finding.retracted' || kind === 'finding.rejected') fields.set('polarity', 'against')
  if (kind === 'finding.reviewed') {
    fields.set('review_state', payload.status)
    fields.set('polarity', payload.status === 'accepted' ? 'for' : payload.status === 'rejected' ? 'against' : 'open')
  }
  return { id: target.id, fields }
}

const revise = (at: number, score: number, id = 'vf_a') =>
  event({ kind: 'finding.confidence_revised', target: id, payload: { new_score: score }, at })

function replayed(log: readonly Made[], options: vela.ViewOptions = { genesis: genesis() }): vela.View {
  const replica = new Arrivals(log, options)
  replica.merge(log.map((_, place) => place))
  return replica.view
}

test('values set apart are a conflict, the view keeps the later one in the order, and who saw both settles it', () => {
  const root = { event: revise(0, 0.5), parents: [] }
  const apart = [root, { event: revise(1, 0.3), parents: [0] }, { event: revise(2, 0.6), parents: [0] }]
  const view = replayed(apart)
  const ids = [apart[1]!.event.id, apart[2]!.event.id].sort()
  const [conflict, ...others] = vela.viewConflicts(view)
  assert.equal(others, [])
  assert.equal(conflict!.events, ids)
  assert.is(conflict!.kind, 'confidence_diverged')
  const last = apart[replayOrder(apart).at(-1)!]!.event.id
  const score = last === apart[1]!.event.id ? '0.300000' : '0.600000'
  assert.is(vela.viewRows(view).findings[0]!.confidence_score, score)
  assert.is([...vela.viewContested(view)].length, 1)
  const settled = replayed([...apart, { event: revise(3, 0.4), parents: [1, 2] }])
  assert.equal([...vela.viewConflicts(settled)], [])
  assert.equal([...vela.viewContested(settled)], [])
  const half = replayed([...apart, { event: revise(3, 0.4), parents: [1] }])
  assert.is([...vela.viewConflicts(half)].length, 1)
})

test('an event that two nodes carry was seen by whoever saw either', () => {
  // Two hubs import the same file independently: nodes 0, 1 and 2, 3 carry the same two events.
  const ancestry = new vela.Ancestry()
  for (const parents of [[], [0], [], [2]]) ancestry.add(parents)
  const view = vela.emptyView({ genesis: genesis(), precedes: (a, b) => ancestry.precedes(a, b) })
  vela.applyEvent(view, { text: revise(0, 0.9).text, nodes: [0, 2] })
  vela.applyEvent(view, { text: revise(1, 0.1).text, nodes: [1, 3] })
  assert.equal([...vela.viewConflicts(view)], [])
})

test('an event that came over two ways has seen what is replayed behind it', () => {
  // Node 0 carries the first event, 1 the second on it; node 2 is the second event again, imported
  // without the first.
  const ancestry = new vela.Ancestry()
  for (const parents of [[], [0], []]) ancestry.add(parents)
  const view = vela.emptyView({ genesis: genesis(), precedes: (a, b) => ancestry.precedes(a, b) })
  vela.applyEvent(view, { text: revise(1, 0.1).text, nodes: [2, 1] })
  vela.applyEvent(view, { text: revise(0, 0.9).text, nodes: [0] })
  assert.equal([...vela.viewConflicts(view)], [])
})

test('of very many setters apart the latest are kept, and the rest is counted', () => {
  const many = 300
  const log = Array.from({ length: many }, (_, at) => ({ event: revise(at, at % 2), parents: [] }))
  const view = replayed(log)
  const [contested] = vela.viewContested(view)
  assert.is(contested!.events.length, 256)
  assert.is(contested!.droppedCount, many - 256)
  const last = { event: revise(many, 0.5), parents: log.map((_, place) => place) }
  assert.equal([...vela.viewContested(replayed([...log, last]))], [])
})

test('a long log goes back and forth between checkpoints and is the same as ever', () => {
  const length = 2000
  const log = Array.from({ length }, (_, at) => ({
    event:
      at % 3 === 0
        ? event({ kind: 'finding.noted', target: 'vf_b', payload: { annotation_id: `a${at}`, text: '' }, at })
        : revise(at, (at % 10) / 10),
    parents: at === 0 ? [] : [at - 1],
  }))
  const view = vela.emptyView({ genesis: genesis() })
  const prints = new Map<number, string>()
  for (const { event: made } of log) {
    vela.applyEvent(view, made)
    const count = vela.viewLength(view)
    if (count % 64 === 0) prints.set(count, printView(view))
  }
  const whole = printView(view)
  for (const to of [1990, 1999, 1500, 1700, 64, 63, 0, 1024]) {
    const at = vela.rewindView(view, to)
    assert.ok(at <= to)
    if (prints.has(at)) assert.is(printView(view), prints.get(at)!)
    for (const { event: made } of log.slice(at)) vela.applyEvent(view, made)
    assert.is(printView(view), whole)
  }
  const near = vela.rewindView(view, length - 100)
  assert.ok(near >= length - 400, `went back to ${near}`)
  assert.throws(() => vela.rewindView(view, -1), TypeError)
})

test.run()
