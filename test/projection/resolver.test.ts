// Resolutions between real hubs: a decision at one has the same effect at the other; two concurrent
// decisions are a conflict; and unauthorized ones are refused.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SETTLE_LIMITS } from '../../src/base/limits.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { type ErrorCode, hasCode, Key, Replica } from '../../src/index.ts'
import { comparePeer } from '../../src/projection/compare-peer.ts'
import { Conflicts } from '../../src/projection/conflicts-api.ts'
import { importFrontier } from '../../src/projection/files/import-file.ts'
import { exportFrontier } from '../../src/projection/files/snapshot.ts'
import { splitFrontier } from '../../src/projection/files/split.ts'
import { type Choice, ConflictResolver } from '../../src/projection/resolver.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import * as vela from '../../src/vela/index.ts'
import { NOW } from '../replica/drafts.ts'
import { signed, verify } from '../vela/signers.ts'
import { frontierFile } from './fetch-server.ts'
import { ADA, ada, BEN, ben, FINDING, Hubs, reviewed, revised } from './resolution-hubs.ts'

const test = suite('projection/resolver')

async function refused(task: Promise<unknown>, code: ErrorCode): Promise<void> {
  await task.then(
    () => assert.unreachable(`not refused with ${code}`),
    error => assert.ok(hasCode(error, code), `${code} wanted, ${error} came`),
  )
}

test('a conflict settled at one hub is gone at both', async () => {
  await using hubs = await Hubs.open({ apart: true })
  const { left, right, frontier } = hubs
  const [conflict, ...more] = await hubs.conflicts(left)
  assert.equal(more, [])
  assert.equal(await hubs.conflicts(right), [conflict])
  const proposal = await hubs.propose(left, { conflict: conflict!.id, choice: { side: 'ours' } })
  assert.equal(
    (await new ConflictResolver(left.replica, frontier).proposals()).map(({ id, status }) => [id, status]),
    [[proposal.id, 'pending_review']],
  )
  assert.is((await hubs.conflicts(left)).length, 1)
  const done = await new ConflictResolver(left.replica, frontier).accept(proposal.id, ADA)
  assert.equal([done.applied, done.conflict, done.proposal.status], ['now', conflict!.id, 'applied'])
  assert.equal(await hubs.conflicts(left), [])
  await left.replica.push(frontier, 'hub:right')
  assert.equal(await hubs.conflicts(right), [])
  assert.equal([await hubs.score(left), await hubs.score(right)], [0.9, 0.9])
  const { conflicts } = await new ConflictResolver(right.replica, frontier).resolutions()
  assert.equal(
    conflicts.map(({ conflict: id, state }) => [id, state]),
    [[conflict!.id, 'settled']],
  )
  const [node] = await right.replica.get(done.event, frontier)
  const { text, actor } = node!.event!
  assert.equal(actor, { id: 'reviewer:ada', type: 'human' })
  const signature = vela.eventSignature(text)!
  assert.is(signature.form, 'bare')
})

test('ours and theirs name the side of a hub, and a pick names one of the events', async () => {
  await using hubs = await Hubs.open({ apart: true })
  const { left, right } = hubs
  const [conflict] = await hubs.conflicts(left)
  await refused(
    hubs.propose(left, { conflict: conflict!.id, choice: { event: 'vev_0000000000000000' } }),
    'ERR_EVENT_TARGET',
  )
  const choiceOf = async (hub: Hub, choice: Choice): Promise<unknown> => {
    const { payload } = await hubs.propose(hub, { conflict: conflict!.id, choice })
    return vela.fromJson((payload as Map<string, vela.Json>).get('choice')!)
  }
  const [ours, theirs] = [await choiceOf(left, { side: 'ours' }), await choiceOf(left, { side: 'theirs' })]
  assert.equal(await choiceOf(right, { side: 'theirs' }), ours)
  assert.not.equal(ours, theirs)
  for (const [at, picked] of conflict!.events.entries()) {
    const chosen = { value: vela.fromJson(conflict!.values[at]!), finding_id: FINDING, kind: 'confidence_diverged' }
    assert.equal(await choiceOf(right, { event: picked }), chosen)
  }
  await hubs.settle(right, conflict!.id, { side: 'ours' })
  await hubs.meet()
  assert.equal([await hubs.score(left), await hubs.score(right)], [0.1, 0.1])
})

