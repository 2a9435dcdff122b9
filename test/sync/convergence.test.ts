// Replicas that meet over bad links end up equal over good ones, whatever was lost, repeated, late or cut, and wherever.
// Seeds that once failed are kept. The long run is test/campaign/simulate.ts.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ownLimits } from '../../src/sync/connection.ts'
import { NO_TRACE } from '../../src/sync/log-trace.ts'
import type { Mode } from '../../src/sync/message.ts'
import type { LinkFault } from '../../src/transport/link.ts'
import { chain, circle, FRONTIER, introduce, keyOf, type Local, local, logOf, type Made, node, plant } from './local.ts'
import { meet, Tape, wantsNothingTwice } from './meeting.ts'
import { Random } from './random.ts'
import { Scheduler } from './scheduler.ts'
import { simulate } from './simulation.ts'

const test = suite('sync/convergence')

/** Seeds with which a simulation failed once. */
const keptSeeds: readonly number[] = [10_938, 11_380]

test('replicas of random histories converge after sessions over bad links', async () => {
  const seeds = [...keptSeeds, ...Array.from({ length: 60 }, (_, i) => i + 1)]
  let failed = 0
  let held = 0
  for (const seed of seeds) {
    const outcome = await simulate(seed)
    failed += outcome.failed
    held += outcome.held
  }
  assert.ok(failed > seeds.length / 2, `only ${failed} sessions failed: the links are too good`)
  assert.is(held, 0)
})

test('replicas with a thousand heads converge after sessions over bad links', async () => {
  const { heads } = await simulate(1000, { replicas: 3, wide: 1000 })
  assert.ok(heads > 900, `${heads} heads`)
})

/** A pair with a history that takes every kind of message: diverged, with merges, and nodes that one side holds. */
interface Histories {
  readonly base: Made[]
  readonly client: Made[]
  readonly hub: Made[]
}

function histories(): Histories {
  const [one, two, stranger] = [keyOf('laptop'), keyOf('main'), keyOf('stranger')]
  const base = chain(two, 'base', 5)
  const left = chain(one, 'left', 3, base[2])
  const right = chain(two, 'right', 3, base[4])
  const odd = node(stranger, 'odd', [base[4]!])
  return {
    base,
    client: [...left, node(one, 'merge', [left[2]!, base[4]!])],
    hub: [...right, odd, node(two, 'on the odd one', [odd, right[2]!])],
  }
}

async function sidesOf({ base, client, hub }: Histories): Promise<{ client: Local; hub: Local }> {
  const [laptop, main] = await circle('laptop', 'main')
  await introduce(main!, await local('stranger'))
  await plant(laptop!, [...base, ...client])
  await plant(main!, [...base, ...hub])
  return { client: laptop!, hub: main! }
}

async function settled({ client, hub }: { client: Local; hub: Local }, history: Histories): Promise<void> {
  const { errors } = await meet({ client, hub, mode: 'both', wrap: wantsNothingTwice })
  assert.equal(errors, [])
  const { base, client: mine, hub: theirs } = history
  assert.is(logOf(hub).nodes, base.length + mine.length + theirs.length)
  assert.is(client.context.store.held.usage(FRONTIER).nodes, 2)
  await introduce(client, await local('stranger'))
  await client.context.frontier(FRONTIER).gate.release({ kind: 'key', id: keyOf('stranger').publicKeyBytes })
  assert.equal(logOf(client).heads(), logOf(hub).heads())
}

test('a session that loses, repeats or is cut at any one of its frames is simply run again', async () => {
  const history = histories()
  for (const mode of ['pull', 'push', 'both'] as readonly Mode[]) {
    const tape = new Tape()
    await meet({ ...(await sidesOf(history)), mode, fate: tape.fate })
    assert.ok(tape.frames.length > 10)
    for (let at = 0; at < tape.frames.length; at += 1) {
      for (const fate of ['cut', 'drop', 'duplicate'] as readonly LinkFault[]) {
        const sides = await sidesOf(history)
        await disturbed(sides, mode, (index: number) => (index === at ? fate : 'deliver'))
        await settled(sides, history)
      }
    }
  }
})

