// The projection of a stored log: for any order and batches of arrival it equals a replay of the
// whole log, byte for byte; and it reports the conflicts that a merge opened.

import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { toHex } from '../../src/base/bytes.ts'
import { VIEW_LIMITS } from '../../src/base/limits.ts'
import { makeEvent } from '../../src/event/event.ts'
import { decodeNode } from '../../src/node/node.ts'
import { FrontierProjection, type InitialState } from '../../src/projection/frontier-projection.ts'
import { Journal } from '../../src/replica/journal.ts'
import { replaySeqs } from '../../src/replica/log-order.ts'
import { createLevelDb } from '../../src/store/index.ts'
import type { Store } from '../../src/store/store.ts'
import * as vela from '../../src/vela/index.ts'
import { FRONTIER, type Made, makeNode, NOW, type Setting, seededKey, setting } from '../admission/nodes.ts'
import { scratch } from '../shared-data.ts'
import { signed, signer, verify } from '../vela/signers.ts'
import { event, finding, printView } from '../vela/state/logs.ts'

const test = suite('projection/frontier-projection')

const IDS = ['vf_a', 'vf_b'] as const
const KEYS = [2, 3].map(seededKey)
const ADA = signer(1)
const SEEDS: InitialState = { genesis: IDS.map(id => finding(id)), proposals: [], actors: [] }

interface Kept extends Setting {
  readonly view: FrontierProjection
  readonly journal: Journal
}

async function kept(options: { store?: Store; initialState?: () => Promise<InitialState> } = {}): Promise<Kept> {
  const parts = await setting({ peers: KEYS, ...(options.store === undefined ? {} : { store: options.store }) })
  const { log, registry, store, own } = parts
  const journal = new Journal(store.records, { clock: () => new Date(NOW), key: () => own })
  const initialState = options.initialState ?? (async () => SEEDS)
  return { ...parts, journal, view: new FrontierProjection({ log, registry, journal, hubId: 'hub:own', initialState }) }
}

/** Returns another projection of the same log. */
function fresh({ log, registry, journal }: Kept): FrontierProjection {
  return new FrontierProjection({ log, registry, journal, hubId: 'hub:own', initialState: async () => SEEDS })
}

/** Replays the whole log at once. */
async function afresh({ log }: Pick<Setting, 'log'>): Promise<string> {
  const ancestry = new vela.Ancestry()
  const carriers = new Map<string, number[]>()
  for await (const rows of log.scan({ from: 0 }))
    for (const { seq, bytes, parents } of rows) {
      ancestry.add(parents)
      const text = toHex(decodeNode(bytes).text!)
      carriers.set(text, [...(carriers.get(text) ?? []), seq])
    }
  const authorities = { actors: [], verify }
  const view = vela.emptyView({
    genesis: SEEDS.genesis,
    authorities,
    precedes: (a, b) => ancestry.precedes(a, b),
  })
  for (const { bytes } of await log.read([...(await replaySeqs(log))])) {
    const text = decodeNode(bytes).text!
    vela.applyEvent(view, { text, nodes: carriers.get(toHex(text))! })
  }
  return printView(view)
}

interface Plan {
  readonly picks: readonly number[]
  readonly near: boolean
  readonly key: number
  /** Carries the event of another node. */
  readonly twin: number | undefined
  readonly choice: number
  readonly target: number
  readonly value: number
}

const plans: fc.Arbitrary<Plan[]> = fc.array(
  fc.record({
    picks: fc.array(fc.nat(), { maxLength: 3 }),
    near: fc.boolean(),
    key: fc.nat(KEYS.length - 1),
    twin: fc.option(fc.nat(), { nil: undefined, freq: 6 }),
    choice: fc.nat(6),
    target: fc.nat(1),
    value: fc.nat(5),
  }),
  { minLength: 1, maxLength: 30 },
)

const SCORES = [0.1, 0.14, 0.16, 0.5, 0.55, 0.9]

