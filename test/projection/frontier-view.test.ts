// A live view of findings: stable snapshots, kept objects, joined changes, release.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VIEW_LIMITS } from '../../src/base/limits.ts'
import { type EventDraft, Replica } from '../../src/index.ts'
import { FrontierProjection } from '../../src/projection/frontier-projection.ts'
import { FrontierView } from '../../src/projection/frontier-view.ts'
import { contextOf } from '../../src/replica/replica.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { codeOf, FRONTIER, NOW } from '../replica/drafts.ts'
import { FINDING, Hubs } from './resolution-hubs.ts'

const test = suite('projection/frontier-view')
const OTHER = 'vf_0000000000000002'

function asserted(id: string, text: string): EventDraft {
  const finding = { id, assertion: { text, type: 'mechanism' }, confidence: { score: 0.5 }, flags: {} }
  return about(id, 'finding.asserted', { finding })
}

function revised(id: string, new_score: number): EventDraft {
  return about(id, 'finding.confidence_revised', { new_score })
}

function about(id: string, kind: string, payload: unknown): EventDraft {
  const target = { type: 'finding', id }
  return {
    kind,
    target,
    actor: { id: 'reviewer:one', type: 'human' },
    reason: kind,
    payload,
    timestamp: NOW.toISOString(),
  }
}

async function open(): Promise<Replica> {
  const replica = await Replica.open({ location: new MemoryStore(), hubId: 'hub:one', clock: () => NOW })
  await replica.track(FRONTIER)
  return replica
}

test('a snapshot is one object until something changes, and untouched findings keep theirs', async () => {
  await using replica = await open()
  await replica.append(FRONTIER, asserted(FINDING, 'one'))
  await replica.append(FRONTIER, asserted(OTHER, 'two'))
  using view = await FrontierView.open(replica, FRONTIER)
  const before = view.snapshot()
  assert.is(view.snapshot(), before)
  assert.equal(
    before.findings.map(({ id, text, confidence }) => [id, text, confidence]),
    [
      [FINDING, 'one', 0.5],
      [OTHER, 'two', 0.5],
    ],
  )
  await replica.append(FRONTIER, revised(FINDING, 0.9))
  await view.refresh()
  const after = view.snapshot()
  assert.is.not(after, before)
  assert.is(after.findings[1], before.findings[1])
  assert.equal([before.findings[0]!.confidence, view.get(FINDING)!.confidence], [0.5, 0.9])
  assert.equal([before.nodes, after.nodes], [2, 3])
  assert.is((view.get(FINDING)!.toObject() as { id: string }).id, FINDING)
  assert.is(view.get('vf_0000000000000009'), undefined)
  assert.throws(() => Object.assign(after.findings[0]!, { text: 'changed' }))
})

test('listeners are told of commits, once for those that arrive together, and not after they leave', async () => {
  await using replica = await open()
  using view = await FrontierView.open(replica, FRONTIER)
  let calls = 0
  const unsubscribe = view.subscribe(() => {
    calls += 1
  })
  await replica.appendAll(
    FRONTIER,
    Array.from({ length: 50 }, (_, at) => asserted(`vf_${`${at}`.padStart(16, '0')}`, `${at}`)),
  )
  await view.refresh()
  assert.is(view.list().length, 50)
  assert.ok(calls >= 1 && calls < 10, `${calls} calls`)
  unsubscribe()
  const told = calls
  await replica.append(FRONTIER, revised(FINDING, 0.1))
  await view.refresh()
  assert.is(calls, told)
})

test('what a peer pushes is in the view, with its conflicts', async () => {
  await using hubs = await Hubs.open({ apart: false })
  using view = await FrontierView.open(hubs.left.replica, hubs.frontier)
  assert.is(view.snapshot().conflicts.length, 0)
  await hubs.left.replica.append(hubs.frontier, revised(FINDING, 0.9))
  await hubs.right.replica.append(hubs.frontier, revised(FINDING, 0.1))
  await hubs.right.replica.push(hubs.frontier, 'hub:left')
  await view.refresh()
  assert.is(view.snapshot().conflicts.length, 1)
  assert.is(view.snapshot().conflicts[0]!.findingId, FINDING)
})

test('an open view keeps the projection in memory, a closed one does not', async () => {
  const timers = new Set<() => void>()
  const network = {
    setTimer: (ms: number, ring: () => void) => {
      if (ms === VIEW_LIMITS.idleMsMax) timers.add(ring)
      return { restart: () => {}, stop: () => void timers.delete(ring) }
    },
  }
  await using replica = await Replica.open({ location: new MemoryStore(), hubId: 'hub:one', clock: () => NOW, network })
  await replica.track(FRONTIER)
  await replica.append(FRONTIER, asserted(FINDING, 'one'))
  const view = await FrontierView.open(replica, FRONTIER)
  const projection = FrontierProjection.of(contextOf(replica), FRONTIER)
  const ring = async (): Promise<boolean> => {
    for (const one of [...timers]) one()
    await projection.settled().then(() => {})
    return projection.isLoaded
  }
  for (const one of [...timers]) one()
  assert.ok(projection.isLoaded)
  view.close()
  view.close()
  assert.is(view.list().length, 1)
  for (const one of [...timers]) one()
  await new Promise(resolve => setImmediate(resolve))
  assert.not(projection.isLoaded)
  assert.ok(await ring()) // A read loads it again.
})

test('a view of an unknown frontier does not open, and one of a closed replica says so', async () => {
  const replica = await open()
  assert.is(await codeOf(FrontierView.open(replica, 'vfr_0123456789abcdef')), 'ERR_FRONTIER_UNKNOWN')
  const view = await FrontierView.open(replica, FRONTIER)
  await replica.close()
  assert.is(await codeOf(view.refresh()), 'ERR_STORE_CLOSED')
  assert.is((view.error as { code?: string } | undefined)?.code, 'ERR_STORE_CLOSED')
  view.close()
})

test.run()