test('two concurrent resolutions are a conflict at both hubs, and one that names both settles it', async () => {
  await using hubs = await Hubs.open({ apart: true })
  const { left, right, frontier } = hubs
  const [conflict] = await hubs.conflicts(left)
  const one = await hubs.settle(left, conflict!.id, { side: 'ours' })
  const other = await hubs.settle(right, conflict!.id, { value: '0.3' }, BEN)
  await hubs.meet()
  for (const hub of [left, right]) {
    const { conflicts } = await new ConflictResolver(hub.replica, frontier).resolutions()
    assert.equal(
      conflicts.map(({ state, standing }) => [state, standing.map(({ event: id }) => id)]),
      [['contested', [one.event, other.event].sort()]],
    )
    const computed = await hubs.conflicts(hub)
    assert.equal(
      computed.map(({ events }) => [...events]),
      [[one.event, other.event].sort()],
    )
  }
  const [between] = await hubs.conflicts(right)
  const last = await hubs.settle(right, between!.id, { event: one.event }, BEN)
  assert.is(last.conflict, conflict!.id)
  await hubs.meet()
  for (const hub of [left, right]) {
    assert.equal(await hubs.conflicts(hub), [])
    const { conflicts } = await new ConflictResolver(hub.replica, frontier).resolutions()
    assert.equal(
      conflicts.map(({ state, standing, superseded }) => [state, standing.length, superseded.length]),
      [['settled', 1, 2]],
    )
    assert.is(await hubs.score(hub), 0.9)
  }
})

function chosen({ payload }: vela.Proposal): unknown {
  return vela.fromJson((payload as Map<string, vela.Json>).get('choice')!)
}

/** Records a conflict about no field in the log of both. */
async function recordedPresence({ left, frontier }: Hubs, kind = 'missing_locally') {
  const missing = 'vf_0000000000000002'
  const { event: recorded } = await left.replica.append(frontier, {
    kind: 'frontier.conflict_detected',
    target: { type: 'frontier_observation', id: frontier },
    actor: { id: 'federation', type: 'system' },
    reason: `peer=hub:far kind=${kind}`,
    timestamp: NOW.toISOString(),
    payload: {
      peer_id: 'hub:far',
      finding_id: missing,
      kind,
    },
  })
  await left.replica.push(frontier, 'hub:right')
  return { missing, recorded }
}

/** Records the same, with a concurrent resolution at each hub. */
async function contestedPresence(hubs: Hubs) {
  const { left, right } = hubs
  const { missing, recorded } = await recordedPresence(hubs)
  const one = await hubs.settle(left, recorded, { value: '"present"' })
  const other = await hubs.settle(right, recorded, { value: '"absent"' }, BEN)
  const said = [
    { event: one.event, value: 'present' },
    { event: other.event, value: 'absent' },
  ].sort((a, b) => (a.event < b.event ? -1 : 1))
  return { missing, recorded, events: said.map(({ event }) => event), values: said.map(({ value }) => value) }
}