function eventOf({ choice, target: which, value }: Plan, at: number): Uint8Array {
  const target = IDS[which]!
  if (choice < 3)
    return event({ kind: 'finding.confidence_revised', target, payload: { new_score: SCORES[value] }, at }).text
  if (choice === 3) return event({ kind: 'finding.reviewed', target, payload: { status: STATES[value % 4] }, at }).text
  if (choice === 4) return event({ kind: 'finding.retracted', target, at }).text
  if (choice === 5) return resolution({ finding_id: target, kind: 'confidence_diverged', value: SCORES[value]! }, at)
  return event({ kind: 'finding.noted', target, payload: { annotation_id: `ann_${value}`, text: 'note' }, at }).text
}

const STATES = ['accepted', 'contested', 'needs_revision', 'rejected']

function resolution(choice: { finding_id: string; kind: string; value: number }, at: number): Uint8Array {
  const said = { conflict_event_id: 'vcx_x', resolved_by: 'reviewer:ada', resolution_note: 'settled', choice }
  const draft = {
    kind: 'frontier.conflict_resolved',
    target: { type: 'frontier_observation', id: FRONTIER },
    actor: { id: 'reviewer:ada', type: 'human' },
    reason: 'settled',
    timestamp: new Date(Date.UTC(2026, 0, 2) + at * 1000).toISOString(),
    payload: { ...said, signer: ADA.publicKey },
  }
  return signed(draft, ADA).text
}

/** Returns signed nodes with their parents' places. */
function nodesOf(list: readonly Plan[]): { made: Made; parents: readonly number[] }[] {
  const nodes: { made: Made; parents: readonly number[]; event: Uint8Array }[] = []
  for (const [at, plan] of list.entries()) {
    const reach = plan.near ? Math.min(at, 4) : at
    const parents = at === 0 ? [] : [...new Set(plan.picks.map(pick => at - 1 - (pick % reach)))]
    const text = plan.twin === undefined || at === 0 ? eventOf(plan, at) : nodes[plan.twin % at]!.event
    // Two nodes may be equal: the same event, key and parents.
    const below = [...new Map(parents.map(place => [toHex(nodes[place]!.made.digest), nodes[place]!.made])).values()]
    nodes.push({ made: makeNode(KEYS[plan.key]!, '', below, { event: text }), parents, event: text })
  }
  return nodes
}

/** Returns places with parents first, otherwise in the order of `keys`. */
function arrival(nodes: readonly { parents: readonly number[] }[], keys: readonly number[]): number[] {
  const left = new Set(nodes.keys())
  const order: number[] = []
  while (left.size > 0) {
    const ready = [...left].filter(place => nodes[place]!.parents.every(parent => !left.has(parent)))
    const next = ready.sort((a, b) => keys[a]! - keys[b]! || a - b)[0]!
    left.delete(next)
    order.push(next)
  }
  return order
}

const orders = fc.array(fc.nat(1000), { minLength: 30, maxLength: 30 })
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 30, maxLength: 30 })

test('any order of arrival in any batches gives the same view and conflicts, byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(plans, orders, orders, sizes, async (list, one, two, portions) => {
      const nodes = nodesOf(list)
      await using first = await kept()
      await first.admit(arrival(nodes, one).map(place => nodes[place]!.made))
      const expected = await first.view.read(printView)
      assert.is(expected, await afresh(first))
      await using second = await kept()
      const places = arrival(nodes, two)
      for (let at = 0, round = 0; at < places.length; at += portions[round++]!) {
        await second.admit(places.slice(at, at + portions[round]!).map(place => nodes[place]!.made))
        assert.is(await second.view.read(printView), await afresh(second))
      }
      assert.is(await second.view.read(printView), expected)
    }),
    { numRuns: 60 },
  )
})

test('a store on disk gives the same view', async () => {
  await using dir = await scratch()
  await using store = await createLevelDb(dir.join('store'))
  await using onDisk = await kept({ store })
  await using inMemory = await kept()
  const list = Array.from({ length: 600 }, (_, at): Plan => {
    const picks = at % 7 === 0 ? [at * 31] : at % 11 === 0 ? [0, 1, 2] : [0]
    return { picks, near: at % 50 !== 0, key: at % 2, twin: undefined, choice: at % 7, target: at % 2, value: at % 6 }
  })
  const nodes = nodesOf(list).map(({ made }) => made)
  await inMemory.admit(nodes)
  for (let at = 0; at < nodes.length; at += 100) {
    await onDisk.admit(nodes.slice(at, at + 100))
    await onDisk.view.update()
  }
  assert.is(await onDisk.view.read(printView), await inMemory.view.read(printView))
})

