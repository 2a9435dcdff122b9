// Whether a store accepts writes: one state for every path of a failed write, and a folder that is no longer its own.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/base/bytes.ts'
import { diskError } from '../../src/base/disk-error.ts'
import { ReplicaError } from '../../src/base/errors.ts'
import { Batch } from '../../src/store/leveldb/database.ts'
import { roomFault, takeReserve } from '../../src/store/leveldb/guard/disk-room.ts'
import { FolderGuard } from '../../src/store/leveldb/guard/folder-guard.ts'
import { StoreWatch } from '../../src/store/leveldb/guard/store-watch.ts'
import { StoreHealth, type WriteRefusal } from '../../src/store/store-health.ts'
import { scratch, skip } from '../shared-data.ts'
import { throwsCode } from './conformance.ts'
import { type Fault, openFailing } from './failing-store.ts'
import { madeChain } from './made-nodes.ts'
import { frontier, StoreFolder } from './store-folder.ts'

const test = suite('store/health')

const MIB = 1024 * 1024

test('the errors of a disk are named in words, from a code and from the text of the system', () => {
  const cases = [
    ['ENOSPC', 'IO error: /s/log/000003.log: No space left on device', 'the disk is full (ENOSPC)'],
    ['EDQUOT', 'IO error: Disk quota exceeded', 'the disk quota is exhausted (EDQUOT)'],
    ['EMFILE', 'Too many open files', 'the process has too many open files (EMFILE)'],
    ['ENFILE', 'Too many open files in system', 'the system has too many open files (ENFILE)'],
    ['EIO', 'IO error: Input/output error', 'the disk reports an I/O error (EIO)'],
    ['EROFS', 'Read-only file system', 'the file system is read-only (EROFS)'],
  ] as const
  for (const [errno, text, words] of cases) {
    for (const message of [errno, text]) {
      const found = diskError(message)
      assert.equal([found?.errno, found?.words], [errno, words], message)
      assert.ok(found!.hint.length > 20)
    }
  }
  assert.is(diskError('the disk is on fire'), undefined)
})

test('a failed write of any database is the state of the store, with the cause in words', async () => {
  for (const database of ['log', 'index'] as const) {
    await using folder = await StoreFolder.make()
    await (await folder.create()).close()
    const fault: Fault = { database, after: false, message: 'IO error: 000003.log: No space left on device' }
    await using store = await openFailing(folder.path, fault)
    const changes: (WriteRefusal | undefined)[] = []
    store.health!.onChange(refusal => changes.push(refusal))
    assert.is(store.health!.refusal, undefined)
    const error = await failureOf(store.records.write([{ key: 'a', value: utf8('b') }]))
    assert.is(error.code, 'ERR_STORE_IO')
    assert.match(error.message, /the disk is full \(ENOSPC\)/)
    assert.is(error.facts.errno, 'ENOSPC')
    assert.equal(
      changes.map(refusal => refusal?.cause),
      ['failed'],
    )
    assert.is(store.health!.refusal?.error.message, error.message)
    const again = await failureOf(store.frontier(frontier).commit(madeChain('late', 1)))
    assert.equal([again.code, again.message], [error.code, error.message])
  }
})

test('a stronger cause replaces a weaker one, and only a lack of room ends by itself', () => {
  const health = new StoreHealth()
  const refuse = (cause: WriteRefusal['cause']): void =>
    health.refuse({ cause, error: new ReplicaError('ERR_STORE_IO', cause) })
  refuse('space')
  health.allow()
  assert.is(health.refusal, undefined)
  refuse('failed')
  refuse('space')
  health.allow()
  assert.is(health.refusal?.cause, 'failed')
  refuse('folder')
  refuse('failed')
  assert.is(health.refusal?.cause, 'folder')
  assert.throws(
    () => health.assertWritable(),
    (error: ReplicaError) => error.message === 'folder',
  )
})

test('a store refuses writes below 4 MiB of room, and accepts them again from 8 MiB on', () => {
  const isFault = (mib: number, isLow: boolean): boolean => roomFault(mib * MIB, { isLow }) !== undefined
  assert.equal(
    [3.9, 4, 7.9, 8].map(mib => isFault(mib, false)),
    [true, false, false, false],
  )
  assert.equal(
    [3.9, 4, 7.9, 8].map(mib => isFault(mib, true)),
    [true, true, true, false],
  )
  assert.match(roomFault(MIB, { isLow: false })!.message, /the disk is full \(ENOSPC\): 1024 KiB are free/)
})

