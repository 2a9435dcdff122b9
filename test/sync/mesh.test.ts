// Five hubs that follow each other live end equal, whatever breaks: see mesh-simulation.ts. Seeds that once failed are kept. The
// long run is test/campaign/mesh.ts.
// timeout: 300 s: two hundred runs of five hubs, with every signature checked; 20 s on a machine with nothing else to do

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/base/errors.ts'
import { chain, FRONTIER, keyOf, local, plant, storeOf } from './local.ts'
import { Disk } from './mesh-disk.ts'
import { SHAPES } from './mesh-shapes.ts'
import { type MeshOutcome, simulateMesh } from './mesh-simulation.ts'
import type { MeshTally } from './mesh-texts.ts'
import { World } from './mesh-world.ts'
import { Random } from './random.ts'

const test = suite('sync/mesh')

/** Seeds with which a simulation failed once. */
const keptSeeds: readonly number[] = [1199, 5412]
const SEEDS = 200
const TEXT_SEEDS = 20
/** Seeds with which a simulation with texts failed once. */
const keptTextSeeds: readonly number[] = [201, 620]

test('hubs that follow each other through cuts, crashes, lies, late and lost registrations end equal', async () => {
  const failures: string[] = []
  const outcomes: MeshOutcome[] = []
  for (const seed of [...keptSeeds, ...Array.from({ length: SEEDS }, (_, i) => i + 1)]) {
    try {
      outcomes.push(await simulateMesh(seed))
    } catch (error) {
      failures.push(`${(error as Error).message}\n  node dist/test/campaign/mesh.js --seeds 1 --from ${seed}`)
    }
  }
  assert.is(failures.join('\n'), '')
  const sum = (of: (outcome: MeshOutcome) => number | boolean): number =>
    outcomes.reduce((total, one) => total + Number(of(one)), 0)
  // What is to be survived has happened, often enough.
  for (const shape of SHAPES) assert.ok(sum(one => one.shape === shape) > SEEDS / 20, shape)
  assert.ok(sum(one => one.lies > 0) > SEEDS / 5, 'too few lies')
  assert.ok(sum(one => one.crashes) > SEEDS / 4, 'too few crashes')
  assert.ok(sum(one => one.lostWrites) > 0, 'no write under way was lost at a crash')
  assert.ok(sum(one => one.revoked) > SEEDS / 10, 'too few revocations')
  assert.ok(sum(one => one.refused > 0) > SEEDS / 10, 'too few nodes of revoked hubs were offered')
  assert.ok(sum(one => one.late) > SEEDS / 5, 'too few late registrations')
  assert.ok(sum(one => one.broken) > 5 * SEEDS, 'too few broken sessions')
  assert.ok(sum(one => one.acknowledged) > 10 * SEEDS, 'too few events')
  assert.ok(sum(one => one.documents) > SEEDS / 2, 'too few documents')
  assert.ok(sum(one => one.faultless) > SEEDS / 10, 'too few runs without a fault')
})

test('headers are equal everywhere, texts are exactly where they must be, and erased ones are nowhere', async () => {
  const tallies: MeshTally[] = []
  const failures: string[] = []
  for (const seed of [...keptTextSeeds, ...Array.from({ length: TEXT_SEEDS }, (_, i) => i + 1)]) {
    try {
      tallies.push((await simulateMesh(seed, { texts: true })).texts!)
    } catch (error) {
      failures.push(`${(error as Error).message}\n  node dist/test/campaign/mesh.js --seeds 1 --from ${seed} --texts`)
    }
  }
  assert.is(failures.join('\n'), '')
  const sum = (of: (tally: MeshTally) => number): number => tallies.reduce((total, one) => total + of(one), 0)
  assert.ok(sum(one => one.erasures) > TEXT_SEEDS, 'too few erasures')
  assert.ok(sum(one => one.ownerErasures) > TEXT_SEEDS / 4, 'too few erasures by the owner')
  assert.ok(sum(one => one.deletions) > TEXT_SEEDS / 10, 'too few local deletions')
  assert.ok(sum(one => one.fetched) > TEXT_SEEDS / 2, 'too few texts were fetched')
  assert.ok(sum(one => one.dropped) > TEXT_SEEDS / 2, 'too few texts were dropped')
})

test('a seed gives the same run each time', async () => {
  for (const seed of [3, 5]) assert.equal(await simulateMesh(seed), await simulateMesh(seed))
  const texts = { texts: true }
  assert.equal(await simulateMesh(3, texts), await simulateMesh(3, texts))
})

test('a crash in a write leaves all of it or nothing on the disk, and nobody is told that it is there', async () => {
  for (const fate of ['crash before', 'crash after'] as const) {
    const store = storeOf('disk')
    await local('disk', { store })
    let isCrashed = false
    const crash = (): void => {
      isCrashed = true
    }
    const disk = new Disk({ moved() {}, fate: () => fate, delay: async () => {}, keeps: () => true, crash })
    const at = await local('disk', { store: disk.open(store) })
    const error = await plant(at, chain(keyOf('disk'), 'event', 3)).then(
      () => undefined,
      error => error,
    )
    assert.ok(isCrashed && hasCode(error, 'ERR_STORE_CLOSED'))
    assert.is(store.frontier(FRONTIER).nodes, fate === 'crash after' ? 3 : 0)
    const again = await local('disk', { store })
    assert.is(again.context.frontier(FRONTIER).log.nodes, store.frontier(FRONTIER).nodes)
  }
})

test('a write under way at a crash may be lost, one that has returned is there', async () => {
  for (const isKept of [true, false]) {
    const store = storeOf('disk')
    const nodes = chain(keyOf('disk'), 'event', 3)
    await local('disk', { store })
    const hooks = {
      moved() {},
      fate: () => 'goes well' as const,
      delay: async () => {},
      keeps: () => isKept,
      crash() {},
    }
    const disk = new Disk(hooks)
    const at = await local('disk', { store: disk.open(store) })
    await plant(at, nodes.slice(0, 2))
    const underWay = disk.open(store).records.write([{ key: 'a record', value: Uint8Array.of(1) }])
    disk.take()
    assert.ok(hasCode(await underWay.catch(error => error), 'ERR_STORE_CLOSED'))
    assert.is((await store.records.get('a record')) !== undefined, isKept)
    assert.is(store.frontier(FRONTIER).nodes, 2)
  }
})

test('virtual time goes on only when all that happened before has come to rest, in the order of time', async () => {
  const world = new World(new Random(1))
  const seen: string[] = []
  world.start(async () => {
    await world.pause(20)
    for (let i = 0; i < 5; i += 1) {
      world.moved()
      await new Promise(resolve => setImmediate(resolve))
    }
    seen.push(`a ${world.now}`)
  })
  world.after(21, () => seen.push(`b ${world.now}`))
  const alarm = world.setTimer(10, () => seen.push(`alarm ${world.now}`))
  world.after(9, () => alarm.restart())
  world.after(5, () => seen.push(`c ${world.now}`))
  world.after(6, () => seen.push('called off'))()
  await world.run(30)
  assert.equal(seen, ['c 5', 'alarm 19', 'a 20', 'b 21'])
  assert.is(world.now, 30)
  world.start(async () => {
    throw new TypeError('a fault in a task')
  })
  await world.run(40).then(
    () => assert.unreachable('the run did not fail'),
    error => assert.match(error.message, 'a fault in a task'),
  )
})

test.run()