test('contested resolutions of a conflict about no field are listed, reported and settled', async () => {
  await using hubs = await Hubs.open({ apart: false })
  const { left, right, frontier } = hubs
  const { missing, recorded: id, events, values } = await contestedPresence(hubs)
  const conflict = {
    id,
    findingId: missing,
    kind: 'missing_locally',
    field: undefined,
    events,
    values,
    state: 'contested' as const,
  }
  const { values: _, ...opened } = conflict
  const report = await left.replica.pull(frontier, 'hub:right')
  assert.equal([report.conflictsOpened, report.conflictsOpenedCount], [[opened], 1])
  assert.equal((await left.replica.pull(frontier, 'hub:right')).conflictsOpened, [])
  await hubs.meet()
  for (const hub of [left, right]) {
    assert.equal(await hubs.conflicts(hub), [conflict])
    assert.equal(await new Conflicts(hub.replica, frontier).list({ findings: [missing] }), [conflict])
    assert.equal(await new Conflicts(hub.replica, frontier).list({ findings: [FINDING] }), [])
    const { sides, state, recorded } = await new Conflicts(hub.replica, frontier).explain(id)
    assert.equal([state, recorded?.peerId, recorded?.recordedIn], ['contested', 'hub:far', 'log'])
    assert.equal(
      sides.map(({ event, value }) => [event, value]),
      events.map((event, at) => [event, values[at]]),
    )
    assert.equal(sides.map(({ carriers }) => carriers.map(({ hub: name }) => name)).sort(), [
      ['hub:left'],
      ['hub:right'],
    ])
    const [row] = await new Conflicts(hub.replica, frontier).recorded()
    assert.equal([row!.id, row!.state, row!.resolutions], [id, 'contested', events])
  }
  const journal = await left.replica.journal(frontier, { limit: 100 })
  const facts = journal.filter(({ kind }) => kind === 'conflicts.opened').map(entry => entry.facts.conflicts)
  assert.equal(JSON.parse(JSON.stringify(facts)), [
    [{ id, finding_id: missing, kind: 'missing_locally', events, state: 'contested' }],
  ])
  const served = await fetch(`${right.url.replace('ws:', 'http:')}/frontiers/${frontier}/conflicts`)
  assert.equal(((await served.json()) as { conflicts: unknown }).conflicts, [
    { id, finding_id: missing, kind: 'missing_locally', field: null, events, values, state: 'contested' },
  ])
  await hubs.settle(right, id, { value: '"absent"' }, ADA)
  await hubs.meet()
  for (const hub of [left, right]) {
    assert.equal(await hubs.conflicts(hub), [])
    const [row] = await new Conflicts(hub.replica, frontier).recorded()
    assert.equal([row!.state, row!.resolutions.length], ['settled', 1])
    assert.is((await new Conflicts(hub.replica, frontier).show(id)).state, 'settled')
  }
})

test('recorded conflicts are listed with their state, from the journal and the log', async () => {
  await using hubs = await Hubs.open({ apart: false })
  const { left, frontier } = hubs
  const peer = frontierFile([{ id: FINDING, score: 0.9 }])
  const { events } = await comparePeer(left.replica, {
    frontier,
    from: { file: Buffer.from(peer.text), name: 'hub:far' },
  })
  const conflicts = new Conflicts(left.replica, frontier)
  const rows = async () =>
    (await conflicts.recorded()).map(({ id, kind, state, recordedIn }) => [id, kind, state, recordedIn])
  const [, text, score] = events as [string, string, string]
  assert.equal(await rows(), [
    [text, 'assertion_text_diverged', 'open', 'journal'],
    [score, 'confidence_diverged', 'open', 'journal'],
  ])
  assert.equal((await conflicts.explain(score)).sides, [])
  await hubs.settle(left, score, { side: 'theirs' })
  assert.equal(
    (await rows()).map(([, , state]) => state),
    ['open', 'settled'],
  )
  assert.equal((await conflicts.recorded({ findings: ['vf_other'] })).length, 0)
  assert.equal(await conflicts.list(), [])
})

test('a conflict is settled once, and the same proposal accepted again gives the same event', async () => {
  await using hubs = await Hubs.open({ apart: true })
  const { left, frontier } = hubs
  const [conflict] = await hubs.conflicts(left)
  const settling = new ConflictResolver(left.replica, frontier)
  const first = await hubs.propose(left, { conflict: conflict!.id, choice: { side: 'ours' } })
  const second = await hubs.propose(left, { conflict: conflict!.id, choice: { side: 'theirs' } })
  const [done, again, late] = await Promise.allSettled([
    settling.accept(first.id, ADA),
    settling.accept(first.id, BEN),
    new ConflictResolver(left.replica, frontier).accept(second.id, BEN),
  ])
  assert.ok(done.status === 'fulfilled' && again.status === 'fulfilled')
  assert.equal([again.value.applied, again.value.event], ['before', done.value.event])
  assert.ok(late.status === 'rejected' && hasCode(late.reason, 'ERR_CONFLICT_SETTLED'))
  await refused(hubs.propose(left, { conflict: conflict!.id, choice: { value: '0.7' } }), 'ERR_CONFLICT_SETTLED')
})

/**
 * Settles a conflict, then repeats the choice here and at a peer that has the events, then makes
 * another choice.
 */
