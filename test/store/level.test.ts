// The LevelDB engine: the conformance suite, with a reopen between the steps, and tests of the
// folder: create, open, versions, locks.

import * as childProcess from 'node:child_process'
import * as fs from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createLevelDb, openLevelDb } from '../../src/store/index.ts'
import { scratch } from '../shared-data.ts'
import { storeSuite, throwsCode } from './conformance.ts'
import { frontier, StoreFolder } from './store-folder.ts'

const test = suite('store/level')

storeSuite({
  test,
  async open(options) {
    const folder = await scratch()
    let store = await createLevelDb(folder.path, options)
    return {
      get store() {
        return store
      },
      async reopen() {
        await store.close()
        store = await openLevelDb(folder.path, options)
        return store
      },
      async [Symbol.asyncDispose]() {
        await store.close()
        await folder[Symbol.asyncDispose]()
      },
    }
  },
})

test('an open never creates a store', async () => {
  await using folder = await scratch()
  await throwsCode('ERR_STORE_MISSING', () => openLevelDb(folder.path))
  await throwsCode('ERR_STORE_MISSING', () => openLevelDb(folder.join('nowhere')))
  assert.equal(fs.readdirSync(folder.path), [])
})

test('a store is created once, and other files in the folder do not matter', async () => {
  await using folder = await scratch()
  fs.writeFileSync(folder.join('key'), 'a key')
  await (await createLevelDb(folder.path)).close()
  await throwsCode('ERR_STORE_EXISTS', () => createLevelDb(folder.path))
  assert.is(fs.readFileSync(folder.join('key'), 'utf8'), 'a key')
})

test('an interrupted create can be repeated; a store without store.json is not overwritten', async () => {
  await using folder = await StoreFolder.make()
  await (await createLevelDb(folder.path)).close()
  fs.rmSync(`${folder.path}/store.json`)
  fs.rmSync(`${folder.path}/index`, { recursive: true })
  await throwsCode('ERR_STORE_CORRUPT', () => openLevelDb(folder.path))
  const store = await folder.create()
  await folder.commit(store, 10)
  await store.close()
  fs.rmSync(`${folder.path}/store.json`)
  await throwsCode('ERR_STORE_CORRUPT', () => openLevelDb(folder.path))
  await throwsCode('ERR_STORE_EXISTS', () => createLevelDb(folder.path))
})

test('a second process cannot open the store at the same time, but can afterwards', async () => {
  await using folder = await StoreFolder.make()
  const store = await folder.create()
  assert.match(openElsewhere(folder.path), /^ERR_STORE_LOCKED .*another process/)
  // A second open in the same process must not release the lock.
  await throwsCode('ERR_STORE_LOCKED', () => openLevelDb(`${folder.path}/../store`))
  assert.match(openElsewhere(folder.path), /^ERR_STORE_LOCKED .*another process/)
  await folder.commit(store, 10)
  await store.close()
  assert.is(openElsewhere(folder.path), 'opened 10\n')
  await (await folder.open()).close()
})

test('a process that exits without closing its store loses no data', async () => {
  await using folder = await StoreFolder.make()
  await (await folder.create()).close()
  const url = new URL('./made-nodes.js', import.meta.url)
  const commit = `import { madeChain } from '${url}'; await store.frontier('${frontier}').commit(madeChain('a', 20)); process.exit()`
  openElsewhere(folder.path, commit)
  assert.is(openElsewhere(folder.path), 'opened 20\n')
})

test('a newer layout is refused before anything is changed', async () => {
  await using folder = await StoreFolder.make()
  await (await folder.create()).close()
  const file = `${folder.path}/store.json`
  const format = JSON.parse(fs.readFileSync(file, 'utf8'))
  fs.writeFileSync(file, JSON.stringify({ ...format, version: format.version + 1 }))
  const before = fs.readdirSync(folder.path, { recursive: true }).length
  await throwsCode('ERR_STORE_VERSION', () => openLevelDb(folder.path))
  await throwsCode('ERR_STORE_VERSION', () => createLevelDb(folder.path))
  assert.is(fs.readdirSync(folder.path, { recursive: true }).length, before)
  for (const text of ['', 'null', '{}', '{"format":"other","version":1}', JSON.stringify({ ...format, id: 'ab' })]) {
    fs.writeFileSync(file, text)
    await throwsCode('ERR_STORE_CORRUPT', () => openLevelDb(folder.path))
  }
})

test('a log belongs to its store and a stream to its name', async () => {
  await using folder = await StoreFolder.make()
  await using other = await StoreFolder.make()
  for (const each of [folder, other]) {
    const store = await each.create()
    await each.commit(store, 10)
    await store.close()
  }
  fs.rmSync(`${folder.path}/log`, { recursive: true })
  fs.cpSync(`${other.path}/log`, `${folder.path}/log`, { recursive: true })
  await throwsCode('ERR_STORE_CORRUPT', () => folder.open())
  fs.rmSync(`${folder.path}/index`, { recursive: true })
  await throwsCode('ERR_STORE_CORRUPT', () => folder.open())
})

test('the size on disk grows with what is stored', async () => {
  await using folder = await StoreFolder.make()
  await using store = await folder.create()
  const before = await store.diskBytes()
  await folder.commit(store, 200)
  assert.ok((await store.diskBytes()) > before + 200 * 700)
})

/** Opens the store in another process, runs `code` there and returns its output. */
function openElsewhere(location: string, code = ''): string {
  const url = new URL('../../src/store/index.js', import.meta.url)
  const script = `import { openLevelDb } from '${url}'
    let store
    try { store = await openLevelDb(${JSON.stringify(location)}) } catch (error) { console.log(error.code, error.message); process.exit() }
    console.log('opened', store.frontier('${frontier}').nodes)
    ${code}
    await store.close()`
  return childProcess.execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
}

test.run()