const revise = (at: number, score: number, target = 'vf_a') =>
  event({ kind: 'finding.confidence_revised', target, payload: { new_score: score }, at }).text

test('a merge reports the conflicts that it opened, and journals them once', async () => {
  await using replica = await kept()
  const { view, journal } = replica
  const root = makeNode(KEYS[0]!, 'root')
  const [low, high] = [revise(1, 0.2), revise(2, 0.8)].map((text, i) =>
    makeNode(KEYS[i]!, '', [root], { event: text }),
  ) as [Made, Made]
  await replica.admit([root, low])
  assert.equal(await view.openedSince(), [])
  const before = replica.log.nodes
  await replica.admit([high])
  const opened = await view.openedSince(before, { peer: 'hub:peer-1' })
  assert.is(opened.length, 1)
  const [listed] = await view.conflicts()
  const { values, finding_id: findingId, ...named } = listed!
  assert.equal(opened, [
    { id: named.id, findingId, kind: named.kind, field: named.field, events: named.events, state: 'open' },
  ])
  assert.equal(values.map(vela.printJson).sort(), ['0.2', '0.8'])
  assert.is(listed!.id, vela.conflictId(listed!))
  assert.match(listed!.id, /^vcx_[0-9a-f]{16}$/)
  // A second call, for the same nodes or for later ones.
  assert.equal(await view.openedSince(before), opened)
  assert.equal(await view.openedSince(), [])
  const entries = await journal.list(FRONTIER, { limit: 10 })
  assert.is(entries.length, 1)
  const { kind, facts } = entries[0]!
  assert.equal([kind, facts.peer, facts.count], ['conflicts.opened', 'hub:peer-1', 1])
  // An event that has seen both settles it.
  await replica.admit([makeNode(KEYS[0]!, '', [low, high], { event: revise(3, 0.4) })])
  assert.equal(await view.openedSince(), [])
  assert.equal(await view.conflicts(), [])
  assert.equal(await view.openedSince(before), [], 'a conflict that is settled is not said to have been opened')
})

test('conflicts opened in a long log are found by each call and recorded once', async () => {
  await using replica = await kept()
  const chain = [makeNode(KEYS[0]!, 'root')]
  for (let at = 1; at < 400; at++) chain.push(makeNode(KEYS[0]!, `node ${at}`, [chain[at - 1]!]))
  const [last] = chain.slice(-1)
  const ours = makeNode(KEYS[0]!, '', [last!], { event: revise(1, 0.2) })
  const theirs = makeNode(KEYS[1]!, '', [last!], { event: revise(2, 0.9) })
  await replica.admit([...chain, ours])
  const before = replica.log.nodes
  await replica.admit([theirs])
  const view = fresh(replica)
  const [conflict, ...others] = await view.openedSince(before, { peer: 'hub:peer-1' })
  assert.equal([conflict!.kind, others], ['confidence_diverged', []])
  assert.is((await view.openedSince(before, { peer: 'hub:peer-2' })).length, 1)
  const entries = await replica.journal.list(FRONTIER, { limit: 10 })
  assert.equal(
    entries.map(({ kind, facts }) => [kind, facts.peer, facts.count]),
    [['conflicts.opened', 'hub:peer-1', 1]],
  )
  // A second node of an old event opens nothing new, and an event that has seen all others settles
  // it.
  const old = makeNode(KEYS[0]!, '', [chain[3]!], { event: revise(3, 0.7) })
  await replica.admit([old])
  const marked = replica.log.nodes
  await replica.admit([makeNode(KEYS[1]!, '', [ours, theirs, old], { event: revise(4, 0.5) })])
  assert.equal(await fresh(replica).openedSince(marked), [])
})

test('values of an unknown finding are no conflict', async () => {
  await using replica = await kept()
  const chain = [makeNode(KEYS[0]!, 'root')]
  const apart = [0.2, 0.9].map((score, i) =>
    makeNode(KEYS[i]!, '', chain, { event: revise(i + 1, score, 'vf_unknown') }),
  )
  await replica.admit([...chain, apart[0]!])
  const before = replica.log.nodes
  await replica.admit([apart[1]!])
  assert.equal(await fresh(replica).openedSince(before), [])
  assert.equal(await replica.journal.list(FRONTIER, { limit: 10 }), [])
})

