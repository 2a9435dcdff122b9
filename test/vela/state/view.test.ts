// The view: inputs are not changed, a malformed event changes nothing, lists are limited, numbers
// keep their spelling, and reading a view reads only the requested part.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../../src/base/bytes.ts'
import { hasCode } from '../../../src/base/errors.ts'
import { REPLAY_LIMITS } from '../../../src/base/limits.ts'
import * as vela from '../../../src/vela/index.ts'
import { event, finding, type Members, printView } from './logs.ts'

const test = suite('vela/state/view')

const reviewed = event({ kind: 'finding.reviewed', target: 'vf_a', payload: { status: 'rejected' } })
const revised = event({ kind: 'finding.confidence_revised', target: 'vf_a', payload: { new_score: 1 } })

test('the findings that a view starts from are not changed by it', () => {
  const genesis = [finding('vf_a')]
  const before = vela.printJson(genesis)
  const view = vela.emptyView({ genesis })
  for (const { text } of [reviewed, revised]) vela.applyEvent(view, { text })
  const [row] = vela.viewRows(view).findings
  assert.equal([row!.review_state, row!.contested, row!.confidence_score], ['rejected', true, '1.000000'])
  assert.is(vela.printJson(genesis), before)
  assert.throws(
    () => vela.emptyView({ genesis: [new Map([['id', 'vf_a']])] }),
    (error: unknown) => hasCode(error, 'ERR_FRONTIER'),
  )
})

test('what is no event is refused, and the view is as it was', () => {
  const view = vela.emptyView({ genesis: [finding('vf_a')] })
  vela.applyEvent(view, reviewed)
  const before = printView(view)
  for (const text of ['', '{}', '[1', '{"kind":"finding.reviewed"}']) {
    assert.throws(
      () => vela.applyEvent(view, { text: utf8(text) }),
      (error: unknown) => hasCode(error, 'ERR_JSON', 'ERR_EVENT_SHAPE'),
    )
    assert.is(printView(view), before)
  }
})

test('numbers keep their spelling, and scores are floats', () => {
  const plain = vela.parseJson('{"big":18446744073709551615,"one":1,"float":1.0,"__proto__":2}') as Members
  const view = vela.emptyView({ genesis: [new Map([...finding('vf_a'), ['extra', plain]])] })
  vela.applyEvent(view, revised)
  const body = vela.viewObject(view, 'findings', 'vf_a')!
  assert.is(vela.printJson(body.get('extra')!), '{"__proto__":2,"big":18446744073709551615,"float":1.0,"one":1}')
  assert.match(vela.printJson(body.get('confidence')!), '"basis":"expert revision from 0.000 to 1.000: because"')
  assert.match(vela.printJson(body.get('confidence')!), '"score":1.0')
})

test('an event says which findings it was about', () => {
  const view = vela.emptyView({ genesis: [finding('vf_a')] })
  assert.equal(vela.applyEvent(view, reviewed).findings, ['vf_a'])
  assert.equal(vela.applyEvent(view, event({ kind: 'attestation.recorded', target: 'vf_a' })).findings, [])
})

test('a list takes as many items as it may, and the next event is reported', () => {
  const full = Array.from({ length: REPLAY_LIMITS.listItemsMax - 1 }, (_, at) => new Map([['id', `ann_${at}`]]))
  const view = vela.emptyView({ genesis: [new Map([...finding('vf_a'), ['annotations', full]])] })
  const note = (annotation_id: string) =>
    event({ kind: 'finding.noted', target: 'vf_a', payload: { annotation_id, text: 'note' } })
  assert.equal(vela.applyEvent(view, note('ann_last')).problems, [])
  const over = note('ann_over')
  const [problem] = vela.applyEvent(view, over).problems
  assert.equal([problem!.event, problem!.kind, problem!.code], [over.id, 'finding.noted', 'ERR_REPLAY_LIMIT'])
  assert.is(vela.viewRows(view).findings[0]!.annotation_ids.length, REPLAY_LIMITS.listItemsMax)
  assert.equal(vela.applyEvent(view, note('ann_last')).problems, [])
})

test('what a list has is forgotten with the events that a view is taken back by', () => {
  const listed = new Map([...finding('vf_a'), ['annotations', [new Map([['id', 'ann_0']]), new Map()]]])
  const view = vela.emptyView({ genesis: [listed] })
  const note = (at: number) =>
    event({ kind: 'finding.noted', target: 'vf_a', payload: { annotation_id: `ann_${at}`, text: 'n' }, at })
  const notes = Array.from({ length: 200 }, (_, at) => note(at % 150))
  const ids = () => vela.viewRows(view).findings[0]!.annotation_ids
  for (const one of notes) vela.applyEvent(view, one)
  assert.is(ids().length, 151)
  const left = vela.rewindView(view, 100)
  assert.ok(left <= 100)
  assert.is(ids().length, Math.max(left, 1) + 1)
  for (const one of notes.slice(left).reverse()) vela.applyEvent(view, one)
  assert.is(ids().length, 151)
  assert.is(new Set(ids()).size, 151)
})

test('an entity is resolved in the place that it has, of two of one name in the first', () => {
  const view = vela.emptyView({ genesis: [finding('vf_a')] })
  const add = (entity_name: string) =>
    event({ kind: 'finding.entity_added', target: 'vf_a', payload: { entity_name, entity_type: 'gene' } })
  for (const one of [add('APP'), add('TAU'), add('APP')]) vela.applyEvent(view, one)
  const payload = { entity_name: 'TAU', source: 'ncbi', id: '4137', confidence: 1 }
  const resolved = event({ kind: 'finding.entity_resolved', target: 'vf_a', payload })
  assert.equal(vela.applyEvent(view, resolved).problems, [])
  const assertion = vela.viewObject(view, 'findings', 'vf_a')!.get('assertion') as Members
  assert.equal(
    (assertion.get('entities') as Members[]).map(entity => [entity.get('name'), entity.has('canonical_id')]),
    [
      ['APP', false],
      ['TAU', true],
    ],
  )
})

test('problems go away when the view is taken back', () => {
  const view = vela.emptyView()
  vela.applyEvent(view, reviewed)
  assert.equal(
    vela.viewProblems(view).map(({ event: id, code }) => [id, code]),
    [[reviewed.id, 'ERR_EVENT_TARGET']],
  )
  assert.is(vela.rewindView(view, 0), 0)
  assert.equal(vela.viewProblems(view), [])
})

test('names of conflicts among findings can be asked for one by one', () => {
  const ancestry = new vela.Ancestry()
  const view = vela.emptyView({
    genesis: ['vf_a', 'vf_b'].map(id => finding(id)),
    precedes: (a, b) => ancestry.precedes(a, b),
  })
  for (const target of ['vf_b', 'vf_a'])
    for (const status of ['accepted', 'rejected']) {
      const { text } = event({ kind: 'finding.reviewed', target, payload: { status } })
      vela.applyEvent(view, { text, nodes: [ancestry.add([])] })
    }
  const ids = (findings?: string[]) => [...vela.viewConflicts(view, findings)].map(({ finding_id }) => finding_id)
  assert.equal(ids(), ['vf_a', 'vf_b'])
  assert.equal(ids(['vf_b', 'vf_b', 'vf_c']), ['vf_b'])
  const values = [...vela.viewConflicts(view)].flatMap(conflict => conflict.values)
  assert.equal(values.sort(), ['accepted', 'accepted', 'rejected', 'rejected'])
})

test.run()
