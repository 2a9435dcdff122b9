// Conflicts in reports of syncs: those that received nodes opened, on the receiving side, in the
// reports and journals of both.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VIEW_LIMITS } from '../../src/base/limits.ts'
import { Hub } from '../../src/hub/hub.ts'
import { type EventDraft, Replica } from '../../src/index.ts'
import { Conflicts } from '../../src/projection/conflicts-api.ts'
import { FrontierProjection } from '../../src/projection/frontier-projection.ts'
import { mergeReportOf, velaMergeObserver } from '../../src/projection/vela-merge-observer.ts'
import { contextOf } from '../../src/replica/replica.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { viewRows } from '../../src/vela/index.ts'
import { codeOf, FRONTIER, introduce, NOW } from '../replica/drafts.ts'

const test = suite('projection/merge-report')

const FINDING = 'vf_04f7f6513eaa1b4d'

function draft(kind: string, payload: unknown, reason: string): EventDraft {
  return {
    kind,
    target: { type: 'finding', id: FINDING },
    actor: { id: 'reviewer:one', type: 'human' },
    reason,
    timestamp: NOW.toISOString(),
    payload,
  }
}

const asserted = draft(
  'finding.asserted',
  {
    finding: {
      id: FINDING,
      assertion: { text: 'It works.', type: 'mechanism', entities: [] },
      evidence: { evidence_spans: [] },
      confidence: { score: 0.7, basis: 'made up', method: 'llm_initial' },
      flags: { contested: false, retracted: false },
    },
  },
  'first',
)
const revised = (new_score: number) => draft('finding.confidence_revised', { new_score }, `to ${new_score}`)

/** Opens a replica with Vela's observer. */
function openVela(hubId: string): Promise<Replica> {
  return Replica.open({ location: new MemoryStore(), hubId, clock: () => NOW, mergeObserver: velaMergeObserver })
}

/** Opens a hub whose timers fire by hand, and a laptop; both have the finding. */
async function scene() {
  const rings = new Set<() => void>()
  const network = {
    setTimer: (ms: number, ring: () => void) => {
      // Other timers do not fire.
      if (ms === VIEW_LIMITS.noteQuietMs) rings.add(ring)
      return { restart: () => {}, stop: () => void rings.delete(ring) }
    },
  }
  const hub = await Hub.listen({
    location: new MemoryStore(),
    port: 0,
    hubId: 'hub:main',
    clock: () => NOW,
    network,
  })
  const laptop = await openVela('hub:laptop')
  await introduce(hub, laptop)
  await hub.replica.append(FRONTIER, asserted)
  const first = await laptop.pull(FRONTIER, 'hub:main')
  assert.equal([first.conflictsOpened, first.conflictsOpenedCount], [undefined, undefined])
  return {
    hub,
    laptop,
    ring: () => {
      for (const one of rings) one()
    },
    async [Symbol.asyncDispose]() {
      await laptop.close()
      await hub.close()
    },
  }
}

async function opened(replica: Replica): Promise<unknown[]> {
  const entries = await replica.journal(FRONTIER, { limit: 100 })
  return entries.filter(({ kind }) => kind === 'conflicts.opened').map(({ facts }) => JSON.parse(JSON.stringify(facts)))
}

test('a pull reports the conflicts that it opened, a push those at the peer, and both sides journal them', async () => {
  await using both = await scene()
  const { hub, laptop } = both
  const one = await hub.replica.append(FRONTIER, revised(0.2))
  const two = await laptop.append(FRONTIER, revised(0.9))
  const report = await laptop.pull(FRONTIER, 'hub:main')
  assert.is(report.conflictsOpenedCount, 1)
  const [conflict] = report.conflictsOpened!
  assert.equal(conflict!.events, [one.event, two.event].sort())
  assert.equal([conflict!.findingId, conflict!.kind], [FINDING, 'confidence_diverged'])
  assert.equal(await new Conflicts(laptop, FRONTIER).list(), [
    { ...conflict, values: (await new Conflicts(laptop, FRONTIER).show(conflict!.id)).values },
  ])
  const again = await laptop.pull(FRONTIER, 'hub:main')
  assert.equal(again.conflictsOpened, [])
  const pushed = await laptop.push(FRONTIER, 'hub:main')
  assert.equal([pushed.admitted, pushed.conflictsOpenedCount], [1, 1])
  assert.equal(pushed.conflictsOpened, report.conflictsOpened)
  both.ring()
  const same = await new Conflicts(hub.replica, FRONTIER).list()
  assert.equal(
    same.map(({ id }) => id),
    [conflict!.id],
  )
  const { id, kind, events } = conflict!
  const listed = [{ id, finding_id: FINDING, kind, events: [...events] }]
  assert.equal(await opened(laptop), [{ peer: 'hub:main', count: 1, conflicts: listed }])
  assert.equal(await opened(hub.replica), [{ peer: 'hub:laptop', count: 1, conflicts: listed }])
})

