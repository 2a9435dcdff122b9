import * as fs from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/base/errors.ts'
import { findStore, storeIn } from '../../src/cli/find-store.ts'
import { scratch, skip } from '../shared-data.ts'

const test = suite('cli/find-store')

async function code(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    if (hasCode(error)) return error.code
    throw error
  }
  return 'found'
}

test('the nearest store in the folder or above it is found', async () => {
  await using dir = await scratch()
  const deep = dir.join('lab', 'notes', 'today')
  await fs.mkdir(deep, { recursive: true })
  await fs.mkdir(dir.join('.replica'))
  assert.is(await findStore({ cwd: deep, dir: undefined }), dir.join('.replica'))
  await fs.mkdir(dir.join('lab', '.replica'))
  assert.is(await findStore({ cwd: deep, dir: undefined }), dir.join('lab', '.replica'))
  assert.is(await findStore({ cwd: dir.join('lab', '.replica'), dir: undefined }), dir.join('lab', '.replica'))
})

test('a named folder is the store or its parent', async () => {
  await using dir = await scratch()
  await fs.mkdir(dir.join('lab', '.replica'), { recursive: true })
  await fs.mkdir(dir.join('plain'))
  const cwd = dir.path
  assert.is(await findStore({ cwd, dir: 'lab' }), dir.join('lab', '.replica'))
  assert.is(await findStore({ cwd, dir: 'lab/.replica' }), dir.join('lab', '.replica'))
  assert.is(await findStore({ cwd, dir: dir.join('plain') }), dir.join('plain'))
})

test('a missing store and a file in its place are ERR_STORE_MISSING', async () => {
  await using dir = await scratch()
  await fs.writeFile(dir.join('.replica'), '')
  assert.is(await code(findStore({ cwd: dir.path, dir: undefined })), 'ERR_STORE_MISSING')
  assert.is(await code(findStore({ cwd: dir.path, dir: 'nowhere' })), 'ERR_STORE_MISSING')
})

test('a store of another user is used only if it is named', async () => {
  if (process.getuid?.() !== 0) return skip('a store of another user', 'only root can give a folder away')
  await using dir = await scratch()
  await fs.mkdir(dir.join('.replica'))
  await fs.chown(dir.join('.replica'), 12_345, 12_345)
  assert.is(await code(findStore({ cwd: dir.path, dir: undefined })), 'ERR_STORE_MISSING')
  assert.is(await findStore({ cwd: dir.path, dir: '.' }), dir.join('.replica'))
})

test('a new store gets its own folder and is not nested', () => {
  assert.is(storeIn('/a', 'lab'), '/a/lab/.replica')
  assert.is(storeIn('/a', '.'), '/a/.replica')
  assert.is(storeIn('/a', '.replica'), '/a/.replica')
  assert.is(storeIn('/a', '/b/.replica'), '/b/.replica')
})

test.run()
