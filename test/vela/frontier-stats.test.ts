// The `stats` member: the counts of published files are reproduced, and a synthetic file shows each
// member.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { frontierStats } from '../../src/vela/files/frontier-statistics.ts'
import * as vela from '../../src/vela/index.ts'
import { shared, skip } from '../shared-data.ts'

const test = suite('vela/frontier-stats')

function counted(file: vela.FrontierFile): Map<string, vela.Json> {
  const events = file.events.map(({ head }) => ({ kind: head.kind, target: head.target.id, actor: head.actor.id }))
  return frontierStats(file.members, events)
}

const root = shared('vela')
const files = [
  'frontiers/bbb-extension.json',
  'frontiers/will-alzheimer-landscape.json',
  'real-sync/ours.bbb-alzheimer.json',
  'real-sync/peer.bbb-alzheimer.json',
  'git-frontiers/erdos-formalization/frontier.json',
  'git-frontiers/prover-lane/frontier.json',
  'git-frontiers/quantum-codes/frontier.json',
]
for (const name of files) {
  if (root === undefined) skip(`the counts of ${name}`, '../shared is absent')
  else {
    test(`every count of ${name} comes out as it says`, () => {
      const file = vela.readFrontier(fs.readFileSync(path.join(root, name)))
      const computed = counted(file)
      for (const [member, value] of file.members.get('stats') as Map<string, vela.Json>)
        assert.is(vela.printJson(computed.get(member) ?? null), vela.printJson(value), member)
    })
  }
}

test('findings are counted by flags, scores, types, replications and who has looked at them', () => {
  const finding = (id: string, more: object): vela.Json =>
    vela.toJson({ id, assertion: { text: id, type: 'mechanism' }, confidence: { score: 0.8 }, flags: {}, ...more })
  const members = new Map<string, vela.Json>([
    [
      'findings',
      [
        finding('vf_1', { flags: { gap: true, contested: true }, links: [{ type: 'extends' }, { type: 'extends' }] }),
        finding('vf_2', { evidence: { replicated: true }, provenance: { review: { reviewed: true } } }),
        finding('vf_3', { evidence: { replicated: true }, confidence: { score: 0.9 } }),
        finding('vf_4', { assertion: { text: 'x', type: 'theory' }, confidence: { score: 0.2 } }),
      ],
    ],
    ['replications', vela.toJson([{ target_finding: 'vf_3', outcome: 'failed' }]) as vela.Json[]],
    ['sources', [null, null]],
  ])
  const events = [
    { kind: 'finding.asserted', target: 'vf_1', actor: 'reviewer:ada' },
    { kind: 'finding.noted', target: 'vf_1', actor: 'agent:reader' },
    { kind: 'finding.confidence_revised', target: 'vf_4', actor: 'lab-bot' },
    { kind: 'finding.reviewed', target: 'vf_4', actor: 'reviewer:ada' },
    { kind: 'finding.reviewed', target: 'vf_9', actor: 'reviewer:ada' },
  ]
  assert.equal(JSON.parse(vela.printJson(frontierStats(members, events))), {
    findings: 4,
    links: 2,
    replicated: 1,
    unreplicated: 3,
    avg_confidence: 0.675,
    gaps: 1,
    negative_space: 0,
    contested: 1,
    categories: { mechanism: 3, theory: 1 },
    link_types: { extends: 2 },
    human_reviewed: 2,
    agent_reviewed: 1,
    review_event_count: 4,
    confidence_update_count: 1,
    event_count: 5,
    source_count: 2,
    evidence_atom_count: 0,
    condition_record_count: 0,
    proposal_count: 0,
    confidence_distribution: { high_gt_80: 1, medium_60_80: 2, low_lt_60: 1 },
  })
})

test.run()