test('a push to a hub with newer nodes reports the conflicts that it opened there', async () => {
  await using both = await scene()
  const { hub, laptop } = both
  const one = await hub.replica.append(FRONTIER, revised(0.2))
  const two = await laptop.append(FRONTIER, revised(0.9))
  const pushed = await laptop.push(FRONTIER, 'hub:main')
  assert.equal([pushed.admitted, pushed.conflictsOpenedCount], [1, 1])
  const [conflict] = pushed.conflictsOpened!
  assert.equal(conflict!.events, [one.event, two.event].sort())
  const [there] = await new Conflicts(hub.replica, FRONTIER).list()
  assert.equal({ ...conflict, values: there!.values }, there)
  assert.equal(await new Conflicts(laptop, FRONTIER).list(), [])
  assert.equal(await opened(laptop), [])
  const again = await laptop.push(FRONTIER, 'hub:main')
  assert.equal([again.admitted, again.conflictsOpened], [0, undefined])
  await laptop.append(FRONTIER, draft('finding.noted', { text: 'n' }, 'no conflict'))
  const harmless = await laptop.push(FRONTIER, 'hub:main')
  assert.equal([harmless.admitted, harmless.conflictsOpened, harmless.conflictsOpenedCount], [1, [], 0])
  both.ring()
  await new Conflicts(hub.replica, FRONTIER).list()
  assert.is((await opened(hub.replica)).length, 1, 'it is recorded once')
})

test('long names of contested conflicts are shortened in reports and in the journal', async () => {
  await using both = await scene()
  const { hub, laptop } = both
  const resolved = (who: string, name: string): EventDraft => ({
    ...draft(
      'frontier.conflict_resolved',
      { conflict_event_id: name, resolved_by: who, resolution_note: `as ${who} says` },
      'settled',
    ),
    actor: { id: who, type: 'human' },
  })
  const names = ['é'.repeat(500_000), `${'x'.repeat(60)}é${'y'.repeat(600_000)}`, 'z'.repeat(65)]
  for (const name of names) {
    await hub.replica.append(FRONTIER, resolved('reviewer:ann', name))
    await laptop.append(FRONTIER, resolved('reviewer:bob', name))
  }
  const pushed = await laptop.push(FRONTIER, 'hub:main')
  assert.equal([pushed.admitted, pushed.conflictsOpenedCount], [3, 3])
  assert.equal(
    pushed.conflictsOpened!.map(({ id, state }) => [id, state]).sort(),
    [`${'x'.repeat(60)}…`, `${'z'.repeat(61)}…`, `${'é'.repeat(30)}…`].map(id => [id, 'contested']),
  )
  assert.is((await opened(hub.replica)).length, 1)
  assert.is((await laptop.pull(FRONTIER, 'hub:main')).conflictsOpenedCount, 3)
  assert.is((await opened(laptop)).length, 1)
})

test('conflicts opened over a live link are journaled, also if another peer pushes first', async () => {
  for (const isThere of [false, true]) {
    await using both = await scene()
    const { hub, laptop } = both
    await using third = await openVela('hub:third')
    await introduce(hub, third)
    await third.pull(FRONTIER, 'hub:main')
    if (isThere) await new Conflicts(hub.replica, FRONTIER).list()
    await hub.replica.append(FRONTIER, revised(0.2))
    await laptop.append(FRONTIER, revised(0.9))
    const ended = new AbortController()
    await laptop.live(FRONTIER, 'hub:main', {
      mode: 'push',
      signal: ended.signal,
      onRound: ({ tally }) => {
        if (tally.admitted > 0) ended.abort()
      },
    })
    await third.append(FRONTIER, revised(0.5))
    const pushed = await third.push(FRONTIER, 'hub:main')
    assert.is(pushed.conflictsOpenedCount, 2, 'with what either side had')
    both.ring()
    await new Conflicts(hub.replica, FRONTIER).list()
    const entries = (await opened(hub.replica)) as { peer?: string; count: number }[]
    assert.equal(
      entries.map(({ peer, count }) => [peer, count]),
      [
        ['hub:third', 2],
        [undefined, 1],
      ],
    )
  }
})

test('a session both ways reports the conflicts opened on either side', async () => {
  await using both = await scene()
  const { hub, laptop } = both
  await hub.replica.append(FRONTIER, revised(0.2))
  await laptop.append(FRONTIER, revised(0.9))
  const report = await laptop.sync(FRONTIER, 'hub:main')
  assert.is(report.conflictsOpenedCount, 1)
  assert.equal(report.out!.conflictsOpened, report.conflictsOpened)
  assert.equal([report.in!.admitted, report.out!.admitted, report.out!.conflictsOpenedCount], [1, 1, 1])
})

