// Properties of the comparison of frontiers and of its detail texts, over generated frontiers.

import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/base/errors.ts'
import { splitWhiteSpace, trimWhiteSpace } from '../../src/base/text.ts'
import { unrecordedConflicts } from '../../src/vela/federation/comparison.ts'
import * as vela from '../../src/vela/index.ts'

const test = suite('vela/diff')

interface Draft {
  id: string
  text: string
  score: number
  retracted: boolean
  superseded: boolean
  review_state: vela.ReviewState | null
}

const drafts = fc.array(
  fc.record<Draft>({
    id: fc.constantFrom('vf_a', 'vf_b', 'vf_c', 'vf_\uffee', 'vf_\u{1f600}'),
    text: fc.constantFrom('claim', ' claim', 'other'),
    score: fc.constantFrom(0.7, 0.75, 0.8, 0.85, 0.0625),
    retracted: fc.boolean(),
    superseded: fc.boolean(),
    review_state: fc.constantFrom(null, ...vela.REVIEW_STATES),
  }),
  { maxLength: 8 },
)

function frontier(list: readonly Draft[]): vela.FrontierFile {
  const findings = list.map(({ id, text, score, ...flags }) => ({
    id,
    assertion: { text, type: 'mechanism' },
    confidence: { score },
    flags,
    provenance: { title: id },
  }))
  const meta = { name: 'n', description: '', compiled_at: '2026-01-01T00:00:00Z', compiler: 'c' }
  const members = { vela_version: '0.10.0', schema: 's', frontier: meta, stats: {}, findings }
  return vela.readFrontier(vela.printJson(vela.toJson(members)))
}

const mirrored: Partial<Record<vela.ConflictKind, vela.ConflictKind>> = {
  missing_in_peer: 'missing_locally',
  missing_locally: 'missing_in_peer',
}

test('a frontier has no conflict with itself, and both sides see the same findings in the same ways', () => {
  fc.assert(
    fc.property(drafts, drafts, (a, b) => {
      const [ours, theirs] = [frontier(a), frontier(b)]
      assert.equal(vela.diffFrontiers(ours, ours), [])
      const seen = (conflicts: readonly vela.Conflict[]) =>
        conflicts.map(({ finding_id, kind }) => `${finding_id} ${kind}`)
      const there = vela
        .diffFrontiers(theirs, ours)
        .map(conflict => ({ ...conflict, kind: mirrored[conflict.kind] ?? conflict.kind }))
      assert.equal(seen(vela.diffFrontiers(ours, theirs)), seen(there))
    }),
    { numRuns: 200 },
  )
})

test('comparing parts of the findings gives parts of the conflicts', () => {
  fc.assert(
    fc.property(drafts, drafts, (a, b) => {
      const all = vela.diffFrontiers(frontier(a), frontier(b))
      const ids = [...new Set([...a, ...b].map(({ id }) => id))]
      const only = (list: readonly Draft[], wanted: string) => frontier(list.filter(({ id }) => id === wanted))
      const parts = ids.flatMap(id => vela.diffFrontiers(only(a, id), only(b, id)))
      const texts = (conflicts: readonly vela.Conflict[]) => conflicts.map(conflict => JSON.stringify(conflict)).sort()
      assert.equal(texts(parts), texts(all))
    }),
    { numRuns: 100 },
  )
})

test('a pass recorded twice says only once what differs, and every event of it is sound', () => {
  fc.assert(
    fc.property(drafts, drafts, (a, b) => {
      const [ours, theirs] = [frontier(a), frontier(b)]
      const first = vela.syncWithPeer(ours, theirs, { peer: 'hub:x', at: '2026-01-01T00:00:00+00:00' })
      assert.is(first.report.events_appended, first.report.conflicts.length + 1)
      for (const { text, head } of first.events) {
        assert.equal(vela.checkEvent(text), head)
        const { payload } = JSON.parse(Buffer.from(text).toString())
        vela.checkFrontierPayload(head.kind, vela.toJson(payload))
      }
      const pass = { peer: 'hub:x', at: '2026-01-02T00:00:00+00:00', recorded: first.events }
      const second = vela.syncWithPeer(ours, theirs, pass)
      assert.is(second.events.length, 1)
      assert.equal(second.report.conflicts, first.report.conflicts)
    }),
    { numRuns: 50 },
  )
})

