// Damage to real files: flipped bits in tables and write-ahead logs, truncated and removed files.
// Damage is found by an open, a read or `verify`; damaged data is never returned and never reported
// as missing. Derived data is rebuilt.

import * as fs from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { equals, toHex, utf8 } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import type { Fault, Store, Wait } from '../../src/store/store.ts'
import { throwsCode } from './conformance.ts'
import { madeBlock, madeHeld, madeKey } from './made-nodes.ts'
import { flip, flipAt, frontier, StoreFolder } from './store-folder.ts'

const test = suite('store/damage')

const tables = /\.ldb$/
const walFiles = /^\d+\.log$/

test('a store with a damaged node in a table opens, but never returns the node', async () => {
  await using folder = await StoreFolder.make()
  await folder.crashed(10, 0)
  const victim = folder.nodes[42]!
  flipAt(folder.files('log', tables), victim.digest)
  await using store = await folder.open()
  const log = store.frontier(frontier)
  await throwsCode('ERR_STORE_CORRUPT', () => log.read([42]))
  await throwsCode('ERR_STORE_CORRUPT', () => log.read([1, 42, 2]))
  for (const reverse of [false, true]) {
    const seen: number[] = []
    await throwsCode('ERR_STORE_CORRUPT', async () => {
      for await (const rows of log.scan({ from: 0, reverse, batchBytes: 1 })) seen.push(...rows.map(row => row.seq))
    })
    assert.not(seen.includes(42))
  }
  assert.is(toHex((await log.read([41]))[0]!.digest), toHex(folder.nodes[41]!.digest))
  const found = await faults(store)
  assert.ok(found.some(fault => fault.kind === 'node' && fault.frontier === frontier && fault.seq === 42))
  assert.ok(found.every(fault => fault.kind === 'node'))
})

test("damage to a node's bytes alone is reported", async () => {
  await using folder = await StoreFolder.make()
  await folder.crashed(4, 0)
  flipAt(folder.files('log', tables), fillerOf(folder.nodes[15]!, 'after 10 5'))
  await using store = await folder.open()
  await throwsCode('ERR_STORE_CORRUPT', () => store.frontier(frontier).read([15]))
  assert.equal(
    (await faults(store)).map(fault => [fault.kind, fault.seq]),
    [['node', 15]],
  )
})

test('a record damaged in a table is not returned, and verify names it', async () => {
  await using folder = await StoreFolder.make()
  await using before = await folder.create()
  const value = madeKey('the value of peer one')
  await before.records.write([
    { key: 'peer/one', value },
    { key: 'x', value: utf8('y') },
  ])
  await before.close()
  flipAt(folder.files('log', tables), value)
  await using store = await folder.open()
  await throwsCode('ERR_STORE_CORRUPT', () => store.records.get('peer/one'))
  await throwsCode('ERR_STORE_CORRUPT', () => store.records.list('', { limit: 10 }))
  assert.is(Buffer.from((await store.records.get('x'))!).toString(), 'y')
  assert.equal(
    (await faults(store)).map(fault => fault.kind),
    ['record'],
  )
})

test('a damaged commit in the middle of the write-ahead log is found by every open', async () => {
  await using folder = await StoreFolder.make()
  await folder.crashed(3, 6)
  flipAt(folder.files('log', walFiles), folder.nodes[55]!.digest)
  for (let times = 0; times < 3; times++) await throwsCode('ERR_STORE_CORRUPT', () => folder.open())
  await using store = await folder.open({ check: 'report' })
  const log = store.frontier(frontier)
  assert.is(toHex((await log.read([29]))[0]!.digest), toHex(folder.nodes[29]!.digest))
  await throwsCode('ERR_STORE_CORRUPT', () => log.read([55]))
  await throwsCode('ERR_STORE_CORRUPT', () => store.records.write([{ key: 'a', value: utf8('b') }]))
  await throwsCode('ERR_STORE_CORRUPT', () => store.track('vfr_other'))
  const found = await faults(store)
  assert.ok(found.some(fault => fault.kind === 'commit' && fault.frontier === frontier && fault.seq === 50))
  await store.close()
  await throwsCode('ERR_STORE_CORRUPT', () => folder.open())
})