test('a live link reports at its end the conflicts that it opened', async () => {
  await using both = await scene()
  const { hub, laptop } = both
  const ended = new AbortController()
  await laptop.append(FRONTIER, revised(0.9))
  const following = laptop.live(FRONTIER, 'hub:main', {
    signal: ended.signal,
    onRound: ({ direction, tally }) => {
      if (direction === 'in' && tally.admitted > 0) ended.abort()
    },
  })
  await hub.replica.append(FRONTIER, revised(0.2))
  const report = await following
  assert.is(report.conflictsOpenedCount, 1)
  assert.is(report.conflictsOpened![0]!.kind, 'confidence_diverged')
})

test('an explanation has both events, their values and signers; a later event settles the conflict', async () => {
  await using both = await scene()
  const { hub, laptop } = both
  await hub.replica.append(FRONTIER, revised(0.2))
  await laptop.append(FRONTIER, revised(0.9))
  const report = await laptop.pull(FRONTIER, 'hub:main')
  const { id } = report.conflictsOpened![0]!
  const { sides, shown, standing, settle } = await new Conflicts(laptop, FRONTIER).explain(id)
  assert.equal(
    sides.map(({ carriers, reason, actor }) => [carriers.map(({ hub: name }) => name), reason, actor.id]).sort(),
    [
      [['hub:laptop'], 'to 0.9', 'reviewer:one'],
      [['hub:main'], 'to 0.2', 'reviewer:one'],
    ],
  )
  assert.ok(sides.some(({ value }) => String(value) === String(shown)))
  assert.is(standing.length, 2)
  assert.is(settle.length, 2)
  const unknown = new Conflicts(laptop, FRONTIER).explain('vcx_0000000000000000')
  assert.is(await codeOf(unknown), 'ERR_CONFLICT_UNKNOWN')
  await laptop.append(FRONTIER, revised(0.5))
  assert.equal(await new Conflicts(laptop, FRONTIER).list(), [])
  assert.is(await codeOf(new Conflicts(laptop, FRONTIER).show(id)), 'ERR_CONFLICT_UNKNOWN')
})

test('the conflicts are left out if the projection is not current, and computed on request', async () => {
  const called: string[] = []
  let isCurrent = false
  const openedSince = async () => {
    called.push('computed')
    return []
  }
  const projection = { isCurrent: () => isCurrent, openedSince } as unknown as Parameters<typeof mergeReportOf>[0]
  const merge = { frontier: FRONTIER, peer: 'hub:main', from: 30_000, admitted: 5, isAwaited: false }
  const none = { conflictsOpened: [], conflictsOpenedCount: 0 }
  assert.equal(await mergeReportOf(projection, { ...merge, isAsked: false }), {})
  assert.equal(called.splice(0), [])
  assert.equal(await mergeReportOf(projection, { ...merge, isAsked: true }), none)
  isCurrent = true
  assert.equal(await mergeReportOf(projection, { ...merge, isAsked: false }), none)
  assert.equal(called.splice(0), ['computed', 'computed'])
  // The first merge of a frontier opens nothing, and a merge without nodes neither.
  assert.equal(await mergeReportOf(projection, { ...merge, from: 0, isAsked: false }), {})
  assert.equal(await mergeReportOf(projection, { ...merge, admitted: 0, isAsked: false }), none)
  assert.equal(called, [])
})

test('a replica without an observer reports no conflicts, and a hub tells it those that its push opened', async () => {
  await using both = await scene()
  const { hub } = both
  await using plain = await Replica.open({ location: new MemoryStore(), hubId: 'hub:plain', clock: () => NOW })
  await introduce(hub, plain)
  await plain.pull(FRONTIER, 'hub:main')
  await hub.replica.append(FRONTIER, revised(0.2))
  await plain.append(FRONTIER, revised(0.9))
  assert.is((await plain.push(FRONTIER, 'hub:main')).conflictsOpenedCount, 1)
  const pulled = await plain.pull(FRONTIER, 'hub:main')
  assert.equal([pulled.admitted, pulled.conflictsOpened, pulled.conflictsOpenedCount], [1, undefined, undefined])
})

test('a projection is dropped when nobody has read it for some time, and the next reader loads it again', async () => {
  const idle = new Set<() => void>()
  const setTimer = (ms: number, ring: () => void) => {
    if (ms === VIEW_LIMITS.idleMsMax) idle.add(ring)
    return { restart: () => {}, stop: () => void idle.delete(ring) }
  }
  await using replica = await Replica.open({ location: new MemoryStore(), clock: () => NOW, network: { setTimer } })
  await replica.track(FRONTIER)
  await replica.append(FRONTIER, asserted)
  const projection = FrontierProjection.of(contextOf(replica), FRONTIER)
  const rows = () => projection.read(view => viewRows(view).findings.length)
  const count = await rows()
  assert.is(await rows(), count)
  assert.equal([projection.isLoaded, idle.size], [true, 1])
  for (const ring of idle) ring()
  await projection.acceptances.run(async () => {}) // the drop waits for running updates only
  assert.is(projection.isLoaded, false)
  assert.is(await rows(), count)
  assert.is(projection.isLoaded, true)
})

test.run()