test('events that record something else, or nothing that can be read, hide no conflict', () => {
  const conflict = { finding_id: 'vf_a', kind: 'missing_in_peer', detail: 'd' } as const
  const event = (payload: unknown) => {
    const target = { type: 'frontier_observation', id: 'vfr_00000000000000a1' }
    const actor = { id: 'federation', type: 'system' }
    const timestamp = '2026-01-01T00:00:00Z'
    return vela.makeEvent({ kind: 'frontier.conflict_detected', target, actor, reason: 'r', timestamp, payload })
  }
  const known = { peer_id: 'hub:x', ...conflict }
  const left = (payload: unknown) =>
    unrecordedConflicts([conflict], { peer: 'hub:x', recorded: [event(payload)] }).length
  assert.is(left(known), 0)
  for (const payload of [null, [], { ...known, peer_id: 'hub:y' }, { ...known, kind: ' ' }, { ...known, detail: 7 }])
    assert.is(left(payload), 1)
  assert.is(left({ ...known, detail: undefined }), 1)
})

test('three decimals are those of toFixed but for ties, which go to even', () => {
  fc.assert(
    fc.property(
      fc.double({ noNaN: true, min: -1e20, max: 1e20 }),
      fc.integer({ min: 0, max: 6 }),
      (value, decimals) => {
        const scaled = Math.abs(value) * 10 ** decimals * 2
        const maybeTie = Number.isInteger(scaled) || Object.is(value, -0)
        if (!maybeTie) assert.is(vela.printFixed(value, decimals), value.toFixed(decimals))
      },
    ),
    { numRuns: 500 },
  )
  const ties = {
    0.0625: '0.062',
    0.1875: '0.188',
    0.5: '0.500',
    0.3125: '0.312',
    2.0005: '2.001',
    1e21: `1${'0'.repeat(21)}.000`,
  }
  for (const [value, text] of Object.entries(ties)) assert.is(vela.printFixed(Number(value), 3), text)
  assert.is(vela.printFixed(-0, 3), '-0.000')
  assert.is(vela.printFixed(2.5, 0), '2')
  assert.is(vela.printFixed(3.5, 0), '4')
  assert.is(vela.printFixed(5e-324, 3), '0.000')
  assert.is(vela.printFixed(Number.MAX_VALUE, 3), `${BigInt(Number.MAX_VALUE)}.000`)
  assert.throws(() => vela.printFixed(Number.POSITIVE_INFINITY, 3), /decimals/)
})

test('white space is that of Unicode, and megabytes of it cost no more than their length', () => {
  assert.is(trimWhiteSpace('\u0085\u2028 a\u00a0b \u3000\t'), 'a\u00a0b')
  assert.is(trimWhiteSpace('\ufeffa\u200b'), '\ufeffa\u200b')
  assert.is(trimWhiteSpace(' \n'), '')
  const blanks = ' '.repeat(1 << 21)
  assert.is(trimWhiteSpace(`x${blanks}x${blanks}`).length, blanks.length + 2)
  assert.equal(splitWhiteSpace(`x${blanks}y${blanks}`), ['x', 'y'])
})

test('a finding can be as deep as JSON may be, and no deeper', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const text = (depth: number) =>
    `{"id":"vf_a","assertion":{"text":"c"},"confidence":{"score":1},"flags":{},"zzz":${nested(depth)}}`
  assert.is(vela.readFinding(vela.parseJson(text(126))).id, 'vf_a')
  assert.match(vela.findingHash(vela.readFinding(vela.parseJson(text(126))).body), /^sha256:[0-9a-f]{64}$/)
  assert.throws(
    () => vela.parseJson(text(127)),
    (error: unknown) => hasCode(error, 'ERR_JSON'),
  )
})

test.run()