test('a damaged last commit is found, although nothing follows it', async () => {
  for (const offset of [-1, -200, -5000]) {
    await using folder = await StoreFolder.make()
    await folder.crashed(2, 4)
    flip(folder.files('log', walFiles)[0]!, offset)
    await throwsCode('ERR_STORE_CORRUPT', () => folder.open())
    await using store = await folder.open({ check: 'report' })
    assert.ok((await faults(store)).some(fault => fault.kind === 'commit'))
  }
})

test('a truncated or removed write-ahead log is found', async () => {
  for (const left of [0.9, 0.5, 0]) {
    await using folder = await StoreFolder.make()
    await folder.crashed(2, 4)
    const [file] = folder.files('log', walFiles)
    fs.truncateSync(file!, Math.floor(fs.statSync(file!).size * left))
    await throwsCode('ERR_STORE_CORRUPT', () => folder.open())
  }
  await using folder = await StoreFolder.make()
  await folder.crashed(2, 4)
  for (const file of folder.files('log', walFiles)) fs.rmSync(file)
  await throwsCode('ERR_STORE_CORRUPT', () => folder.open())
})

test('a lost write of records without nodes is found', async () => {
  for (const key of ['first', 'last']) {
    await using folder = await StoreFolder.make()
    await (await folder.create()).close()
    folder.die(`for (const name of ['first', 'second', 'last']) {
      await store.records.write([{ key: name, value: Buffer.from('the value of ' + name) }])
    }`)
    flipAt(folder.files('log', walFiles), utf8(`value of ${key}`))
    await throwsCode('ERR_STORE_CORRUPT', () => folder.open())
  }
})

test('a write that was not acknowledged may be lost', async () => {
  await using folder = await StoreFolder.make()
  await folder.crashed(2, 4)
  const [file] = folder.files('log', walFiles)
  fs.appendFileSync(file!, Buffer.alloc(300, 0xab))
  await using store = await folder.open()
  assert.is(store.frontier(frontier).nodes, 60)
  assert.equal(await faults(store), [])
})

test('an open indexes commits that the index lacks, at the end or in between', async () => {
  const damages: [string, (folder: StoreFolder) => void][] = [
    ['its write-ahead log is empty', folder => truncate(folder.files('index', walFiles), 0)],
    ['its write-ahead log is cut', folder => truncate(folder.files('index', walFiles), 0.6)],
    ['a batch in the middle is damaged', folder => flipAt(folder.files('index', walFiles), folder.nodes[55]!.digest)],
    ['the last batch is damaged', folder => flip(folder.files('index', walFiles)[0]!, -20)],
    ['it was taken away', folder => fs.rmSync(`${folder.path}/index`, { recursive: true })],
  ]
  for (const [what, damage] of damages) {
    await using folder = await StoreFolder.make()
    await folder.crashed(3, 6)
    damage(folder)
    await using store = await folder.open()
    await expectWhole(store, folder, what)
    await folder.commit(store, 10)
    await store.close()
    await using again = await folder.open()
    await expectWhole(again, folder, `${what}, once more`)
  }
})

test('a rebuild of the index may be interrupted', async () => {
  await using folder = await StoreFolder.make()
  await folder.crashed(30, 2)
  fs.rmSync(`${folder.path}/index`, { recursive: true })
  await (await folder.open()).close()
  // All entries are present, but not the tail.
  for (const file of folder.files('index', walFiles)) fs.truncateSync(file, 0)
  await using store = await folder.open()
  await expectWhole(store, folder, 'interrupted')
})