async function settledTwice(hubs: Hubs, conflict: string, choices: { made: Choice; other: Choice }): Promise<void> {
  const { left, right, frontier } = hubs
  const { made, other } = choices
  const first = await hubs.settle(left, conflict, made)
  const heads = left.replica.headsDigest(frontier)
  const again = await hubs.settle(left, conflict, made)
  assert.equal([first.applied, again.applied], ['now', 'before'])
  assert.equal([again.proposal, again.event, again.cid], [first.proposal, first.event, first.cid])
  await new ConflictResolver(left.replica, frontier).drop(first.proposal.id)
  const later = await hubs.propose(left, { conflict, choice: made })
  assert.equal([later.id, left.replica.headsDigest(frontier)], [first.proposal.id, heads])
  await refused(hubs.propose(left, { conflict, choice: other }), 'ERR_CONFLICT_SETTLED')
  await refused(hubs.propose(left, { conflict, choice: made, reason: 'another one' }), 'ERR_CONFLICT_SETTLED')
  await refused(hubs.propose(left, { conflict, choice: made, ...BEN }), 'ERR_CONFLICT_SETTLED')
  if (!conflict.startsWith('vcx_')) return
  await hubs.meet()
  const opposite = 'side' in made ? ({ side: made.side === 'ours' ? 'theirs' : 'ours' } as const) : made
  const there = await hubs.settle(right, conflict, opposite)
  assert.equal([there.applied, there.event], ['before', first.event])
}

for (const how of ['ours', 'theirs', 'pick', 'value'] as const) {
  test(`an equal resolution of a computed conflict by ${how} is the same proposal and event`, async () => {
    await using hubs = await Hubs.open({ apart: true })
    const [conflict] = await hubs.conflicts(hubs.left)
    const [one, two] = conflict!.events as [string, string]
    const choices = {
      ours: { made: { side: 'ours' }, other: { side: 'theirs' } },
      theirs: { made: { side: 'theirs' }, other: { side: 'ours' } },
      pick: { made: { event: two }, other: { event: one } },
      value: { made: { value: '0.3' }, other: { event: 'vev_0000000000000000' } },
    } as const
    await settledTwice(hubs, conflict!.id, choices[how])
  })
}

test('an equal resolution of a recorded conflict is the same proposal and event', async () => {
  await using hubs = await Hubs.open({ apart: false })
  const { left, right, frontier } = hubs
  const { event: own } = await left.replica.append(frontier, revised(0.8))
  await left.replica.push(frontier, 'hub:right')
  await hubs.meet()
  assert.equal(left.replica.heads(frontier), right.replica.heads(frontier))
  const names = ['one', 'two', 'three', 'four', 'five', 'six', 'seven']
  const recorded: string[][] = []
  for (const [at, name] of names.entries()) {
    const file = frontierFile([{ id: FINDING, score: 0.1 + at / 1000 }, { id: 'vf_0000000000000002' }])
    const { events } = await comparePeer(left.replica, {
      frontier,
      from: { file: Buffer.from(file.text), name: `hub:${name}` },
    })
    recorded.push([...events])
  }
  const at = (pass: number, kind: number) => recorded[pass]![kind]!
  const [SCORE, MISSING] = [2, 3]
  const [ours, theirs] = [{ side: 'ours' }, { side: 'theirs' }] as const
  await settledTwice(hubs, at(0, MISSING), { made: ours, other: theirs })
  await settledTwice(hubs, at(1, MISSING), { made: theirs, other: ours })
  await settledTwice(hubs, at(2, MISSING), { made: { value: '"absent"' }, other: theirs })
  await settledTwice(hubs, at(3, SCORE), { made: { event: own }, other: theirs })
  await settledTwice(hubs, at(4, SCORE), { made: ours, other: theirs })
  await settledTwice(hubs, at(5, SCORE), { made: theirs, other: ours })
  await settledTwice(hubs, at(6, SCORE), { made: { value: '0.25' }, other: ours })
})

