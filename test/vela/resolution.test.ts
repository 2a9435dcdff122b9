// Proposals and resolutions, against published data if it is present and by properties: any order
// and number of copies of the same events give the same result, and nothing is settled twice.

import * as fs from 'node:fs'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import * as vela from '../../src/vela/index.ts'
import { shared, skip } from '../shared-data.ts'
import { signer, verify } from './signers.ts'

const test = suite('vela/resolution')

function withFile(name: string, file: string, run: (file: string) => void): void {
  const found = shared(file)
  if (found === undefined) skip(name, `${file} is not at hand`)
  else test(name, () => run(found))
}

const parse = (file: string) => vela.parseJson(fs.readFileSync(file), { numbers: 'exact' })
const idPattern = /^vpr_[0-9a-f]{16}$/

withFile('published proposal ids come out again, whenever made', 'vela/conformance/proposal-idempotency.json', file => {
  const { cases } = JSON.parse(fs.readFileSync(file, 'utf8'))
  const ids = cases.map(({ input }: { input: vela.ProposalDraft }) => {
    const made = ['2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'].map(created_at =>
      vela.makeProposal({ ...input, created_at }),
    )
    assert.is(made[0]!.id, made[1]!.id)
    return made[0]!.id
  })
  assert.equal(ids, ['vpr_f8544bbfa5d1a696', 'vpr_95a466c23f5a309a', 'vpr_7ce22ad57a0bc6b5'])
})

withFile('a proposal signed elsewhere verifies', 'vela/conformance/ts_signed_proposal.json', file => {
  const fixture = parse(file) as Map<string, vela.Json>
  const proposal = vela.readProposal(vela.printJson(fixture.get('proposal')!))
  assert.is(proposal.id, 'vpr_c8722a01cf65fc13')
  const key = fixture.get('pubkey_hex') as string
  const signature = fixture.get('signature_hex') as string
  assert.is(signer(1).publicKey, key)
  assert.ok(vela.verifyProposal(proposal, { key, signature }, verify))
  assert.not(vela.verifyProposal({ ...proposal, created_at: '2026-06-15T00:00:00Z' }, { key, signature }, verify))
  assert.not(vela.verifyProposal(proposal, { key, signature: signature.toUpperCase() }, verify))
})

withFile('all real proposals read, and print as they were', 'vela/bbb-flagship.proposals.json', file => {
  const proposals = parse(file) as vela.Json[]
  assert.is(proposals.length, 191)
  for (const proposal of proposals) {
    const text = vela.printJson(proposal)
    const read = vela.readProposal(text)
    assert.match(read.id, idPattern)
    const printed = vela.parseJson(vela.printProposal(read), { numbers: 'exact' }) as Map<string, vela.Json>
    for (const [name, value] of proposal as Map<string, vela.Json>)
      if (value !== null) assert.is(vela.printJson(printed.get(name)!), vela.printJson(value), name)
  }
})

for (const name of ['prover-lane', 'quantum-codes']) {
  withFile(
    `the real events of ${name} are valid under their registered actors`,
    `vela/git-frontiers/${name}`,
    folder => {
      const actors = vela.readActors(fs.readFileSync(`${folder}/actors.json`))
      assert.is(actors.length, 1)
      for (const { text } of vela.readLog(fs.readFileSync(`${folder}/events.json`)).events()) {
        const event = vela.readEvent(text)
        const verdict = vela.judgeEventSignature(event, actors, verify)
        assert.is(verdict, event.head.actor.id === actors[0]!.id ? 'valid' : 'unneeded')
      }
    },
  )
}

withFile('payloads of frontier events are taken and refused as stated', 'vela/synthetic/payloads.json', file => {
  for (const entry of parse(file) as Map<string, vela.Json>[]) {
    const kind = entry.get('kind') as string
    const check = () => vela.checkFrontierPayload(kind, entry.get('payload')!)
    if (entry.get('reference_accepts')) check()
    else assert.throws(check, (error: unknown) => hasCode(error, 'ERR_EVENT_SHAPE'))
  }
})

