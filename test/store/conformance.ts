// The conformance suite of store engines. Call `storeSuite` with a uvu suite and a function that
// opens a store. Every engine runs the same steps. A durable engine is closed and reopened between
// them, so a test fails if something is only in memory.

import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { compare, concat, type Digest, equals, sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import type { ErrorCode } from '../../src/base/errors.ts'
import { hasCode } from '../../src/base/errors.ts'
import { COMMIT_LIMITS, STORE_LIMITS } from '../../src/base/limits.ts'
import type { HeldLimits } from '../../src/store/index.ts'
import type { FrontierStore, NodeEntry, NodeReader, NodeRow, ScanOptions, Store, Wait } from '../../src/store/store.ts'
import { documentSuite } from './document-conformance.ts'
import { madeChain, madeHeld, madeKey, madeNode } from './made-nodes.ts'

/**
 * A store under test. `reopen` closes and opens it; for an engine without a disk it returns the
 * same store.
 */
export interface OpenStore extends AsyncDisposable {
  readonly store: Store
  reopen(): Promise<Store>
}

/** An engine under test. */
export interface Engine {
  readonly test: Test
  open(options?: { heldLimits?: HeldLimits }): Promise<OpenStore>
}

const frontier = 'vfr_0123456789abcdef'
const other = 'vfr_fedcba9876543210'

/** Adds all tests of the contract to `engine.test`. */
export function storeSuite(engine: Engine): void {
  const { test } = engine

  test('a new store has no frontiers, no records and 16 bytes of id', async () => {
    await using opened = await engine.open()
    const { store } = opened
    assert.equal(store.frontiers(), [])
    assert.is(store.id.length, 16)
    assert.equal(await store.records.list('', { limit: 10 }), [])
    assert.equal(store.held.usage(), { nodes: 0, bytes: 0 })
    assert.equal(toHex((await opened.reopen()).id), toHex(store.id))
  })

  test('a frontier exists after it is tracked, and to track it again changes nothing', async () => {
    await using opened = await engine.open()
    const { store } = opened
    await throwsCode('ERR_FRONTIER_UNKNOWN', () => store.frontier(frontier))
    const log = await store.track(frontier)
    assert.is(log.name, frontier)
    assert.is(log.nodes, 0)
    assert.is(log.events, 0)
    assert.equal(log.heads(), [])
    assert.is(toHex(log.headsDigest()), toHex(sha256(new Uint8Array())))
    assert.is(await store.track(frontier), log)
    await store.track(other)
    await store.track('vfr_0000000000000000')
    const names = ['vfr_0000000000000000', frontier, other]
    assert.equal(store.frontiers(), names)
    assert.equal((await opened.reopen()).frontiers(), names)
    for (const name of ['', 'with space', 'x'.repeat(65), 'é'])
      await throwsCode('ERR_FRONTIER_ID', () => store.track(name))
  })

  test('nodes come back as they were committed, by number, by scan in both directions and by digest', async () => {
    await using opened = await engine.open()
    const { log, nodes } = await mesh(opened.store)
    await expectNodes(log, nodes)
    await expectNodes((await opened.reopen()).frontier(frontier), nodes)
  })

  test('a scan keeps to its bounds and its batches to their size', async () => {
    await using opened = await engine.open()
    const { nodes } = await mesh(opened.store)
    const log = (await opened.reopen()).frontier(frontier)
    const size = nodes.length
    const bounds = [[0], [3], [0, 5], [2, 2], [4, 2], [size - 1], [size], [size + 5], [0, size + 5]] as const
    for (const [from, to] of bounds) {
      for (const reverse of [false, true]) {
        const expected = nodes.map((_, seq) => seq).slice(from, to)
        if (reverse) expected.reverse()
        const rows = await scanned(log, { from, ...(to === undefined ? {} : { to }), reverse, batchBytes: 700 })
        assert.equal(
          rows.map(row => row.seq),
          expected,
        )
      }
    }
    for await (const rows of log.scan({ from: 0, batchBytes: 1 })) assert.is(rows.length, 1)
    for await (const rows of log.scan({ from: 0, batchBytes: 1000 })) {
      const bytes = rows.reduce((sum, row) => sum + row.bytes.length, 0)
      assert.ok(bytes - rows.at(-1)!.bytes.length < 1000)
    }
  })

  test('a scan may be abandoned, and several may run at a time', async () => {
    await using opened = await engine.open()
    const { log, nodes } = await mesh(opened.store)
    for await (const rows of log.scan({ from: 0, batchBytes: 1 })) {
      assert.is(rows[0]?.seq, 0)
      break
    }
    const all = await Promise.all([0, 1, 2, 3].map(from => scanned(log, { from, batchBytes: 500 })))
    assert.equal(
      all.map(rows => rows.length),
      [0, 1, 2, 3].map(from => nodes.length - from),
    )
  })

  test('a scan shows the log as it was when it began', async () => {
    await using opened = await engine.open()
    const { log, nodes } = await mesh(opened.store)
    const seen: number[] = []
    for await (const rows of log.scan({ from: 0, batchBytes: 1 })) {
      seen.push(rows[0]!.seq)
      if (seen.length === 1) await log.commit([madeNode('later')])
    }
    assert.is(seen.length, nodes.length)
  })

  test('texts are put in and taken out, and are counted and listed by their state', async () => {
    await using opened = await engine.open()
    const log = await opened.store.track(frontier)
    const [first, ...rest] = madeChain('text', 3)
    const wanted = madeNode('w', [rest.at(-1)!], { text: 'wanted' })
    const leftOut = madeNode('l', [wanted], { text: 'left-out' })
    await log.commit([first!, ...rest, wanted, leftOut])
    const heads = toHex(log.headsDigest())
    const none = { here: 0, wanted: 0, 'left-out': 0, erased: 0, void: 0 }
    assert.equal(log.texts(), { ...none, here: 3, wanted: 1, 'left-out': 1 })
    await log.setTexts([
      { seq: 3, text: utf8('w') },
      { seq: 0, state: 'erased' },
      { seq: 1, state: 'left-out' },
    ])
    const again = (await opened.reopen()).frontier(frontier)
    assert.equal(again.texts(), { ...none, here: 2, 'left-out': 2, erased: 1 })
    assert.equal(await again.absent('left-out', { limit: 9 }), [1, 4])
    assert.equal(await again.absent('left-out', { after: 1, limit: 9 }), [4])
    assert.equal(await again.absent('left-out', { limit: 1 }), [1])
    assert.equal(await again.absent('wanted', { limit: 9 }), [])
    const rows = await again.read([0, 1, 2, 3, 4])
    assert.equal(
      rows.map(row => row.text),
      ['erased', 'left-out', 'here', 'here', 'left-out'],
    )
    assert.equal(
      rows.map(row => row.bytes.length > row.headerBytes),
      [false, false, true, true, false],
    )
    assert.ok(equals(rows[3]!.bytes.subarray(rows[3]!.headerBytes), utf8('w')))
    assert.is(toHex(again.headsDigest()), heads)
    assert.equal(await again.locate([first!.digest]), [{ seq: 0, height: 0 }])
    assert.equal(await faults(opened.store), [])
  })

  test('a text that is not the node’s, a node twice and a node beyond the end change nothing', async () => {
    await using opened = await engine.open()
    const log = await opened.store.track(frontier)
    await log.commit([madeNode('a', [], { text: 'wanted' }), madeNode('b')])
    const before = log.texts()
    for (const changes of [
      [{ seq: 0, text: utf8('b') }],
      [{ seq: 0, text: new Uint8Array() }],
      [
        { seq: 0, state: 'erased' as const },
        { seq: 0, text: utf8('a') },
      ],
    ]) {
      await throwsTypeError('texts that do not fit', () => log.setTexts(changes))
    }
    await throwsCode('ERR_NOT_FOUND', () =>
      log.setTexts([
        { seq: 1, state: 'erased' },
        { seq: 2, state: 'erased' },
      ]),
    )
    await log.setTexts([{ seq: 1, text: utf8('b') }])
    assert.equal(log.texts(), before)
  })

  test('a snapshot has the first nodes of the log, in both directions, and no others', async () => {
    await using opened = await engine.open()
    const { nodes } = await mesh(opened.store)
    const log = (await opened.reopen()).frontier(frontier)
    for (const count of [0, 1, 7, nodes.length]) {
      const snapshot = log.snapshot(count)
      assert.is(snapshot.name, frontier)
      assert.is(snapshot.nodes, count)
      const bounds = [[0], [3], [0, 5], [count], [count + 1], [0, count + 5], [2, count]] as const
      for (const [from, to] of bounds) {
        for (const reverse of [false, true]) {
          const expected = nodes.map((_, seq) => seq).slice(from, Math.min(to ?? count, count))
          if (reverse) expected.reverse()
          const rows = await scanned(snapshot, { from, ...(to === undefined ? {} : { to }), reverse, batchBytes: 700 })
          assert.equal(
            rows.map(row => row.seq),
            expected,
          )
        }
      }
      const seqs = nodes.map((_, seq) => seq).slice(0, count)
      assert.equal(
        hex((await snapshot.read(seqs)).map(row => row.digest)),
        hex(nodes.slice(0, count).map(node => node.digest)),
      )
      for (const seq of [-1, count, nodes.length]) await throwsCode('ERR_NOT_FOUND', () => snapshot.read([seq]))
    }
  })

  test('a snapshot stays the same while the log grows', async () => {
    await using opened = await engine.open()
    const { log, nodes } = await mesh(opened.store)
    const snapshot = log.snapshot(log.nodes)
    await log.commit(madeChain('later', 3, nodes.at(-1)))
    assert.is(snapshot.nodes, nodes.length)
    assert.is((await scanned(snapshot, { from: 0 })).length, nodes.length)
    await throwsCode('ERR_NOT_FOUND', () => snapshot.read([nodes.length]))
    assert.is(log.snapshot(log.nodes).nodes, nodes.length + 3)
  })

  test('a snapshot of more nodes than the log has is refused', async () => {
    await using opened = await engine.open()
    const { log, nodes } = await mesh(opened.store)
    for (const count of [nodes.length + 1, -1, 1.5, Number.NaN]) {
      await throwsTypeError(`a snapshot of ${count} nodes`, () => log.snapshot(count))
    }
  })

  test('nodes, labels and events that are not stored are not found', async () => {
    await using opened = await engine.open()
    const { log, nodes } = await mesh(opened.store)
    const stranger = madeNode('stranger')
    assert.equal(await log.locate([stranger.digest, nodes[0]!.digest]), [undefined, { seq: 0, height: 0 }])
    assert.equal(await log.locate([]), [])
    assert.equal(await log.read([]), [])
    await throwsCode('ERR_NOT_FOUND', () => log.read([0, nodes.length]))
    await throwsCode('ERR_NOT_FOUND', () => log.read([-1]))
    assert.equal(await log.findByLabel(stranger.label), [])
    assert.equal(await log.findByEvent([stranger, nodes[0]!]), [undefined, 0])
  })

  test('the same node may be in two frontiers, each with its own numbers', async () => {
    await using opened = await engine.open()
    const [root, ...rest] = madeChain('shared', 3)
    const first = await opened.store.track(frontier)
    const second = await opened.store.track(other)
    await first.commit([madeNode('only here')])
    await first.commit([root!])
    await second.commit([root!, ...rest])
    for await (const store of nowAndReopened(opened)) {
      assert.equal(await store.frontier(frontier).locate([root!.digest, rest[0]!.digest]), [
        { seq: 1, height: 0 },
        undefined,
      ])
      assert.equal(await store.frontier(other).locate([root!.digest]), [{ seq: 0, height: 0 }])
      assert.is(store.frontier(frontier).nodes, 2)
      assert.is(store.frontier(other).events, 3)
    }
  })

  test('heads are the nodes without children, in byte order, whatever the shape', async () => {
    await using opened = await engine.open()
    const log = await opened.store.track(frontier)
    const root = madeNode('root')
    const wide = Array.from({ length: 40 }, (_, at) => madeNode(`wide ${at}`, [root]))
    await log.commit([root])
    expectHeads(log, [root])
    await log.commit(wide)
    expectHeads(log, wide)
    expectHeads((await opened.reopen()).frontier(frontier), wide)
    const again = (await opened.reopen()).frontier(frontier)
    const join = madeNode('join', wide.slice(0, 30))
    const late = madeNode('late', [root])
    await again.commit([join, late])
    expectHeads(again, [join, late, ...wide.slice(30)])
    expectHeads((await opened.reopen()).frontier(frontier), [join, late, ...wide.slice(30)])
  })

  test('the array of heads belongs to the caller', async () => {
    await using opened = await engine.open()
    const log = await opened.store.track(frontier)
    await log.commit(madeChain('a', 2))
    const digest = toHex(log.headsDigest())
    log.heads().length = 0
    assert.is(log.heads().length, 1)
    assert.is(toHex(log.headsDigest()), digest)
  })

  test('events are counted once, and labels find all nodes that carry them', async () => {
    await using opened = await engine.open()
    let log = await opened.store.track(frontier)
    const label = utf8('sameabel')
    const a = madeNode('a', [], { event: 'one' })
    const b = madeNode('b', [a], { event: 'two' })
    await log.commit([a, b, madeNode('c', [b], { event: 'one' })])
    assert.is(log.events, 2)
    log = (await opened.reopen()).frontier(frontier)
    assert.is(log.events, 2)
    await log.commit([madeNode('d', [], { event: 'one' }), madeNode('e', [], { event: 'three' })])
    // Two events with one label: a label does not decide whether two events are the same.
    await log.commit([madeNode('f', [], { event: 'four', label }), madeNode('g', [], { event: 'five', label })])
    await log.commit([madeNode('h', [], { event: 'four', label })])
    for await (const store of nowAndReopened(opened)) {
      const again = store.frontier(frontier)
      assert.is(again.nodes, 8)
      assert.is(again.events, 5)
      assert.equal(await again.findByLabel(a.label), [0, 2, 3])
      assert.equal(await again.findByLabel(b.label), [1])
      assert.equal(await again.findByLabel(label), [5, 6, 7])
      const shared: string[] = []
      for await (const one of again.sharedLabels()) shared.push(toHex(one))
      assert.equal(shared, [toHex(label)])
      const events = ['one', 'five', 'six'].map(name => ({ label: a.label, event: sha256(utf8(name)) }))
      assert.equal(await again.findByEvent(events), [0, undefined, undefined])
      assert.equal(await again.findByEvent([{ label, event: sha256(utf8('five')) }]), [6])
    }
  })

  test('concurrent commits run one after another', async () => {
    await using opened = await engine.open()
    const log = await opened.store.track(frontier)
    const chains = Array.from({ length: 20 }, (_, at) => madeChain(`chain ${at}`, 5))
    const firsts = await Promise.all(chains.map(chain => log.commit(chain)))
    assert.equal(
      firsts,
      chains.map((_, at) => at * 5),
    )
    await expectNodes((await opened.reopen()).frontier(frontier), chains.flat())
  })

  test('a commit that is refused leaves nothing behind', async () => {
    await using opened = await engine.open()
    const { log, nodes } = await mesh(opened.store)
    const before = toHex(log.headsDigest())
    const stranger = madeNode('stranger')
    const child = madeNode('child', [stranger])
    const fine = madeNode('fine', [nodes[0]!])
    const record = [{ key: 'with it', value: utf8('x') }]
    const refused: [string, NodeEntry[]][] = [
      ['a parent that is not there', [fine, child]],
      ['a node that is stored', [fine, nodes[3]!]],
      ['a node twice', [fine, fine]],
      ['a child before its parent', [madeNode('of fine', [fine]), fine]],
      ['itself as parent', [{ ...fine, parents: [fine.digest] }]],
      ['a short digest', [{ ...fine, digest: fine.digest.subarray(1) }]],
      ['a short label', [{ ...fine, label: fine.label.subarray(1) }]],
      ['a short event digest', [{ ...fine, event: fine.event.subarray(1) }]],
      ['a broken height', [{ ...fine, height: 1.5 }]],
      ['too many nodes', Array.from({ length: COMMIT_LIMITS.nodesMax + 1 }, (_, at) => madeNode(`n ${at}`))],
      ['too many bytes', Array.from({ length: 9 }, (_, at) => madeNode(`big ${at}`, [], { size: 1024 * 1024 }))],
    ]
    for (const [what, chunk] of refused) await throwsTypeError(what, () => log.commit(chunk, record))
    await throwsTypeError('a bad record', () => log.commit([fine], [{ key: '', value: utf8('x') }]))
    for await (const store of nowAndReopened(opened)) {
      const again = store.frontier(frontier)
      assert.is(again.nodes, nodes.length)
      assert.is(toHex(again.headsDigest()), before)
      assert.equal(await again.locate([fine.digest]), [undefined])
      assert.is(await store.records.get('with it'), undefined)
    }
    assert.is(await opened.store.frontier(frontier).commit([]), nodes.length)
  })

  test('a commit at the limits is accepted', async () => {
    await using opened = await engine.open()
    const log = await opened.store.track(frontier)
    await log.commit(madeChain('long', COMMIT_LIMITS.nodesMax))
    const size = COMMIT_LIMITS.bytesMax / 8
    await log.commit(Array.from({ length: 8 }, (_, at) => madeNode(`big ${at}`, [], { size })))
    const again = (await opened.reopen()).frontier(frontier)
    assert.is(again.nodes, COMMIT_LIMITS.nodesMax + 8)
    assert.is((await again.read([again.nodes - 1]))[0]?.bytes.length, size)
    const [place] = await again.locate([madeChain('long', COMMIT_LIMITS.nodesMax).at(-1)!.digest])
    assert.equal(place, { seq: COMMIT_LIMITS.nodesMax - 1, height: COMMIT_LIMITS.nodesMax - 1 })
  })

  test('records are read back, listed by prefix in byte order, changed and deleted', async () => {
    await using opened = await engine.open()
    const keys = ['a', 'a/1', 'a/2', 'a0', 'b', 'ä', '\u{1f600}', '\uff5e', 'a/\u0000']
    await opened.store.records.write(keys.map(key => ({ key, value: utf8(`value of ${key}`) })))
    const { records } = await opened.reopen()
    assert.is(text(await records.get('a/1')), 'value of a/1')
    assert.is(await records.get('a/3'), undefined)
    const listed = async (prefix: string, options: { after?: string; limit: number }) =>
      (await records.list(prefix, options)).map(({ key }) => key)
    assert.equal(await listed('', { limit: 100 }), [
      'a',
      'a/\u0000',
      'a/1',
      'a/2',
      'a0',
      'b',
      'ä',
      '\uff5e',
      '\u{1f600}',
    ])
    assert.equal(await listed('a/', { limit: 100 }), ['a/\u0000', 'a/1', 'a/2'])
    assert.equal(await listed('a/', { limit: 2 }), ['a/\u0000', 'a/1'])
    assert.equal(await listed('a/', { after: 'a/1', limit: 9 }), ['a/2'])
    assert.equal(await listed('a/', { after: 'a', limit: 1 }), ['a/\u0000'])
    assert.equal(await listed('a/', { after: 'b', limit: 9 }), [])
    assert.equal(await listed('c', { limit: 9 }), [])
    assert.equal(await listed('a', { limit: 0 }), [])
    await records.write([
      { key: 'a/1', value: undefined },
      { key: 'a/2', value: utf8('other') },
      { key: 'not there', value: undefined },
      { key: 'empty', value: new Uint8Array() },
    ])
    const again = (await opened.reopen()).records
    assert.equal(
      (await again.list('a/', { limit: 9 })).map(({ value }) => text(value)),
      ['value of a/\u0000', 'other'],
    )
    assert.is((await again.get('empty'))?.length, 0)
    assert.equal(await faults(opened.store), [])
  })

  test('records of a commit are stored with its nodes', async () => {
    await using opened = await engine.open()
    const log = await opened.store.track(frontier)
    await log.commit([madeNode('a')], [{ key: 'cursor', value: utf8('1') }])
    assert.is(
      await log.commit(
        [],
        [
          { key: 'cursor', value: utf8('2') },
          { key: 'more', value: utf8('x') },
        ],
      ),
      1,
    )
    const store = await opened.reopen()
    assert.is(text(await store.records.get('cursor')), '2')
    assert.is(text(await store.records.get('more')), 'x')
    await store.frontier(frontier).commit([madeNode('b')], [{ key: 'cursor', value: undefined }])
    assert.is(await (await opened.reopen()).records.get('cursor'), undefined)
    assert.equal(await faults(opened.store), [])
  })

  test('records have limits', async () => {
    await using opened = await engine.open()
    const longest = 'é'.repeat(STORE_LIMITS.recordKeyBytesMax / 2)
    const largest = Buffer.alloc(STORE_LIMITS.recordValueBytesMax, 7)
    await opened.store.records.write([{ key: longest, value: largest }])
    const { records } = await opened.reopen()
    assert.ok(equals((await records.get(longest))!, largest))
    await throwsTypeError('a long key', () => records.write([{ key: `${longest}x`, value: largest }]))
    await throwsTypeError('an empty key', () => records.write([{ key: '', value: largest }]))
    await throwsTypeError('a broken key', () => records.write([{ key: '\ud800', value: largest }]))
    await throwsTypeError('a large value', () =>
      records.write([{ key: 'x', value: Buffer.concat([largest, largest]) }]),
    )
    const many = Array.from({ length: 9 }, (_, at) => ({ key: `${at}`, value: largest }))
    await throwsTypeError('too many bytes', () => records.write(many))
    await throwsTypeError('one key twice', () => records.write([many[0]!, { key: '0', value: undefined }]))
  })

  test('held nodes are kept with their wait, found by it, and counted', async () => {
    await using opened = await engine.open()
    await opened.store.track(frontier)
    await opened.store.track(other)
    const parent: Wait = { kind: 'parent', id: madeKey('p') }
    const key: Wait = { kind: 'key', id: madeKey('p') }
    const nodes = [madeHeld('a', parent), madeHeld('b', parent, { size: 500 }), madeHeld('c', key)]
    assert.equal(await opened.store.held.put(frontier, nodes), [true, true, true])
    assert.equal(await opened.store.held.put(other, [nodes[0]!]), [true])
    const { held } = await opened.reopen()
    assert.equal(held.usage(frontier), { nodes: 3, bytes: 1100 })
    assert.equal(held.usage(other), { nodes: 1, bytes: 300 })
    assert.equal(held.usage(), { nodes: 4, bytes: 1400 })
    assert.equal(held.usage('vfr_0000000000000000'), { nodes: 0, bytes: 0 })
    const [a, unknown, c] = await held.get(frontier, [nodes[0]!.digest, madeKey('x'), nodes[2]!.digest])
    assert.is(unknown, undefined)
    for (const [found, put] of [
      [a!, nodes[0]!],
      [c!, nodes[2]!],
    ] as const) {
      for (const field of ['digest', 'bytes', 'key', 'from'] as const) assert.is(toHex(found[field]), toHex(put[field]))
      assert.is(found.wait.kind, put.wait.kind)
      assert.is(toHex(found.wait.id), toHex(put.wait.id))
    }
    assert.equal(await held.has(frontier, [nodes[1]!.digest, madeKey('x')]), [true, false])
    assert.equal(
      hex(await held.findByWait(frontier, parent, 10)),
      hex(sorted(nodes.slice(0, 2).map(node => node.digest))),
    )
    assert.is((await held.findByWait(frontier, parent, 1)).length, 1)
    assert.is((await held.findByWait(frontier, parent, 0)).length, 0)
    assert.equal(hex(await held.findByWait(frontier, key, 10)), [toHex(nodes[2]!.digest)])
    assert.equal(await held.findByWait(frontier, { kind: 'cut', id: key.id }, 10), [])
    assert.equal(
      (await held.listWaits(frontier, 10)).map(({ wait, nodes }) => [wait.kind, nodes]),
      [
        ['parent', 2],
        ['key', 1],
      ],
    )
    assert.is((await held.listWaits(frontier, 1)).length, 1)
    const all = sorted(nodes.map(node => node.digest))
    assert.equal(hex((await held.list(frontier, { limit: 10 })).map(node => node.digest)), hex(all))
    const rest = await held.list(frontier, { after: all[0]!, limit: 1 })
    assert.equal(hex(rest.map(node => node.digest)), [toHex(all[1]!)])
    await throwsCode('ERR_FRONTIER_UNKNOWN', () => held.put('vfr_0000000000000000', nodes))
    await throwsCode('ERR_FRONTIER_UNKNOWN', () => held.get('vfr_0000000000000000', []))
    assert.equal(await faults(opened.store), [])
  })

  test('a held node that is put again gets the new wait and does not count twice', async () => {
    await using opened = await engine.open()
    await opened.store.track(frontier)
    const before: Wait = { kind: 'parent', id: madeKey('p') }
    const after: Wait = { kind: 'cut', id: madeKey('c') }
    const node = madeHeld('a', before)
    await opened.store.held.put(frontier, [node])
    await opened.store.held.put(frontier, [
      { ...node, from: madeKey('another peer') },
      { ...node, wait: after },
    ])
    const { held } = await opened.reopen()
    assert.equal(held.usage(), { nodes: 1, bytes: 300 })
    assert.equal(await held.findByWait(frontier, before, 10), [])
    assert.is((await held.findByWait(frontier, after, 10)).length, 1)
    const [found] = await held.get(frontier, [node.digest])
    assert.is(toHex(found!.from), toHex(node.from))
    assert.is(found!.wait.kind, 'cut')
    assert.is((await held.listWaits(frontier, 10)).length, 1)
    assert.equal(await faults(opened.store), [])
  })

  test('deleted held nodes return their bytes to the quota; others are ignored', async () => {
    await using opened = await engine.open()
    await opened.store.track(frontier)
    const nodes = ['a', 'b', 'c'].map(name => madeHeld(name, { kind: 'key', id: madeKey('k') }))
    await opened.store.held.put(frontier, nodes)
    const digests = nodes.map(node => node.digest)
    await opened.store.held.delete(frontier, [digests[0]!, digests[0]!, madeKey('x'), digests[2]!])
    for await (const store of nowAndReopened(opened)) {
      assert.equal(store.held.usage(), { nodes: 1, bytes: 300 })
      assert.equal(await store.held.has(frontier, digests), [false, true, false])
      assert.equal(await store.held.listWaits(frontier, 9).then(all => all.map(wait => wait.nodes)), [1])
    }
  })

  test('a purge takes texts of held nodes out and returns their bytes to the quota; others keep theirs', async () => {
    await using opened = await engine.open()
    await opened.store.track(frontier)
    const nodes = ['a', 'b', 'c'].map(name => madeHeld(name, { kind: 'key', id: madeKey('k') }))
    await opened.store.held.put(frontier, nodes)
    const [a, b, c] = nodes.map(node => node.digest)
    await opened.store.held.delete(frontier, [c!])
    await opened.store.held.purge(frontier, [a!, a!, c!, madeKey('x')])
    await opened.store.held.purge(frontier, [a!])
    for await (const store of nowAndReopened(opened)) {
      const [first, second] = await store.held.get(frontier, [a!, b!])
      assert.is(toHex(first!.bytes), toHex(nodes[0]!.bytes.subarray(0, nodes[0]!.headerBytes)))
      assert.is(toHex(second!.bytes), toHex(nodes[1]!.bytes))
      assert.equal(store.held.usage(frontier), { nodes: 2, bytes: 300 + nodes[0]!.headerBytes })
      assert.is((await store.held.listWaits(frontier, 9))[0]!.nodes, 2)
      assert.equal(await faults(store), [])
    }
    await opened.store.held.delete(frontier, [a!, b!])
    assert.equal(opened.store.held.usage(), { nodes: 0, bytes: 0 })
  })

  test('a full quota refuses further nodes and evicts none', async () => {
    await using opened = await engine.open({ heldLimits: { bytesPerPeerMax: 1000, bytesMax: 1500 } })
    await opened.store.track(frontier)
    await opened.store.track(other)
    const wait: Wait = { kind: 'key', id: madeKey('k') }
    const from = madeKey('second peer')
    const put = (name: string, size: number, peer?: Uint8Array) =>
      opened.store.held.put(frontier, [madeHeld(name, wait, { size, ...(peer === undefined ? {} : { from: peer }) })])
    assert.equal(await put('a', 600), [true])
    assert.equal(await put('b', 401), [false])
    assert.equal(await put('c', 400), [true])
    assert.equal(await put('d', 100), [false], 'the peer has none left')
    assert.equal(await put('e', 501, from), [false], 'together they have too little left')
    await opened.reopen()
    assert.equal(await put('d', 100), [false])
    assert.equal(await put('f', 500, from), [true])
    assert.equal(await put('f', 500), [true], 'what is held already needs no room')
    assert.equal(await opened.store.held.put(other, [madeHeld('g', wait, { size: 100 })]), [false])
    assert.equal(opened.store.held.usage(), { nodes: 3, bytes: 1500 })
    await opened.store.held.delete(frontier, [madeHeld('a', wait, { size: 600 }).digest])
    const mixed = [
      madeHeld('h', wait, { size: 601 }),
      madeHeld('i', wait, { size: 600 }),
      madeHeld('j', wait, { size: 1 }),
    ]
    assert.equal(await opened.store.held.put(frontier, mixed), [false, true, false])
    assert.equal((await opened.reopen()).held.usage(frontier), { nodes: 3, bytes: 1500 })
  })

  test('verify finds no faults, reports progress, and can be aborted', async () => {
    await using opened = await engine.open()
    const { nodes } = await mesh(opened.store)
    const store = await opened.reopen()
    const seen: number[] = []
    for await (const fault of store.verify({ onProgress: count => seen.push(count) })) assert.unreachable(fault.reason)
    assert.is(seen.at(-1), nodes.length)
    const signal = AbortSignal.abort()
    await throwsCode('ERR_ABORTED', async () => {
      for await (const fault of store.verify({ signal })) assert.unreachable(fault.reason)
    })
  })

  test('verify finds no faults while commits run', async () => {
    await using opened = await engine.open()
    const { log, nodes } = await mesh(opened.store)
    const chain = madeChain('meanwhile', 300, nodes.at(-1))
    const writing = (async () => {
      for (let at = 0; at < chain.length; at += 10) {
        await log.commit(chain.slice(at, at + 10), [{ key: 'at', value: utf8(`${at}`) }])
      }
    })()
    for (let times = 0; times < 5; times++) assert.equal(await faults(opened.store), [])
    await writing
    assert.equal(await faults(opened.store), [])
  })

  test('a closed store rejects with ERR_STORE_CLOSED, and to close it twice has no effect', async () => {
    await using opened = await engine.open()
    const { store } = opened
    const { log } = await mesh(store)
    const snapshot = log.snapshot(log.nodes)
    await Promise.all([store.close(), store.close()])
    await throwsCode('ERR_STORE_CLOSED', () => log.commit([madeNode('late')]))
    await throwsCode('ERR_STORE_CLOSED', () => log.read([0]))
    await throwsCode('ERR_STORE_CLOSED', () => log.locate([]))
    await throwsCode('ERR_STORE_CLOSED', () => scanned(log, { from: 0 }))
    await throwsCode('ERR_STORE_CLOSED', () => scanned(snapshot, { from: 0 }))
    await throwsCode('ERR_STORE_CLOSED', () => snapshot.read([0]))
    await throwsCode('ERR_STORE_CLOSED', () => store.records.write([]))
    await throwsCode('ERR_STORE_CLOSED', () => store.records.get('x'))
    await throwsCode('ERR_STORE_CLOSED', () => store.held.put(frontier, []))
    await throwsCode('ERR_STORE_CLOSED', () => store.held.list(frontier, { limit: 1 }))
    await throwsCode('ERR_STORE_CLOSED', () => store.track(other))
  })

  test('close waits for the commit that is running', async () => {
    await using opened = await engine.open()
    const log = await opened.store.track(frontier)
    const running = log.commit(madeChain('running', 50))
    await opened.store.close()
    assert.is(await running, 0)
  })

  documentSuite(engine)
}

async function* nowAndReopened(opened: OpenStore): AsyncGenerator<Store> {
  yield opened.store
  yield await opened.reopen()
}

/**
 * Commits, in uneven chunks, the nodes of two writers who merge sometimes, and some nodes without
 * children.
 */
async function mesh(store: Store): Promise<{ log: FrontierStore; nodes: NodeEntry[] }> {
  const log = await store.track(frontier)
  const nodes = [madeNode('root')]
  let [left, right] = [nodes[0]!, nodes[0]!]
  for (let at = 0; at < 12; at++) {
    left = madeNode(`left ${at}`, [left])
    right = madeNode(`right ${at}`, [right], { size: 100 * at })
    nodes.push(left, right)
    if (at % 4 !== 3) continue
    const parents = [left, right].sort((a, b) => compare(a.digest, b.digest))
    left = right = madeNode(`merge ${at}`, parents)
    nodes.push(left, madeNode(`leaf ${at}`, [left]))
  }
  for (let at = 0, size = 1; at < nodes.length; at += size++) {
    assert.is(await log.commit(nodes.slice(at, at + size)), at)
  }
  return { log, nodes }
}

async function expectNodes(log: FrontierStore, nodes: readonly NodeEntry[]): Promise<void> {
  assert.is(log.nodes, nodes.length)
  const seqs = new Map(nodes.map((node, seq) => [toHex(node.digest), seq]))
  const expectRow = (row: NodeRow, seq: number) => {
    const node = nodes[seq]!
    assert.is(row.seq, seq)
    assert.is(toHex(row.digest), toHex(node.digest))
    assert.ok(equals(row.bytes, node.bytes))
    assert.equal(
      row.parents,
      node.parents.map(parent => seqs.get(toHex(parent))),
    )
  }
  const forward = await scanned(log, { from: 0 })
  assert.is(forward.length, nodes.length)
  for (const [seq, row] of forward.entries()) expectRow(row, seq)
  const backward = await scanned(log, { from: 0, reverse: true })
  for (const [at, row] of backward.reverse().entries()) expectRow(row, at)
  const anywhere = nodes.map((_, at) => (at * 7) % nodes.length)
  for (const [at, row] of (await log.read(anywhere)).entries()) expectRow(row, anywhere[at]!)
  const places = await log.locate(nodes.map(node => node.digest))
  for (const [seq, node] of nodes.entries()) assert.equal(places[seq], { seq, height: node.height })
  const parents = new Set(nodes.flatMap(node => node.parents).map(toHex))
  expectHeads(
    log,
    nodes.filter(node => !parents.has(toHex(node.digest))),
  )
  assert.is(log.events, new Set(nodes.map(node => toHex(node.event))).size)
}

function expectHeads(log: FrontierStore, nodes: readonly NodeEntry[]): void {
  const digests = sorted(nodes.map(node => node.digest))
  assert.equal(hex(log.heads()), hex(digests))
  assert.is(log.headCount, digests.length)
  assert.is(toHex(log.headsDigest()), toHex(sha256(concat(digests))))
}

async function scanned(log: NodeReader, options: ScanOptions): Promise<NodeRow[]> {
  const rows: NodeRow[] = []
  for await (const batch of log.scan(options)) rows.push(...batch)
  return rows
}

async function faults(store: Store): Promise<string[]> {
  const reasons: string[] = []
  for await (const fault of store.verify()) reasons.push(fault.reason)
  return reasons
}

function sorted(digests: readonly Digest[]): Digest[] {
  return [...digests].sort(compare)
}

function hex(digests: readonly Digest[]): string[] {
  return digests.map(toHex)
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString()
}

export async function throwsCode(code: ErrorCode, action: () => unknown): Promise<void> {
  try {
    await action()
  } catch (error) {
    if (hasCode(error, code)) return
    throw error
  }
  assert.unreachable(`no ${code}`)
}

async function throwsTypeError(what: string, action: () => unknown): Promise<void> {
  try {
    await action()
  } catch (error) {
    if (error instanceof TypeError) return
    throw error
  }
  assert.unreachable(`${what} was accepted`)
}