test('an equal choice for a contested conflict decides the contest once', async () => {
  await using hubs = await Hubs.open({ apart: true })
  const { left, right } = hubs
  const [conflict] = await hubs.conflicts(left)
  const one = await hubs.settle(left, conflict!.id, { side: 'ours' })
  await hubs.settle(right, conflict!.id, { side: 'ours' }, BEN)
  await hubs.meet()
  const [between] = await hubs.conflicts(left)
  assert.is(between!.state, 'contested')
  const last = await hubs.settle(left, between!.id, { event: one.event })
  assert.not.equal(last.event, one.event)
  for (const id of [between!.id, conflict!.id]) {
    const again = await hubs.settle(left, id, id === between!.id ? { event: one.event } : { side: 'ours' })
    assert.equal([again.applied, again.event, again.conflict], ['before', last.event, conflict!.id])
  }
  await refused(hubs.propose(left, { conflict: between!.id, choice: { side: 'theirs' } }), 'ERR_CONFLICT_SETTLED')
})

test('a missing review state or finding can be chosen', async () => {
  await using hubs = await Hubs.open({ apart: false })
  const { left, right, frontier } = hubs
  const peer = frontierFile([{ id: FINDING, review_state: 'rejected' }, { id: 'vf_0000000000000002' }])
  const { events, report } = await comparePeer(left.replica, {
    frontier,
    from: { file: Buffer.from(peer.text), name: 'hub:far' },
  })
  const recorded = (kind: string) => events[report.conflicts.findIndex(one => one.kind === kind) + 1]!
  await left.replica.append(frontier, reviewed('needs_revision'))
  await hubs.settle(left, recorded('review_state_diverged'), { side: 'ours' })
  const absent = await hubs.settle(left, recorded('missing_locally'), { side: 'ours' })
  assert.equal(chosen(absent.proposal), { finding_id: 'vf_0000000000000002', kind: 'missing_locally', value: 'absent' })
  await hubs.meet()
  for (const hub of [left, right]) {
    const { file } = await exportFrontier(hub.replica, frontier)
    const flags = file.findings[0]!.body.get('flags') as Map<string, vela.Json>
    assert.equal([flags.has('review_state'), flags.get('contested')], [false, false])
  }
  const { missing, recorded: inLog } = await recordedPresence(hubs, 'missing_in_peer')
  for (const [side, value] of [
    ['ours', 'present'],
    ['theirs', 'absent'],
  ] as const) {
    const proposal = await hubs.propose(right, { conflict: inLog, choice: { side } })
    assert.equal(chosen(proposal), { finding_id: missing, kind: 'missing_in_peer', value })
  }
  await refused(hubs.propose(right, { conflict: inLog, choice: { value: '"perhaps"' } }), 'ERR_PROPOSAL')
})

test('a chosen score is from 0 to 1', async () => {
  await using hubs = await Hubs.open({ apart: true })
  const [{ id: conflict } = { id: '' }] = await hubs.conflicts(hubs.left)
  for (const value of ['7.5', '-0.1', '1.0000001', '2'])
    await refused(hubs.propose(hubs.left, { conflict, choice: { value } }), 'ERR_PROPOSAL')
  for (const value of ['0', '1', '1.0']) await hubs.propose(hubs.left, { conflict, choice: { value } })
})

test('an unauthorized reviewer can’t propose or accept', async () => {
  await using hubs = await Hubs.open({ apart: true })
  const { left, frontier } = hubs
  const [{ id: conflict } = { id: '' }] = await hubs.conflicts(left)
  const { id } = await hubs.propose(left, { conflict, choice: { side: 'ours' } })
  const before = left.replica.heads(frontier)
  for (const reviewer of [
    'agent:x',
    'sim:x',
    'reviewer:tidy-bot',
    'x-sim',
    'reviewer',
    'local-user',
    'Agent:x',
    '',
    ' a',
  ]) {
    await refused(hubs.propose(left, { conflict, choice: { side: 'ours' }, reviewer }), 'ERR_REVIEWER')
    await refused(new ConflictResolver(left.replica, frontier).accept(id, { reviewer, key: ada }), 'ERR_REVIEWER')
  }
  assert.equal(left.replica.heads(frontier), before)
  assert.is((await new ConflictResolver(left.replica, frontier).proposal(id)).status, 'pending_review')
})