test('a projection is current if the log is short or it is loaded; a waiting peer does not wait for a long log', async () => {
  let ready = Promise.resolve(SEEDS)
  await using replica = await kept({ initialState: () => ready })
  await replica.admit([makeNode(KEYS[0]!, 'root')])
  const { view, log } = replica
  const currentAt = (nodes: number): boolean[] => {
    const stored = log.nodes
    Object.defineProperty(log, 'nodes', { configurable: true, writable: true, value: nodes })
    const answers = [false, true].map(isAwaited => view.isCurrent({ isAwaited }))
    Object.defineProperty(log, 'nodes', { configurable: true, writable: true, value: stored })
    return answers
  }
  const { loadNodesMax, awaitedNodesMax } = VIEW_LIMITS
  assert.equal(
    [currentAt(loadNodesMax), currentAt(loadNodesMax + 1)],
    [
      [true, true],
      [false, false],
    ],
  )
  await view.update()
  assert.equal(
    [currentAt(awaitedNodesMax), currentAt(awaitedNodesMax + 1)],
    [
      [true, true],
      [true, false],
    ],
  )
  let release = (_: InitialState): void => {}
  ready = new Promise(resolve => {
    release = resolve
  })
  const running = view.update()
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(currentAt(awaitedNodesMax), [true, false])
  release(SEEDS)
  await running
})

test('a view that is loaded late distinguishes earlier conflicts from opened ones', async () => {
  await using replica = await kept()
  const root = makeNode(KEYS[0]!, 'root')
  const at = (second: number, score: number) =>
    makeNode(KEYS[second % 2]!, '', [root], { event: revise(second, score) })
  await replica.admit([root, at(1, 0.1), at(2, 0.9)])
  const before = replica.log.nodes
  await replica.admit([at(3, 0.5)])
  assert.is((await replica.view.openedSince(before)).length, 2)
  assert.is((await replica.view.conflicts()).length, 3)
})

test('events about the frontier count while their hub is registered, also by a former key', async () => {
  await using replica = await kept()
  const { view, registry, gate, log } = replica
  const root = makeNode(KEYS[0]!, 'root')
  const parts = [0.1, 0.9].map((score, i) => makeNode(KEYS[0]!, '', [root], { event: revise(i + 1, score) }))
  const choice = { finding_id: 'vf_a', kind: 'confidence_diverged', value: 0.3 }
  await replica.admit([root, ...parts, makeNode(KEYS[1]!, '', parts, { event: resolution(choice, 9) })])
  const score = () => view.read(read => vela.viewRows(read).findings[0]!.confidence_score)
  assert.equal([await score(), (await view.conflicts()).length], ['0.300000', 0])
  const cut = { heads: log.heads(), at: NOW }
  await gate.exclusive(() => registry.rotate('hub:peer-1', seededKey(9).publicKey, cut))
  assert.equal([await score(), (await view.conflicts()).length], ['0.300000', 0])
  await gate.exclusive(() => registry.remove('hub:peer-1', cut))
  assert.is((await view.conflicts()).length, 1)
  assert.is.not(await score(), '0.300000')
  await registry.add({ id: 'hub:peer-1', url: 'wss://peer.example', publicKey: KEYS[1]!.publicKey, addedAt: NOW })
  assert.equal([await score(), (await view.conflicts()).length], ['0.300000', 0])
})

test('an event counts through any node of a registered hub', async () => {
  await using replica = await kept()
  const root = makeNode(KEYS[0]!, 'root')
  const choice = { finding_id: 'vf_a', kind: 'confidence_diverged', value: 0.3 }
  const text = resolution(choice, 9)
  await replica.admit([root, ...KEYS.map(key => makeNode(key, '', [root], { event: text }))])
  const score = () => replica.view.read(read => vela.viewRows(read).findings[0]!.confidence_score)
  await replica.remove('hub:peer-0')
  assert.is(await score(), '0.300000')
  await replica.remove('hub:peer-1')
  assert.is(await score(), '0.700000')
})