test('a lookup in a damaged index fails, and verify lists the damage', async () => {
  await using folder = await StoreFolder.make()
  await folder.crashed(10, 0)
  const key = Buffer.from(folder.nodes[42]!.digest).subarray(4)
  flipAt(folder.files('index', tables), key)
  await using store = await folder.open()
  const found = await faults(store)
  assert.ok(found.some(fault => fault.kind === 'index' && fault.seq === 42))
  assert.ok(found.every(fault => fault.kind === 'index'))
  await store.close()
  fs.rmSync(`${folder.path}/index`, { recursive: true })
  await using rebuilt = await folder.open()
  await expectWhole(rebuilt, folder, 'rebuilt')
})

test('an open names a table with a damaged frame before LevelDB reads it', async () => {
  for (const database of ['log', 'index', 'held'] as const) {
    await using folder = await StoreFolder.make()
    await using before = await folder.create()
    await folder.commit(before, 100)
    await before.held.put(frontier, [madeHeld('a', { kind: 'key', id: madeKey('k') })])
    await before.close()
    await (await folder.open()).close()
    const [file] = folder.files(database, tables)
    const whole = fs.readFileSync(file!)
    // From the end: magic, handles, index block, directory, filter.
    for (const offset of [-1, -4, -46, -60, -100, -130]) {
      flip(file!, offset)
      for (const check of ['strict', 'report'] as const)
        await throwsCode('ERR_STORE_CORRUPT', () => folder.open({ check }))
      fs.writeFileSync(file!, whole)
    }
    fs.truncateSync(file!, 20)
    await throwsCode('ERR_STORE_CORRUPT', () => folder.open())
    fs.writeFileSync(file!, whole)
    await (await folder.open()).close()
  }
})

test('a removed table is found by the open', async () => {
  for (const database of ['log', 'index', 'held'] as const) {
    await using folder = await StoreFolder.make()
    await using before = await folder.create()
    await folder.commit(before, 10)
    await before.held.put(frontier, [madeHeld('a', { kind: 'key', id: madeKey('k') })])
    await before.close()
    await (await folder.open()).close()
    for (const file of folder.files(database, tables)) fs.rmSync(file)
    await throwsCode('ERR_STORE_CORRUPT', () => folder.open())
  }
})

test('a removed database is found, and only the index is rebuilt', async () => {
  await using folder = await StoreFolder.make()
  await folder.crashed(2, 2)
  for (const database of ['log', 'held']) {
    fs.renameSync(`${folder.path}/${database}`, `${folder.path}/away`)
    await throwsCode('ERR_STORE_CORRUPT', () => folder.open())
    fs.renameSync(`${folder.path}/away`, `${folder.path}/${database}`)
  }
  for (const database of ['log', 'index', 'held']) {
    const current = fs.readFileSync(`${folder.path}/${database}/CURRENT`)
    fs.rmSync(`${folder.path}/${database}/CURRENT`)
    await throwsCode('ERR_STORE_CORRUPT', () => folder.open())
    fs.writeFileSync(`${folder.path}/${database}/CURRENT`, current)
  }
  await using store = await folder.open()
  await expectWhole(store, folder, 'put back')
})

test('a log restored from an older copy is refused', async () => {
  await using folder = await StoreFolder.make()
  await folder.crashed(3, 0)
  fs.cpSync(`${folder.path}/log`, `${folder.path}/old`, { recursive: true })
  await using store = await folder.open()
  await folder.commit(store, 10)
  await store.close()
  fs.rmSync(`${folder.path}/log`, { recursive: true })
  fs.renameSync(`${folder.path}/old`, `${folder.path}/log`)
  await throwsCode('ERR_STORE_CORRUPT', () => folder.open())
})