test('a registered reviewer must sign with the registered key', async () => {
  const actor = { id: 'reviewer:ada', public_key: ada.publicKey, created_at: '2026-01-01T00:00:00Z' }
  const revoked = { ...actor, id: 'reviewer:eve', public_key: Key.fromSeed(new Uint8Array(32).fill(3)).publicKey }
  const actors = [actor, { ...revoked, revoked_at: '2026-02-01T00:00:00Z' }]
  const mine = frontierFile([{ id: FINDING, retracted: true }], { actors })
  const peer = frontierFile([{ id: FINDING }])
  await using replica = await Replica.open({ location: new MemoryStore(), clock: () => NOW })
  await importFrontier(replica, { frontier: mine.frontier, parts: splitFrontier(Buffer.from(mine.text)) })
  const settling = new ConflictResolver(replica, mine.frontier)
  const { events } = await comparePeer(replica, {
    frontier: mine.frontier,
    from: { file: Buffer.from(peer.text), name: 'hub:far' },
  })
  const draft = { conflict: events[1]!, choice: { side: 'theirs' }, reason: 'it was reinstated' } as const
  await refused(settling.propose({ ...draft, reviewer: 'reviewer:ada', key: ben }), 'ERR_REVIEWER')
  const { id } = await settling.propose({ ...draft, ...ADA })
  const eve = Key.fromSeed(new Uint8Array(32).fill(3))
  for (const by of [
    { reviewer: 'reviewer:ada', key: ben },
    { reviewer: 'reviewer:ben', key: ada },
    { reviewer: 'reviewer:eve', key: eve },
  ])
    await refused(settling.accept(id, by), 'ERR_REVIEWER')
  const { event: made } = await settling.accept(id, ADA)
  const [node] = await replica.get(made)
  const [record] = vela.readActors(JSON.stringify([actor]))
  assert.is(vela.judgeEventSignature({ text: node!.event!.text, head: node!.event! }, [record!], verify), 'valid')
  const { file } = await exportFrontier(replica, mine.frontier)
  assert.equal(
    file.findings.map(({ retracted }) => retracted),
    [false],
  )
})

test('a resolution without a valid signature of its reviewer settles nothing and is listed', async () => {
  await using hubs = await Hubs.open({ apart: true })
  const { left, right, frontier } = hubs
  const [conflict] = await hubs.conflicts(left)
  const choice = { finding_id: FINDING, kind: 'confidence_diverged', value: vela.JsonNumber.float(0.1) }
  const said = { conflict_event_id: conflict!.id, resolved_by: 'reviewer:ada', resolution_note: 'mine', choice }
  const draft = {
    kind: 'frontier.conflict_resolved',
    target: { type: 'frontier_observation', id: frontier },
    actor: { id: 'reviewer:ada', type: 'human' },
    reason: 'mine',
    timestamp: NOW.toISOString(),
    payload: said,
  }
  const named = { ...draft, payload: { ...said, signer: ada.publicKey } }
  const forged = [
    await left.replica.append(frontier, draft),
    await right.replica.append(frontier, signed(named, ben).text),
    await right.replica.append(frontier, { ...named, reason: 'unsigned' }),
  ]
  await hubs.meet()
  for (const hub of [left, right]) {
    assert.equal(await hubs.conflicts(hub), [conflict])
    const { conflicts, ignored } = await new ConflictResolver(hub.replica, frontier).resolutions()
    assert.equal(conflicts, [])
    assert.equal(ignored.map(({ event }) => event).sort(), forged.map(({ event }) => event).sort())
  }
  await hubs.settle(right, conflict!.id, { value: '0.3' }, BEN)
  await hubs.meet()
  assert.equal([await hubs.score(left), await hubs.score(right)], [0.3, 0.3])
})

test('an unknown conflict, an invalid value and a missing choice are refused', async () => {
  await using hubs = await Hubs.open({ apart: true })
  const { left } = hubs
  const [{ id: conflict } = { id: '' }] = await hubs.conflicts(left)
  await refused(
    hubs.propose(left, { conflict: 'vcx_0000000000000000', choice: { value: '1' } }),
    'ERR_CONFLICT_UNKNOWN',
  )
  await refused(
    hubs.propose(left, { conflict: 'vev_0000000000000000', choice: { value: '1' } }),
    'ERR_CONFLICT_UNKNOWN',
  )
  await refused(hubs.propose(left, { conflict }), 'ERR_PROPOSAL')
  await refused(hubs.propose(left, { conflict, choice: { value: '"high"' } }), 'ERR_PROPOSAL')
  await refused(hubs.propose(left, { conflict, choice: { value: '0.5x' } }), 'ERR_JSON')
  await refused(hubs.propose(left, { conflict, choice: { side: 'ours' }, reason: ' ' }), 'ERR_PROPOSAL')
})