withFile('the real federation events have payloads of their form', 'vela/bbb-flagship.events.json', file => {
  let seen = 0
  for (const { text } of vela.readLog(fs.readFileSync(file)).events()) {
    const { head, text: stored } = vela.importEvent(text)
    if (!/^frontier\.(?:synced|conflict)/.test(head.kind)) continue
    const event = vela.parseJson(stored, { numbers: 'exact' }) as Map<string, vela.Json>
    vela.checkFrontierPayload(head.kind, event.get('payload')!)
    seen += 1
  }
  assert.is(seen, 81)
})

const frontier = 'vfr_00000000000000a1'
const conflict = vela.makeEvent({
  kind: 'frontier.conflict_detected',
  target: { type: 'frontier_observation', id: frontier },
  actor: { id: 'federation', type: 'system' },
  reason: 'peer=hub:x kind=retracted_diverged ours: true, peer: false',
  timestamp: '2026-05-01T00:00:00+00:00',
  payload: { peer_id: 'hub:x', finding_id: 'vf_1', kind: 'retracted_diverged', detail: 'ours: true, peer: false' },
})
const docket = (events: readonly vela.LoggedEvent[], actors: vela.ActorRecord[] = []): vela.ResolutionContext => ({
  events,
  computed: [],
  authorities: { actors, verify },
})
const read = (events: readonly vela.LoggedEvent[], actors: vela.ActorRecord[] = []) =>
  vela.readResolutions(events, { actors, verify })
const propose = (changes: Partial<vela.ResolutionDraft> = {}, events: vela.LoggedEvent[] = [conflict]) =>
  vela.proposeResolution(
    {
      frontier,
      conflict: conflict.head.id,
      actor: { id: 'reviewer:ada' },
      note: 'theirs',
      created_at: '2026-05-02T00:00:00Z',
      ...changes,
    },
    docket(events),
  )
const accept = (
  proposal: vela.Proposal,
  changes: Partial<vela.Acceptance> = {},
  events: vela.LoggedEvent[] = [conflict],
) =>
  vela.acceptResolution(
    proposal,
    { frontier, reviewer: 'reviewer:ada', signer: signer(1), at: '2026-05-03T00:00:00+00:00', ...changes },
    docket(events),
  )

test('a resolving event has the reference’s members and its reviewer’s signature', () => {
  const { event, proposal, applied } = accept(propose({ winner: 'vpr_0000000000000001' }))
  assert.is(applied, 'now')
  const made = vela.parseJson(event.text, { numbers: 'exact' }) as Map<string, vela.Json>
  assert.equal(vela.fromJson(made.get('payload')!), {
    proposal_id: proposal.id,
    conflict_event_id: conflict.head.id,
    resolved_by: 'reviewer:ada',
    resolution_note: 'theirs',
    signer: signer(1).publicKey,
    winning_proposal_id: 'vpr_0000000000000001',
  })
  assert.is(event.head.reason, 'Conflict resolution: theirs')
  assert.equal(event.head.actor, { id: 'reviewer:ada', type: 'human' })
  const actors = vela.readActors(
    JSON.stringify([{ id: 'reviewer:ada', public_key: signer(1).publicKey, created_at: '2026-01-01T00:00:00Z' }]),
  )
  assert.is(vela.judgeEventSignature(event, actors, verify), 'valid')
  assert.equal(
    [proposal.status, proposal.reviewed_by, proposal.applied_event_id],
    ['applied', 'reviewer:ada', event.head.id],
  )
  assert.equal(vela.readProposal(vela.printProposal(proposal)), proposal)
})

test('accepting the same again, also after it is applied, gives the same event and proposal', () => {
  const first = accept(propose())
  const again = accept(first.proposal, { reviewer: 'reviewer:eve', signer: signer(2) }, [conflict, first.event])
  assert.is(again.applied, 'before')
  assert.equal(again.event.text, first.event.text)
  assert.equal(again.proposal, first.proposal)
})