for (const [name, place] of [
  ['in the middle', 1],
  ['at the end', 2],
] as const) {
  test(`a batch of held nodes that is lost ${name} of the write-ahead log is found by the open`, async () => {
    await using folder = await StoreFolder.make()
    await folder.crashed(1, 0)
    const wait: Wait = { kind: 'key', id: madeKey('k') }
    const names = ['one', 'two', 'three']
    const held = names.map(one => madeHeld(one, wait, { size: 40_000 }))
    folder.hold(names, wait, 40_000)
    {
      await using sound = await folder.open()
      assert.is(sound.held.loss, undefined)
      assert.is(sound.held.usage().nodes, 3)
    }
    await using other = await StoreFolder.make()
    await other.crashed(1, 0)
    other.hold(names, wait, 40_000)
    flipAt(other.files('held', walFiles), held[place]!.bytes.subarray(20_000, 20_032))
    await using store = await other.open()
    assert.ok(store.held.usage().nodes < 3)
    assert.match(store.held.loss!, '3 nodes were held')
    const told = (await faults(store)).filter(({ kind }) => kind === 'held')
    assert.equal(
      told.map(({ reason }) => reason),
      [store.held.loss],
    )
    await store.held.put(frontier, held)
    await store.close()
    await using again = await other.open()
    assert.is(again.held.loss, undefined)
    assert.equal(await faults(again), [])
  })
}

test('adding, changing and deleting held nodes does not cause a false report of a loss', async () => {
  await using folder = await StoreFolder.make()
  await using before = await folder.create()
  const [one, two] = ['one', 'two'].map(name => madeHeld(name, { kind: 'key', id: madeKey('k') }))
  await before.held.put(frontier, [one!, two!, one!])
  await before.held.put(frontier, [{ ...one!, wait: { kind: 'parent', id: madeKey('p') } }])
  await before.held.delete(frontier, [two!.digest, madeKey('unknown')])
  await before.close()
  await using store = await folder.open()
  assert.equal([store.held.loss, store.held.usage().nodes], [undefined, 1])
  assert.equal(await faults(store), [])
})

test('a damaged held node is not returned, is listed by verify, and can be deleted', async () => {
  await using folder = await StoreFolder.make()
  await using before = await folder.create()
  const wait = { kind: 'key', id: madeKey('k') } as const
  const nodes = ['one', 'two', 'three'].map(name => madeHeld(`held ${name}`, wait))
  await before.held.put(frontier, nodes)
  await before.close()
  await (await folder.open()).close()
  flipAt(folder.files('held', tables), fillerOf({ ...nodes[1]!, parents: [] }, 'held two'))
  await using store = await folder.open()
  const { held } = store
  assert.equal(held.usage(), { nodes: 3, bytes: 900 })
  const two = nodes[1]!.digest
  await throwsCode('ERR_STORE_CORRUPT', () => held.get(frontier, [two]))
  await throwsCode('ERR_STORE_CORRUPT', () => held.list(frontier, { limit: 10 }))
  assert.ok(equals((await held.get(frontier, [nodes[0]!.digest]))[0]!.bytes, nodes[0]!.bytes))
  assert.equal(
    (await faults(store)).map(fault => [fault.kind, toHex(fault.digest!)]),
    [['held', toHex(two)]],
  )
  await held.delete(frontier, [two])
  assert.equal(held.usage(), { nodes: 2, bytes: 600 })
  assert.equal(await faults(store), [])
})

test('a damaged document is not returned and is listed by verify, and so is a missing one', async () => {
  await using folder = await StoreFolder.make()
  await using before = await folder.create()
  const blocks = ['one', 'two', 'three'].map(name => madeBlock(name))
  await before.frontier(frontier).documents.put(blocks)
  await before.close()
  await (await folder.open()).close()
  flipAt(folder.files('documents', tables), utf8('two'))
  await using store = await folder.open()
  const { documents } = store.frontier(frontier)
  await throwsCode('ERR_STORE_CORRUPT', () => documents.get(blocks[1]!.digest))
  assert.ok(equals((await documents.get(blocks[0]!.digest))!, blocks[0]!.bytes))
  assert.equal(
    (await faults(store)).map(({ kind, digest }) => [kind, toHex(digest!)]),
    [['document', toHex(blocks[1]!.digest)]],
  )
})