test('a conflict recorded by a comparison is settled by the value of a side', async () => {
  await using hubs = await Hubs.open({ apart: false })
  const { left, right, frontier } = hubs
  const peer = frontierFile([
    { id: FINDING, score: 0.9000000000000001 },
    { id: 'vf_0000000000000002', retracted: true },
  ])
  const { events, report } = await comparePeer(left.replica, {
    frontier,
    from: { file: Buffer.from(peer.text), name: 'hub:far' },
  })
  assert.equal(
    report.conflicts.map(({ kind }) => kind),
    ['assertion_text_diverged', 'confidence_diverged', 'missing_locally'],
  )
  const [, text, score, missing] = events
  const done = await hubs.settle(left, score!, { side: 'theirs' })
  await hubs.settle(left, text!, { side: 'ours' })
  const gone = await hubs.settle(left, missing!, { side: 'theirs' })
  const about = vela.fromJson((gone.proposal.payload as Map<string, vela.Json>).get('choice')!)
  assert.equal(about, { finding_id: 'vf_0000000000000002', kind: 'missing_locally', value: 'present' })
  assert.is(done.conflict, score)
  await left.replica.push(frontier, 'hub:right')
  assert.equal([await hubs.score(left), await hubs.score(right)], [0.9000000000000001, 0.9000000000000001])
  await refused(hubs.propose(left, { conflict: events[0]!, choice: { side: 'ours' } }), 'ERR_CONFLICT_UNKNOWN')
})

test('a proposal made elsewhere is stored, shown, accepted and dropped; another frontier’s is refused', async () => {
  await using hubs = await Hubs.open({ apart: true })
  const { left, right, frontier } = hubs
  const [{ id: conflict } = { id: '' }] = await hubs.conflicts(left)
  const made = await hubs.propose(left, { conflict, choice: { side: 'ours' } })
  const there = new ConflictResolver(right.replica, frontier)
  assert.equal(await there.add(vela.printProposal(made)), made)
  assert.equal(await there.proposals(), [made])
  assert.is((await there.accept(made.id, BEN)).applied, 'now')
  await hubs.meet()
  assert.is((await new ConflictResolver(left.replica, frontier).accept(made.id, ADA)).applied, 'before')
  await there.drop(made.id)
  await refused(there.proposal(made.id), 'ERR_NOT_FOUND')
  await refused(there.accept('vpr_nothing', BEN), 'ERR_NOT_FOUND')
  const { frontier: other } = await right.replica.createFrontier({ name: 'Two' })
  await refused(
    Promise.resolve().then(() => new ConflictResolver(right.replica, other).add(vela.printProposal(made))),
    'ERR_PROPOSAL',
  )
})

test('proposals are limited in number, and applied ones are dropped first', async () => {
  await using hubs = await Hubs.open({ apart: true })
  const { left, frontier } = hubs
  const settling = new ConflictResolver(left.replica, frontier)
  const [{ id: conflict } = { id: '' }] = await hubs.conflicts(left)
  const first = await hubs.propose(left, { conflict, choice: { side: 'ours' } })
  const variant = (n: number): string =>
    vela.printProposal(vela.makeProposal({ ...first, payload: { n }, created_at: NOW.toISOString() }))
  for (let n = 1; n < SETTLE_LIMITS.proposalsMax; n++) await settling.add(variant(n))
  await refused(settling.add(variant(0)), 'ERR_PROPOSAL')
  await settling.accept(first.id, ADA)
  await settling.add(variant(0))
  assert.is((await settling.proposals()).length, SETTLE_LIMITS.proposalsMax)
  await refused(settling.proposal(first.id), 'ERR_NOT_FOUND')
  const long = vela.makeProposal({
    ...first,
    payload: 'x'.repeat(SETTLE_LIMITS.proposalBytesMax),
    created_at: NOW.toISOString(),
  })
  await settling.drop((await settling.proposals())[0]!.id)
  await refused(settling.add(vela.printProposal(long)), 'ERR_PROPOSAL')
})

test.run()
