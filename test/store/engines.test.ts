// Compares the two engines: both get the same random steps, the LevelDB store is reopened in
// between, and after each step every query must have the same result.

import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { toHex, utf8 } from '../../src/base/bytes.ts'
import { createLevelDb, MemoryStore, openLevelDb } from '../../src/store/index.ts'
import type { NodeEntry, Store, Wait } from '../../src/store/store.ts'
import { scratch } from '../shared-data.ts'
import { madeHeld, madeKey, madeNode } from './made-nodes.ts'

const test = suite('store/engines')

const frontiers = ['vfr_00000000000000aa', 'vfr_00000000000000bb']
const heldLimits = { bytesPerPeerMax: 1500, bytesMax: 2000 }

type Step =
  | { kind: 'commit'; frontier: number; nodes: { parents: number[]; event: number; again: number }[]; record: number }
  | { kind: 'records'; changes: { key: number; value: number }[] }
  | { kind: 'hold'; node: number; wait: number; peer: number; size: number }
  | { kind: 'release'; nodes: number[] }
  | { kind: 'reopen' }

const small = fc.nat(7)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      frontier: fc.nat(1),
      nodes: fc.array(fc.record({ parents: fc.array(fc.nat(12), { maxLength: 3 }), event: small, again: fc.nat(9) }), {
        maxLength: 6,
      }),
      record: fc.nat(3),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('records' as const),
      changes: fc.uniqueArray(fc.record({ key: small, value: small }), {
        maxLength: 4,
        selector: change => change.key,
      }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('hold' as const),
      node: small,
      wait: fc.nat(3),
      peer: fc.nat(1),
      size: fc.integer({ min: 40, max: 700 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('release' as const), nodes: fc.array(small, { maxLength: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
)

test('any steps give the same results in both engines', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async steps => {
      await using folder = await scratch()
      await using memory = new MemoryStore({ heldLimits })
      let level = await createLevelDb(folder.path, { heldLimits })
      try {
        for (const store of [memory, level]) for (const name of frontiers) await store.track(name)
        const known = new Map(frontiers.map(name => [name, [] as NodeEntry[]]))
        for (const [at, next] of steps.entries()) {
          if (next.kind === 'reopen') {
            await level.close()
            level = await openLevelDb(folder.path, { heldLimits })
          } else {
            const action = actionOf(next, at, known)
            assert.equal(await outcome(() => action(level)), await outcome(() => action(memory)))
          }
          assert.equal(await answers(level, known), await answers(memory, known))
        }
        for await (const fault of level.verify()) assert.unreachable(fault.reason)
      } finally {
        await level.close()
      }
    }),
    { numRuns: 25 },
  )
})

/**
 * Applies a step to a store. The nodes of a commit are derived from the step's index, so each step
 * makes new ones.
 */
function actionOf(
  next: Exclude<Step, { kind: 'reopen' }>,
  at: number,
  known: Map<string, NodeEntry[]>,
): (store: Store) => Promise<unknown> {
  switch (next.kind) {
    case 'commit': {
      const name = frontiers[next.frontier]!
      const before = known.get(name)!
      const chunk: NodeEntry[] = []
      for (const [index, { parents, event, again }] of next.nodes.entries()) {
        const all = [...before, ...chunk]
        const chosen = new Set(parents.map(back => all[all.length - 1 - back]).filter(node => node !== undefined))
        const old = before[event]
        // Sometimes a node that is already stored, which both must refuse.
        chunk.push(
          again === 0 && index > 0 && old !== undefined
            ? old
            : madeNode(`${at}.${index}`, [...chosen], { event: `event ${event}` }),
        )
      }
      const records = next.record === 0 ? [] : [{ key: `commit/${next.record}`, value: utf8(`${at}`) }]
      if (!chunk.some(node => before.includes(node))) known.set(name, [...before, ...chunk])
      return store => store.frontier(name).commit(chunk, records)
    }
    case 'records':
      return store =>
        store.records.write(
          next.changes.map(({ key, value }) => ({
            key: `key/${key}`,
            value: value === 0 ? undefined : utf8(`${value}`),
          })),
        )
    case 'hold': {
      const node = madeHeld(`held ${next.node}`, waits[next.wait]!, {
        size: 40 + 80 * next.node,
        from: madeKey(`peer ${next.peer}`),
      })
      return store => store.held.put(frontiers[0]!, [node])
    }
    case 'release': {
      const digests = next.nodes.map(node => madeHeld(`held ${node}`, waits[0]!, { size: 40 + 80 * node }).digest)
      return store => store.held.delete(frontiers[0]!, digests)
    }
  }
}

const waits: Wait[] = [
  { kind: 'parent', id: madeKey('p') },
  { kind: 'key', id: madeKey('p') },
  { kind: 'cut', id: madeKey('c') },
  { kind: 'document', id: madeKey('d') },
]

async function outcome(action: () => Promise<unknown>): Promise<unknown> {
  try {
    return (await action()) ?? 'done'
  } catch (error) {
    if (error instanceof TypeError) return 'TypeError'
    throw error
  }
}

/** Returns the results of all queries of a store, as plain values. */
async function answers(store: Store, known: Map<string, NodeEntry[]>): Promise<unknown> {
  const logs = []
  for (const name of frontiers) {
    const log = store.frontier(name)
    const nodes = known.get(name)!
    const rows = []
    for await (const batch of log.scan({ from: 0 })) {
      rows.push(...batch.map(({ seq, digest, parents }) => [seq, toHex(digest), parents]))
    }
    logs.push({
      counts: [log.nodes, log.events, log.headCount, toHex(log.headsDigest())],
      heads: log.heads().map(toHex),
      rows,
      places: await log.locate(nodes.map(node => node.digest)),
      events: await log.findByEvent(nodes),
      labelled: await Promise.all(nodes.slice(0, 5).map(node => log.findByLabel(node.label))),
    })
  }
  const records = (await store.records.list('', { limit: 100 })).map(({ key, value }) => [
    key,
    Buffer.from(value).toString(),
  ])
  const held = (await store.held.list(frontiers[0]!, { limit: 100 })).map(node => [
    toHex(node.digest),
    node.wait.kind,
    toHex(node.from),
  ])
  const counted = (await store.held.listWaits(frontiers[0]!, 10)).map(({ wait, nodes }) => [
    wait.kind,
    toHex(wait.id),
    nodes,
  ])
  return { logs, records, held, counted, usage: [store.held.usage(), store.held.usage(frontiers[1])] }
}

test.run()