test('a store without documents/ opens and stores documents from then on', async () => {
  await using folder = await StoreFolder.make()
  await folder.crashed(2, 1)
  fs.rmSync(`${folder.path}/documents`, { recursive: true })
  await using store = await folder.open()
  await expectWhole(store, folder, 'without documents')
  const block = madeBlock('the first')
  await store.frontier(frontier).documents.put([block])
  assert.equal(await store.frontier(frontier).documents.has([block.digest]), [true])
})

test('with any one bit of the log flipped, no wrong data is returned and every error has a code', async () => {
  await using folder = await StoreFolder.make()
  await folder.crashed(4, 4)
  const files = [...folder.files('log', tables), ...folder.files('log', walFiles)].slice(0, 3)
  for (const file of files) {
    const whole = fs.readFileSync(file)
    const step = Math.ceil(whole.length / 12)
    for (let at = 3; at < whole.length; at += step) {
      const copy = `${folder.path}-copy`
      fs.cpSync(folder.path, copy, { recursive: true })
      flip(file, at)
      await expectNothingWrong(folder)
      fs.rmSync(folder.path, { recursive: true })
      fs.renameSync(copy, folder.path)
    }
  }
})

async function faults(store: Store): Promise<Fault[]> {
  const found: Fault[] = []
  for await (const fault of store.verify()) found.push(fault)
  return found
}

/**
 * Returns bytes of a node that occur once only, so that a compressed table contains them unchanged.
 */
function fillerOf(node: { bytes: Uint8Array; parents: readonly Uint8Array[] }, name: string): Uint8Array {
  const head = utf8(`${name}\n`).length + 32 * node.parents.length
  return node.bytes.subarray(head, head + 16)
}

function truncate(files: readonly string[], left: number): void {
  for (const file of files) fs.truncateSync(file, Math.floor(fs.statSync(file).size * left))
}

/** Asserts that all commits are in log and index, and that verify finds no faults. */
async function expectWhole(store: Store, folder: StoreFolder, what: string): Promise<void> {
  const log = store.frontier(frontier)
  const { nodes } = folder
  assert.is(log.nodes, nodes.length, what)
  assert.is(log.events, nodes.length, what)
  assert.equal(log.heads().map(toHex), [toHex(nodes.at(-1)!.digest)], what)
  const places = await log.locate(nodes.map(node => node.digest))
  assert.equal(
    places.map(place => place?.seq),
    nodes.map((_, seq) => seq),
    what,
  )
  assert.equal(await log.findByLabel(nodes[7]!.label), [7], what)
  assert.is(Buffer.from((await store.records.get('nodes'))!).toString(), `${nodes.length}`, what)
  assert.equal(await faults(store), [], what)
}

/** Asserts that every read returns the right data or fails with a code of the store. */
async function expectNothingWrong(folder: StoreFolder): Promise<void> {
  const typed = async (action: () => Promise<void>) => {
    try {
      await action()
    } catch (error) {
      if (!hasCode(error, 'ERR_STORE_CORRUPT', 'ERR_STORE_IO')) throw error
    }
  }
  const right = (row: { seq: number; digest: Uint8Array; bytes: Uint8Array }) => {
    const node = folder.nodes[row.seq]!
    assert.ok(equals(row.digest, node.digest) && equals(row.bytes, node.bytes))
  }
  await typed(async () => {
    await using store = await folder.open()
    await typed(async () => {
      for await (const rows of store.frontier(frontier).scan({ from: 0 })) rows.forEach(right)
    })
    for (let seq = 0; seq < store.frontier(frontier).nodes; seq += 9) {
      await typed(async () => (await store.frontier(frontier).read([seq])).forEach(right))
    }
    await typed(async () => void (await store.records.get('nodes')))
    await faults(store)
  })
}

test.run()
