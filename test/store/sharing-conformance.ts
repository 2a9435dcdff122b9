// The conformance suite of engines with `sharing`: two handles on one store behave like two
// processes. Call `sharingSuite` with a uvu suite and a function that opens a store.

import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { toHex, utf8 } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import type { HeldLimits } from '../../src/store/index.ts'
import type { ForeignChange, FrontierStore, NodeEntry, Store } from '../../src/store/store.ts'
import { madeChain, madeHeld, madeKey, madeNode } from './made-nodes.ts'

/** An engine that several processes may have open at a time. */
export interface SharedEngine {
  readonly test: Test
  /** Opens a new store; `second` opens the same store once more. */
  open(options?: {
    heldLimits?: HeldLimits
  }): Promise<AsyncDisposable & { readonly store: Store; second(): Promise<Store> }>
}

const frontier = 'vfr_0123456789abcdef'

/** Adds all tests to `engine.test`. */
export function sharingSuite({ test, open }: SharedEngine): void {
  test('what one handle commits becomes visible in the other, which reports it', async () => {
    await using opened = await open()
    const here = opened.store
    const there = await opened.second()
    const changes = watch(there)
    const log = await here.track(frontier)
    const nodes = madeChain('a', 3)
    await log.commit(nodes, [{ key: 'a record', value: utf8('x') }])
    await log.commit([madeNode('wanted', [nodes[2]!], { text: 'wanted' })])
    await changes.until(seen => seen.some(({ kind }) => kind === 'records') && follows(there, log))
    assert.ok(changes.seen.some(change => change.kind === 'frontier' && change.frontier === frontier))
    assert.ok(changes.seen.some(change => change.kind === 'records' && change.keys.includes('a record')))
    sameLogs(there.frontier(frontier), log)
    assert.is(there.frontier(frontier).texts().wanted, 1)
    assert.is(Buffer.from((await there.records.get('a record'))!).toString(), 'x')
    assert.equal(await digests(there.frontier(frontier)), await digests(log))
  })

  test('a commit where another was faster changes nothing, catches up, and succeeds when it is decided again', async () => {
    await using opened = await open()
    const log = await opened.store.track(frontier)
    const other = await (await opened.second()).track(frontier)
    const root = madeNode('root')
    await log.commit([root])
    let refusals = 0
    const chains = ['x', 'y'].map(name => madeChain(name, 20))
    const write = async (target: FrontierStore, chain: readonly NodeEntry[]): Promise<void> => {
      for (const node of chain) {
        for (;;) {
          try {
            await target.commit([node])
            break
          } catch (error) {
            if (!hasCode(error, 'ERR_STORE_BEHIND')) throw error
            refusals += 1
          }
        }
      }
    }
    await Promise.all([write(log, chains[0]!), write(other, chains[1]!)])
    assert.ok(refusals > 0, 'the handles never met')
    await opened.store.sharing!.exclusive('look', async () => {})
    await log.commit([madeNode('last')])
    assert.is(log.nodes, 42)
    assert.is(new Set(await digests(log)).size, 42)
    const third = await opened.second()
    sameLogs(third.frontier(frontier), log)
    for await (const fault of third.verify()) assert.unreachable(fault.reason)
  })

  test('one node that both commit is stored once', async () => {
    await using opened = await open()
    const log = await opened.store.track(frontier)
    const other = await (await opened.second()).track(frontier)
    const node = madeNode('the same')
    const outcomes = await Promise.allSettled([log.commit([node]), other.commit([node])])
    assert.equal(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    const failed = outcomes.find(one => one.status === 'rejected')!
    assert.ok(failed.reason instanceof TypeError || hasCode(failed.reason, 'ERR_STORE_BEHIND'))
    assert.equal(await (await opened.second()).frontier(frontier).locate([node.digest]), [{ seq: 0, height: 0 }])
  })

  test('both handles track one frontier, and get the same log', async () => {
    await using opened = await open()
    const other = await opened.second()
    const names = Array.from({ length: 4 }, (_, at) => `vfr_000000000000000${at}`)
    await Promise.all(names.flatMap(name => [opened.store.track(name), other.track(name)]))
    assert.equal(opened.store.frontiers(), names)
    assert.equal(other.frontiers(), names)
    await opened.store.frontier(names[2]!).commit([madeNode('n')])
    await other.sharing!.exclusive('look', async () => {})
    assert.equal(
      names.map(name => other.frontier(name).nodes),
      [0, 0, 1, 0],
    )
  })

  test('tasks under one name run one at a time in all handles, and see what the earlier ones wrote', async () => {
    await using opened = await open()
    const stores = [opened.store, await opened.second()]
    const value = async (store: Store): Promise<number> =>
      Number(Buffer.from((await store.records.get('n')) ?? utf8('0')).toString())
    let running = 0
    const add = (store: Store): Promise<void> =>
      store.sharing!.exclusive('counter', async () => {
        running += 1
        assert.is(running, 1)
        await store.records.write([{ key: 'n', value: utf8(`${(await value(store)) + 1}`) }])
        running -= 1
      })
    await Promise.all(Array.from({ length: 20 }, (_, at) => add(stores[at % 2]!)))
    assert.is(await value(stores[1]!), 20)
    await opened.store.sharing!.exclusive('one', () => stores[1]!.sharing!.exclusive('two', async () => {}))
    const failing = opened.store.sharing!.exclusive('counter', async () => {
      throw new TypeError('of the task')
    })
    await failing.then(assert.unreachable, error => assert.is(error.message, 'of the task'))
    await add(stores[1]!)
  })

  test('texts that one handle changes are changed in the other', async () => {
    await using opened = await open()
    const log = await opened.store.track(frontier)
    await log.commit(madeChain('t', 4))
    const there = await opened.second()
    const other = there.frontier(frontier)
    const changes = watch(there)
    await log.setTexts([{ seq: 1, state: 'erased' }])
    await other.setTexts([
      { seq: 1, state: 'erased' },
      { seq: 2, state: 'left-out' },
    ])
    await log.setTexts([{ seq: 2, state: 'wanted' }])
    await there.sharing!.exclusive('look', async () => {})
    assert.ok(changes.seen.some(({ kind }) => kind === 'texts'))
    assert.equal(other.texts(), { here: 2, wanted: 1, 'left-out': 0, erased: 1, void: 0 })
    assert.equal(other.texts(), log.texts())
    const rows = await other.read([0, 1, 2, 3])
    assert.equal(
      rows.map(({ text }) => text),
      ['here', 'erased', 'wanted', 'here'],
    )
  })

  test('held nodes and their quotas belong to all handles together', async () => {
    await using opened = await open({ heldLimits: { bytesPerPeerMax: 700, bytesMax: 1500 } })
    const there = await opened.second()
    await opened.store.track(frontier)
    await there.sharing!.exclusive('look', async () => {})
    const wait = { kind: 'key', id: madeKey('k') } as const
    const [a, b, c] = ['a', 'b', 'c'].map(name => madeHeld(name, wait))
    const changes = watch(there)
    assert.equal(await opened.store.held.put(frontier, [a!, b!]), [true, true])
    await there.sharing!.exclusive('look', async () => {})
    assert.ok(changes.seen.some(({ kind }) => kind === 'held'))
    assert.equal(there.held.usage(frontier), { nodes: 2, bytes: 600 })
    assert.equal(await there.held.put(frontier, [c!]), [false])
    await there.held.delete(frontier, [a!.digest])
    assert.equal(await opened.store.held.put(frontier, [c!]), [true])
    assert.equal(await there.held.has(frontier, [a!.digest, b!.digest, c!.digest]), [false, true, true])
  })

  test('each node is seen once and in order by a reader that follows two writers', async () => {
    await using opened = await open()
    const log = await opened.store.track(frontier)
    const second = await opened.second()
    const other = second.frontier(frontier)
    const reader = (await opened.second()).frontier(frontier)
    const seen: string[] = []
    let isOver = false
    const follow = (async () => {
      for (let next = 0; !isOver || next < reader.nodes; ) {
        if (next >= reader.nodes) await new Promise(resolve => setTimeout(resolve, 5)) // timer: until the next look
        for await (const rows of reader.scan({ from: next })) {
          assert.is(rows[0]!.seq, next)
          next += rows.length
          seen.push(...rows.map(({ digest }) => toHex(digest)))
        }
      }
    })()
    for (let round = 0; round < 30; round++) {
      for (const [store, target] of [
        [opened.store, log],
        [second, other],
      ] as const) {
        await store.sharing!.exclusive('gate', async () => {
          await target.commit(madeChain(`${round} ${target === log}`, 3))
        })
      }
    }
    const expected = await digests((await opened.second()).frontier(frontier))
    for (let tries = 0; tries < 400 && reader.nodes < 180; tries++) {
      await new Promise(resolve => setTimeout(resolve, 10)) // timer: a look each second at the latest
    }
    isOver = true
    await follow
    assert.equal(seen, expected)
  })
}

/** Collects the changes that a handle reports. */
function watch(store: Store) {
  const seen: ForeignChange[] = []
  store.sharing!.subscribe(change => seen.push(change))
  const until = async (isDone: (seen: readonly ForeignChange[]) => boolean): Promise<void> => {
    for (let tries = 0; tries < 400 && !isDone(seen); tries++) {
      await new Promise(resolve => setTimeout(resolve, 10)) // timer: a look each second at the latest
    }
  }
  return { seen, until }
}

function follows(store: Store, log: FrontierStore): boolean {
  return store.frontiers().includes(log.name) && store.frontier(log.name).nodes === log.nodes
}

function sameLogs(a: FrontierStore, b: FrontierStore): void {
  assert.equal([a.nodes, a.events, a.headCount], [b.nodes, b.events, b.headCount])
  assert.is(toHex(a.headsDigest()), toHex(b.headsDigest()))
  assert.equal(a.texts(), b.texts())
}

async function digests(log: FrontierStore): Promise<string[]> {
  const all: string[] = []
  for await (const rows of log.scan({ from: 0 })) all.push(...rows.map(({ digest }) => toHex(digest)))
  return all
}
