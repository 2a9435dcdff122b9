// The key of a store: a damaged key file, its replacement, and a hub that is restored in another place.

import * as fs from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Desk, type Json } from './in-process.ts'

const test = suite('cli/keys')

const note = ['append', '--kind', 'finding.noted', '--target', 'finding:vf_1', '--actor', 'reviewer:ada']

async function good(desk: Desk, folder: string, ...argv: string[]): Promise<Json> {
  const { exit, value } = await desk.json(folder, argv)
  assert.is(exit, 0, JSON.stringify(value))
  return value
}

test('a damaged key file stops all commands except keys use', async () => {
  await using desk = await Desk.open()
  const { public_key } = await good(desk, 'lab', 'init')
  const file = desk.dir.join('lab', '.replica', 'key')
  const text = await fs.readFile(file, 'latin1')
  await fs.copyFile(file, desk.dir.join('copy'))
  await fs.writeFile(
    file,
    text.replace(/^./, digit => (digit === '0' ? '1' : '0')),
  )
  for (const argv of [['keys', 'show'], ['keys', 'new'], ['status']]) {
    const { exit, stderr } = await desk.run('lab', argv)
    assert.is(exit, 4)
    assert.match(stderr, 'replica keys use <file>')
  }
  assert.is((await good(desk, 'lab', 'keys', 'use', '../copy')).public_key, public_key)
  assert.is((await good(desk, 'lab', 'keys', 'show')).public_key, public_key)
})

test('keys use fails while a hub serves the store', async () => {
  await using desk = await Desk.open()
  await good(desk, 'lab', 'init')
  await using hub = await desk.serve('lab')
  await fs.copyFile(desk.dir.join('lab', '.replica', 'key'), desk.dir.join('copy'))
  const { exit, stderr } = await desk.run('lab', ['keys', 'use', '../copy'])
  assert.is(exit, 4)
  assert.match(stderr, 'stop the hub')
  assert.ok(hub.value.ok)
})

test('a lost hub is restored from a peer with its former id and key', async () => {
  await using desk = await Desk.open()
  await good(desk, 'lab', 'init', '--hub-id', 'hub:lab')
  await good(desk, 'lab', 'frontier', 'create', '--name', 'One')
  await using hub = await desk.serve('lab')
  const { url, public_key: key } = hub.value
  const ada = await good(desk, '.', 'clone', url, 'ada', '--key', key, '--hub-id', 'hub:ada')
  await good(desk, 'lab', 'peer', 'add', 'hub:ada', 'wss://ada.example', '--key', ada.public_key)
  await good(desk, 'ada', ...note, '--reason', 'before')
  await good(desk, 'ada', 'push', 'hub:lab')
  await fs.rename(desk.dir.join('ada'), desk.dir.join('aside'))

  const own = ['--hub-id', 'hub:ada', '--key-file', 'aside/.replica/key']
  const again = await good(desk, '.', 'clone', url, 'ada', '--key', key, ...own)
  assert.equal([again.public_key, again.admitted, again.held_count], [ada.public_key, 2, 0])
  await good(desk, 'ada', ...note, '--reason', 'after')
  assert.is((await good(desk, 'ada', 'push', 'hub:lab')).admitted, 1)
})

test.run()
