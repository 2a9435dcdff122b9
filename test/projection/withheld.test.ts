// Views over a log whose texts come and go: a view is a function of the texts that are here, and
// absent texts never add a conflict. Spec: protocol/text.md, X20 to X22.

import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { toHex } from '../../src/base/bytes.ts'
import { FrontierProjection, type InitialState } from '../../src/projection/frontier-projection.ts'
import { Journal } from '../../src/replica/journal.ts'
import type { AbsentState, TextChange } from '../../src/store/store.ts'
import { type Made, makeNode, NOW, type Setting, seededKey, setting } from '../admission/nodes.ts'
import { event, finding, printView } from '../vela/state/logs.ts'

const test = suite('projection/withheld')

const IDS = ['vf_a', 'vf_b'] as const
const KEYS = [2, 3].map(seededKey)
const SEEDS: InitialState = { genesis: IDS.map(id => finding(id)), proposals: [], actors: [] }
const STATES: readonly AbsentState[] = ['wanted', 'left-out', 'erased']

function projectionOf({ log, registry, store, own }: Setting): FrontierProjection {
  const journal = new Journal(store.records, { clock: () => new Date(NOW), key: () => own })
  return new FrontierProjection({ log, registry, journal, hubId: 'hub:own', initialState: async () => SEEDS })
}

async function shown(view: FrontierProjection): Promise<string> {
  const text = await view.read(printView)
  return JSON.stringify([text, await view.listed(), view.withheld])
}

const revise = (at: number, score: number, target = 'vf_a'): Uint8Array =>
  event({ kind: 'finding.confidence_revised', target, payload: { new_score: score }, at }).text

interface Plan {
  readonly picks: readonly number[]
  readonly target: number
  readonly score: number
  readonly twin: boolean
}

const plans: fc.Arbitrary<Plan[]> = fc.array(
  fc.record({
    picks: fc.array(fc.nat(), { maxLength: 3 }),
    target: fc.nat(1),
    score: fc.integer({ min: 1, max: 9 }),
    twin: fc.boolean(),
  }),
  { minLength: 2, maxLength: 20 },
)
const steps = fc.array(
  fc.record({ place: fc.nat(), state: fc.nat(STATES.length - 1), restores: fc.boolean(), looks: fc.boolean() }),
  { maxLength: 20 },
)

function nodesOf(list: readonly Plan[]): Made[] {
  const nodes: Made[] = []
  let before = revise(0, 0.5)
  for (const [at, { picks, target, score, twin }] of list.entries()) {
    const below = at === 0 ? [] : picks.map(pick => nodes[at - 1 - (pick % Math.min(at, 4))]!)
    // Two plans may make one node: the same event by the same key on the same parents.
    const parents = [...new Map(below.map(node => [toHex(node.digest), node])).values()]
    const text = twin ? before : revise(at, score / 10, IDS[target])
    before = text
    const made = makeNode(KEYS[at % 2]!, '', parents, { event: text })
    nodes.push(made)
  }
  return nodes
}

test('a view that saw texts come and go equals a new one, byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(plans, steps, async (list, changes) => {
      await using replica = await setting({ peers: KEYS })
      const { log } = replica
      await replica.admit(nodesOf(list))
      const view = projectionOf(replica)
      const whole = new Set((await view.listed()).map(({ id }) => id))
      const texts = new Map<number, Uint8Array>()
      const erased = new Set<number>()
      for (const { place, state, restores, looks } of changes) {
        const seq = place % log.nodes
        if (erased.has(seq)) continue
        const [row] = await log.read([seq])
        if (row!.text === 'here') texts.set(seq, row!.bytes.slice(row!.headerBytes))
        if (STATES[state] === 'erased') erased.add(seq)
        const change: TextChange =
          row!.text !== 'here' && restores ? { seq, text: texts.get(seq)! } : { seq, state: STATES[state]! }
        if ('text' in change) erased.delete(seq)
        await log.setTexts([change])
        view.startOver()
        if (!looks) continue
        assert.is(await shown(view), await shown(projectionOf(replica)))
        if (erased.size > 0) continue
        for (const { id } of await view.listed()) assert.ok(whole.has(id), 'absence adds a conflict')
      }
      assert.is(await shown(view), await shown(projectionOf(replica)))
    }),
    { numRuns: 60 },
  )
})

test('a conflict whose settlement is withheld is not reported until the text is here', async () => {
  await using replica = await setting({ peers: KEYS })
  const { log } = replica
  const root = makeNode(KEYS[0]!, 'root')
  const sides = [0.1, 0.9].map((score, i) => makeNode(KEYS[i]!, '', [root], { event: revise(i + 1, score) }))
  await replica.admit([root, ...sides])
  const view = projectionOf(replica)
  assert.is((await view.listed()).length, 1)
  const text = revise(3, 0.4)
  const settles = makeNode(KEYS[0]!, '', sides, { event: text })
  await replica.admit([settles])
  assert.is((await view.listed()).length, 0)
  for (const state of ['left-out', 'wanted'] as const) {
    await log.setTexts([{ seq: 3, state }])
    view.startOver()
    assert.equal([(await view.listed()).length, view.withheld], [0, 1])
  }
  await log.setTexts([{ seq: 3, text }])
  view.startOver()
  assert.equal([(await view.listed()).length, view.withheld], [0, 0])
  await log.setTexts([{ seq: 3, state: 'erased' }])
  view.startOver()
  assert.equal([(await view.listed()).length, view.withheld], [1, 0], 'an erased event settles nothing')
})

test('a side that is withheld is not a conflict, and another pair is still reported', async () => {
  await using replica = await setting({ peers: KEYS })
  const root = makeNode(KEYS[0]!, 'root')
  const sides = [0.1, 0.5, 0.9].map((score, i) => makeNode(KEYS[i % 2]!, '', [root], { event: revise(i + 1, score) }))
  await replica.admit([root, ...sides])
  const view = projectionOf(replica)
  assert.is((await view.listed()).length, 3)
  await replica.log.setTexts([{ seq: 1, state: 'left-out' }])
  view.startOver()
  assert.equal([(await view.listed()).length, view.withheld], [1, 1])
})

test('a node that arrives without its text takes back a reported conflict', async () => {
  await using replica = await setting({ peers: KEYS })
  const root = makeNode(KEYS[0]!, 'root')
  const sides = [0.1, 0.9].map((score, i) => makeNode(KEYS[i]!, '', [root], { event: revise(i + 1, score) }))
  await replica.admit([root, sides[0]!])
  const view = projectionOf(replica)
  assert.equal(await view.openedSince(), [])
  await replica.admit([sides[1]!])
  const settles = makeNode(KEYS[0]!, '', sides, { event: revise(3, 0.4) })
  assert.is((await view.listed()).length, 1)
  const header = { ...settles, bytes: settles.bytes.subarray(0, settles.headerBytes) }
  await replica.admit([header])
  assert.equal([(await view.listed()).length, view.withheld], [0, 1])
  assert.equal(await view.openedSince(2), [])
})

test.run()