test('the reserve is a file of 1 MiB, and is written again where it is missing', async () => {
  await using folder = await scratch()
  assert.ok(takeReserve(folder.path))
  assert.is(fs.statSync(folder.join('reserve')).size, MIB)
  fs.truncateSync(folder.join('reserve'), 10)
  assert.ok(takeReserve(folder.path))
  assert.is(fs.statSync(folder.join('reserve')).size, MIB)
})

/** What other processes do to the folder of an open store. */
const changes: { name: string; change: (store: string) => void }[] = [
  { name: 'removed', change: store => fs.rmSync(store, { recursive: true }) },
  { name: 'moved', change: store => fs.renameSync(store, `${store}.old`) },
  {
    name: 'replaced by a copy',
    change: store => {
      fs.renameSync(store, `${store}.old`)
      fs.cpSync(`${store}.copy`, store, { recursive: true })
    },
  },
  { name: 'restored in place', change: store => fs.cpSync(`${store}.copy`, store, { recursive: true, force: true }) },
  { name: 'unlocked by hand', change: store => fs.rmSync(path.join(store, 'log/LOCK')) },
  {
    name: 'locked anew',
    change: store => {
      fs.rmSync(path.join(store, 'log/LOCK'))
      fs.writeFileSync(path.join(store, 'log/LOCK'), '')
    },
  },
]

test('a store whose folder is no longer its own refuses the next write and touches no file there', async () => {
  for (const { name, change } of changes) {
    await using folder = await StoreFolder.make()
    const store = await folder.create()
    await folder.commit(store, 20)
    fs.cpSync(folder.path, `${folder.path}.copy`, { recursive: true })
    change(folder.path)
    const before = filesOf(folder.path)
    await throwsCode('ERR_STORE_REPLACED', () => store.frontier(frontier).commit(madeChain('late', 1)))
    await throwsCode('ERR_STORE_REPLACED', () => store.records.write([{ key: 'late', value: utf8('x') }]))
    await throwsCode('ERR_STORE_REPLACED', () => store.track('vfr_late'))
    assert.is(store.health!.refusal?.cause, 'folder', name)
    await store.close()
    assert.equal(filesOf(folder.path), before, name)
  }
})

test('the watch notices a replaced folder without a write', async () => {
  await using folder = await StoreFolder.make()
  await using store = await folder.create()
  const guard = new FolderGuard(folder.path)
  const health = new StoreHealth()
  const watch = new StoreWatch({ guard, health })
  guard.remember()
  watch.look()
  assert.is(health.refusal, undefined)
  fs.renameSync(folder.path, `${folder.path}.old`)
  watch.look()
  assert.is(health.refusal?.error.code, 'ERR_STORE_REPLACED')
  assert.match(health.refusal!.error.message, /was removed or moved/)
  guard.close()
  assert.ok(store.health !== undefined)
})

test('a database works on the folder that was opened, wherever that is moved', async () => {
  if (!fs.existsSync('/proc/self/fd')) return skip('a database works on the folder that was opened', 'no /proc')
  await using folder = await StoreFolder.make()
  await (await folder.create()).close()
  const guard = new FolderGuard(folder.path)
  const { openDatabase } = await import('../../src/store/leveldb/database.ts')
  const settings = { compression: true, writeBufferBytes: MIB, cacheBytes: MIB, blockBytes: 4096 }
  const options = { ...settings, create: false, fileBytes: MIB, filesMax: 74 }
  const database = await openDatabase(`${guard.path}/log`, options)
  fs.cpSync(folder.path, `${folder.path}.copy`, { recursive: true })
  fs.renameSync(folder.path, `${folder.path}.old`)
  fs.renameSync(`${folder.path}.copy`, folder.path)
  const before = filesOf(folder.path)
  const batch = new Batch()
  for (let i = 0; i < 100; i++) batch.put(utf8(`key ${i}`), new Uint8Array(20_000).fill(i))
  await database.write(batch, { sync: true })
  await database.flush()
  await database.close()
  guard.close()
  assert.equal(filesOf(folder.path), before)
  assert.ok(filesOf(`${folder.path}.old`)!.some(file => /ldb [0-9]{3}/.test(file)))
})

/** Every file below a folder with its size and time; undefined for a missing folder. */
function filesOf(folder: string): string[] | undefined {
  if (!fs.existsSync(folder)) return undefined
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => entry.isFile())
    .map(entry => {
      const file = path.join(entry.parentPath ?? entry.path, entry.name)
      const { size, mtimeMs, ino } = fs.statSync(file)
      return `${file} ${size} ${mtimeMs} ${ino}`
    })
    .sort()
}

async function failureOf(task: Promise<unknown>): Promise<ReplicaError> {
  try {
    await task
  } catch (error) {
    if (error instanceof ReplicaError) return error
    throw error
  }
  throw new TypeError('the write did not fail')
}

test.run()