test('with another base document the replay starts again', async () => {
  let initialState: InitialState = { ...SEEDS, genesis: [] }
  await using replica = await kept({ initialState: async () => initialState })
  await replica.admit([makeNode(KEYS[0]!, '', [], { event: revise(1, 0.2) })])
  assert.equal(await replica.view.read(view => vela.viewProblems(view).map(({ code }) => code)), ['ERR_EVENT_TARGET'])
  initialState = SEEDS
  assert.equal(await replica.view.read(view => vela.viewProblems(view)), [])
  assert.is(await replica.view.read(printView), await afresh(replica))
})

test('with other actors the replay starts again, and an unregistered key settles nothing', async () => {
  let initialState = SEEDS
  await using replica = await kept({ initialState: async () => initialState })
  const choice = { finding_id: 'vf_a', kind: 'confidence_diverged', value: 0.3 }
  await replica.admit([makeNode(KEYS[0]!, '', [], { event: resolution(choice, 9) })])
  const answer = () =>
    replica.view.read(view => [
      vela.viewRows(view).findings[0]!.confidence_score,
      ...vela.viewProblems(view).map(({ code }) => code),
    ])
  assert.equal(await answer(), ['0.300000'])
  const registered = (key: string) =>
    vela.readActors(JSON.stringify([{ id: 'reviewer:ada', public_key: key, created_at: NOW }]))
  initialState = { ...SEEDS, actors: registered(signer(2).publicKey) }
  assert.equal(await answer(), ['0.700000', 'ERR_REVIEWER'])
  initialState = { ...SEEDS, actors: undefined }
  assert.equal(await answer(), ['0.700000', 'ERR_ACTOR'])
  initialState = { ...SEEDS, actors: registered(ADA.publicKey) }
  assert.equal(await answer(), ['0.300000'])
})

test('a late proposal is applied by the events that lacked it, and by no others', async () => {
  const late = finding('vf_late')
  const proposal = { id: 'vpr_0000000000000001', payload: vela.toJson({ finding: late }) }
  const thin = makeEvent({
    kind: 'finding.asserted',
    target: { type: 'finding', id: 'vf_late' },
    actor: { id: 'reviewer:ada', type: 'human' },
    reason: 'thin',
    timestamp: NOW,
    after_hash: vela.findingHash(late),
    payload: { proposal_id: proposal.id },
  }).text
  const chain: Made[] = []
  for (let at = 0; at < 300; at++) {
    const note = { annotation_id: `ann_${at}`, text: 'note' }
    const target = at < 200 ? 'vf_a' : 'vf_late'
    const text = at === 200 ? thin : event({ kind: 'finding.noted', target, payload: note, at }).text
    chain.push(makeNode(KEYS[0]!, '', chain.slice(-1), { event: text }))
  }
  let initialState = SEEDS
  await using replica = await kept({ initialState: async () => initialState })
  await replica.admit(chain)
  const before = await replica.view.update()
  assert.is(vela.viewProblems(before).length, 100)
  initialState = { ...SEEDS, proposals: [proposal] }
  const after = await replica.view.update()
  assert.ok(after === before, 'the replay started over')
  assert.equal(vela.viewProblems(after), [])
  await using afresh = await kept({ initialState: async () => initialState })
  await afresh.admit(chain)
  assert.is(await replica.view.read(printView), await afresh.view.read(printView))
  // Other content under the same id replaces the proposal.
  initialState = { ...SEEDS, proposals: [{ ...proposal, payload: vela.toJson({}) }] }
  assert.ok((await replica.view.update()) !== after)
  assert.is(await replica.view.read(view => vela.viewProblems(view).length), 100)
})

test('a view that could not be read is made again', async () => {
  let fails = true
  const initialState = async () => {
    if (fails) throw new TypeError('not now')
    return SEEDS
  }
  await using replica = await kept({ initialState })
  await replica.admit([makeNode(KEYS[0]!, '', [], { event: revise(1, 0.2) })])
  await failsNow(replica.view.update())
  fails = false
  assert.is(await replica.view.read(printView), await afresh(replica))
})

async function failsNow(task: Promise<unknown>): Promise<void> {
  assert.is(
    await task.then(
      () => 'done',
      (error: Error) => error.message,
    ),
    'not now',
  )
}

test.run()