test('an event that only claims a proposal’s id does not stand for it', () => {
  const proposal = propose()
  const forged = vela.makeEvent({
    kind: 'frontier.conflict_resolved',
    target: { type: 'frontier_observation', id: frontier },
    actor: { id: 'reviewer:eve' },
    reason: 'r',
    timestamp: '2026-05-02T00:00:00Z',
    payload: {
      proposal_id: proposal.id,
      conflict_event_id: conflict.head.id,
      resolved_by: 'reviewer:eve',
      resolution_note: 'ours',
    },
  })
  assert.throws(
    () => accept(proposal, {}, [conflict, forged]),
    (error: unknown) => hasCode(error, 'ERR_CONFLICT_SETTLED'),
  )
})

test('what an agent put in the log settles nothing', () => {
  const byAgent = vela.makeEvent({
    kind: 'frontier.conflict_resolved',
    target: { type: 'frontier_observation', id: frontier },
    actor: { id: 'agent:a', type: 'human' },
    reason: 'r',
    timestamp: '2026-05-02T00:00:00Z',
    payload: { conflict_event_id: conflict.head.id, resolved_by: 'agent:a', resolution_note: 'ours' },
  })
  assert.is(accept(propose(), {}, [conflict, byAgent]).applied, 'now')
  assert.equal(
    read([byAgent]).ignored.map(({ event }) => event),
    [byAgent.head.id],
  )
})

test('a recorded conflict that is malformed is none', () => {
  const broken = vela.makeEvent({
    kind: 'frontier.conflict_detected',
    target: { type: 'frontier_observation', id: frontier },
    actor: { id: 'federation', type: 'system' },
    reason: 'r',
    timestamp: '2026-05-01T00:00:00Z',
    payload: { peer_id: 'hub:x' },
  })
  assert.throws(
    () => propose({ conflict: broken.head.id }, [broken]),
    (error: unknown) => hasCode(error, 'ERR_CONFLICT_UNKNOWN'),
  )
})

test('any order and any copies of the same events give the same view', () => {
  const choices = ['ours', 'theirs', 'neither'].map(note => propose({ note }))
  const resolved = choices.flatMap(proposal =>
    ['reviewer:ada', 'reviewer:eve'].map(reviewer => accept(proposal, { reviewer }).event),
  )
  const settling = accept(propose({ note: 'in the end' }, [conflict, ...resolved]), {}, [conflict, ...resolved]).event
  const all = [conflict, ...resolved, settling]
  const wanted = read(all)
  assert.is(wanted.conflicts[0]!.state, 'settled')
  assert.is(read(resolved).conflicts[0]!.state, 'contested')
  const copies = fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2 })
  fc.assert(fc.property(copies, events => assert.equal(read(events), wanted)))
})

test('any JSON as a proposal is read or refused with a code', () => {
  const value = fc.jsonValue()
  fc.assert(
    fc.property(value, value, (target, payload) => {
      const text = JSON.stringify({
        schema: 'vela.proposal.v0.1',
        id: 'vpr_0',
        kind: 'k',
        target,
        payload,
        status: 's',
      })
      assert.throws(
        () => vela.readProposal(utf8(text)),
        (error: unknown) => hasCode(error, 'ERR_PROPOSAL', 'ERR_JSON'),
      )
    }),
  )
})

test('a kind that differs in case only is another kind, and its payload is not taken (G4)', () => {
  const synced = { peer_id: 'p', peer_snapshot_hash: 'a', our_snapshot_hash: 'b', divergence_count: 0 }
  const payload = vela.parseJson(JSON.stringify(synced))
  vela.checkFrontierPayload('frontier.synced_with_peer', payload)
  const check = () => vela.checkFrontierPayload('Frontier.Synced_With_Peer', payload)
  assert.throws(check, (error: unknown) => hasCode(error, 'ERR_EVENT_SHAPE'))
  vela.checkFrontierPayload('Finding.Noted', payload)
})

test.run()