/** One session in which frame `index` has this fate. */
async function disturbed(
  { client, hub }: { client: Local; hub: Local },
  mode: Mode,
  fateAt: (index: number) => LinkFault,
): Promise<void> {
  const scheduler = new Scheduler(new Random(1))
  let index = 0
  const fate = (): Promise<LinkFault> => {
    const chosen = fateAt(index)
    index += 1
    return scheduler.fate({
      drop: Number(chosen === 'drop'),
      duplicate: Number(chosen === 'duplicate'),
      cut: Number(chosen === 'cut'),
    })()
  }
  const wrap = scheduler.watch.bind(scheduler)
  const session = meet({ client, hub, mode, fate, setTimer: scheduler.alarms.set, wrap })
  const [met] = await scheduler.run([session])
  const foreign = met!.errors.filter(code => !code.startsWith('ERR_SYNC_'))
  assert.equal(foreign, [])
}

test('what was acked before a cut is stored, and is not sent again', async () => {
  const [client, hub] = await circle('laptop', 'main')
  await plant(hub!, chain(keyOf('main'), 'long', 1500))
  const tape = new Tape()
  let acks = 0
  const fate = (frame: Uint8Array, from: 'a' | 'b'): LinkFault => {
    tape.fate(frame, from)
    if (tape.frames.at(-1)!.message.t === 'ack') acks += 1
    return acks === 3 ? 'cut' : 'deliver'
  }
  await meet({ client: client!, hub: hub!, mode: 'pull', fate })
  const kept = logOf(client!).nodes
  assert.ok(kept >= 512, `${kept} nodes after two acks`)
  const second = new Tape()
  const { errors } = await meet({
    client: client!,
    hub: hub!,
    mode: 'pull',
    fate: second.fate,
    wrap: wantsNothingTwice,
  })
  assert.equal(errors, [])
  assert.is(second.nodes, 1500 - kept)
  assert.equal(logOf(client!).heads(), logOf(hub!).heads())
})

test('what a wrong cursor hides behind a node that is held for its key comes with the next pull', async () => {
  const [client, hub] = await circle('laptop', 'main')
  const stranger = await local('stranger')
  await introduce(hub!, stranger)
  const hidden = chain(hub!.key, 'event', 3)
  await plant(client!, hidden.slice(0, 1))
  await plant(hub!, [...hidden, node(stranger.key, 'odd', [hidden[2]!])])
  const registry = client!.context.frontier(FRONTIER).registry.digest()
  const cursor = { store: hub!.context.store.id, seq: 4, trace: NO_TRACE }
  const identity = { hub: 'hub:main', key: hub!.key.publicKeyBytes, caps: [], limits: ownLimits() }
  await client!.services.remember(FRONTIER, identity, cursor, registry)
  const pull = { client: client!, hub: hub!, mode: 'pull' as const }
  assert.equal((await meet(pull)).errors, [])
  assert.is(logOf(client!).nodes, 1)
  assert.equal((await meet(pull)).errors, [])
  assert.is(logOf(client!).nodes, 3)
})

test('a cursor is not believed any more once the registry has changed', async () => {
  const [client, hub] = await circle('laptop', 'main')
  const [first, second] = await Promise.all([local('first'), local('second')])
  await introduce(hub!, first, second)
  const below = node(first.key, 'below')
  await plant(hub!, [below, node(second.key, 'above', [below])])
  const pull = { client: client!, hub: hub!, mode: 'pull' as const }
  await meet(pull)
  const { gate, registry, log, held } = client!.context.frontier(FRONTIER)
  assert.is(held.usage(FRONTIER).nodes, 2)
  // The lower node is let in and thrown out again: its maker was removed before anything of it was stored.
  await gate.exclusive(async () => {
    await introduce(client!, first)
    await registry.remove('hub:first', { heads: [], at: '2026-01-02T00:00:00.000Z' })
  })
  await gate.reevaluateHeld()
  assert.equal([log.nodes, held.usage(FRONTIER).nodes], [0, 1])
  await introduce(client!, first)
  // What is left is held for its key, and says nothing of the parent that it misses.
  assert.equal((await meet(pull)).errors, [])
  assert.equal([log.nodes, held.usage(FRONTIER).nodes], [1, 1])
})

test.run()
