// Usage errors that are reported before any effect: no connection, no new folder, no changed file.

import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { makeEvent } from '../../src/event/event.ts'
import { Desk } from './in-process.ts'

const test = suite('cli/refused')

const EVENT = {
  kind: 'k',
  target: { type: 't', id: 'i' },
  actor: { id: 'a' },
  reason: 'r',
  timestamp: '2026-01-01T00:00:00Z',
}

const KEY = '09bc3877feeca1171b5b8990573fcce63ce832441b480704012cef662507fb95'

test('a clone over ws:// from another machine is refused before a connection', async () => {
  await using desk = await Desk.open()
  // A name that does not resolve: a connection attempt would give another error.
  for (const url of [
    'ws://hub.invalid',
    'http://hub.invalid',
    'ftp://hub.invalid',
    'hub.invalid',
    'wss://a@hub.invalid',
  ]) {
    const { exit, value } = await desk.json('desk', ['clone', url, 'copy', '--key', KEY])
    assert.equal([exit, value.error.code], [2, 'ERR_PEER_URL'], url)
  }
  const { exit, value } = await desk.json('desk', ['clone', 'ws://hub.invalid', 'copy', '--key', KEY, '--allow-plain'])
  assert.equal([exit, value.error.code], [3, 'ERR_SYNC_CONNECT'])
  assert.equal(await fs.readdir(desk.dir.join('desk')), [])
})

test("a hub refuses a public address that peers can't register", async () => {
  await using desk = await Desk.open()
  await desk.run('lab', ['init'])
  for (const url of ['ftp://lab.example', 'lab.example', 'wss://user@lab.example', '']) {
    const { exit, stderr } = await desk.run('lab', ['serve', '--listen', '127.0.0.1:0', `--url=${url}`])
    assert.is(exit, 2, url)
    assert.match(stderr, 'ERR_PEER_URL')
  }
  await using hub = await desk.serve('lab', ['--url', 'ws://lab.example'])
  assert.is(hub.value.url, 'ws://lab.example')
})

test('an empty --dir is ERR_USAGE and does not select the store here', async () => {
  await using desk = await Desk.open()
  await desk.run('lab', ['init'])
  for (const argv of [
    ['status', '--dir', ''],
    ['--dir=', 'status'],
    ['init', '--dir='],
    ['serve', '--dir', ''],
  ]) {
    const { exit, stderr } = await desk.run('lab', argv)
    assert.is(exit, 2, String(argv))
    assert.match(stderr, '--dir is empty (ERR_USAGE)')
  }
})

test('--out replaces only regular files: pipes and folders stay, and the target of a link is replaced', async () => {
  await using desk = await Desk.open()
  await desk.run('lab', ['init'])
  await desk.run('lab', ['frontier', 'create', '--name', 'One'])
  const at = (name: string): string => desk.dir.join('lab', name)
  await fs.writeFile(at('table.csv'), 'a,b')
  const { cid } = (await desk.json('lab', ['document', 'put', 'table.csv'])).value
  await fs.mkdir(at('folder'))
  execFileSync('mkfifo', [at('pipe')])
  await fs.symlink('folder', at('to-folder'))
  await fs.symlink('nowhere', at('to-nowhere'))
  await fs.symlink('to-itself', at('to-itself'))
  await fs.symlink('pipe', at('to-pipe'))
  const before = (await fs.readdir(at('.'))).sort()
  for (const verb of [['export'], ['document', 'get', cid]]) {
    for (const name of ['folder', 'pipe', 'to-folder', 'to-nowhere', 'to-itself', 'to-pipe']) {
      const { exit, value } = await desk.json('lab', [...verb, '--out', name])
      assert.equal([exit, value.error.code], [2, 'ERR_USAGE'], `${verb} ${name}`)
    }
    assert.equal((await fs.readdir(at('.'))).sort(), before)
    assert.ok((await fs.lstat(at('pipe'))).isFIFO())
    await fs.writeFile(at('folder/kept'), 'former')
    await fs.symlink('folder/kept', at('link'))
    assert.is((await desk.run('lab', [...verb, '--out', 'link'])).exit, 0)
    assert.ok((await fs.lstat(at('link'))).isSymbolicLink())
    assert.is.not(await fs.readFile(at('folder/kept'), 'utf8'), 'former')
    assert.equal(await fs.readdir(at('folder')), ['kept'])
    await fs.rm(at('link'))
    await fs.rm(at('folder/kept'))
  }
})

test('append refuses blank members and invalid times', async () => {
  await using desk = await Desk.open()
  await desk.run('lab', ['init'])
  await desk.run('lab', ['frontier', 'create', '--name', 'One'])
  const words = { kind: 'k', target: 't:i', actor: 'a', reason: 'r', timestamp: '2026-06-30T23:59:60Z' }
  const argv = (changes: Partial<typeof words>): string[] => [
    'append',
    ...Object.entries({ ...words, ...changes }).map(([name, value]) => `--${name}=${value}`),
  ]
  for (const changes of [{ kind: '' }, { target: ' :i' }, { target: 't: ' }, { actor: ' ' }]) {
    const { exit } = await desk.run('lab', argv(changes))
    assert.ok(exit === 1 || exit === 2, JSON.stringify(changes))
  }
  for (const timestamp of ['yesterday', '2026-02-30T00:00:00Z', '2026-01-01', '']) {
    const { exit, value } = await desk.json('lab', argv({ timestamp }))
    assert.equal([exit, value.error.code], [1, 'ERR_INSTANT'], timestamp)
  }
  assert.is((await desk.json('lab', ['status'])).value.frontiers[0].nodes, 1)
  assert.is((await desk.run('lab', argv({}))).exit, 0)
})

test('a refused import or peer leaves no empty frontier in the store', async () => {
  await using desk = await Desk.open()
  await desk.run('lab', ['init'])
  const into = ['--frontier', 'vfr_00000000000000aa']
  const [text] = [Buffer.from(makeEvent(EVENT).text).toString()]
  const bad = `[${text}, {"kind": 1}]`
  const strict = await desk.json('lab', ['import', '-', ...into, '--strict'], { stdin: bad })
  assert.equal([strict.exit, strict.value.added, strict.value.heads], [1, 0, []])
  const cut = await desk.json('lab', ['import', '-', ...into], { stdin: bad.slice(0, -20) })
  assert.equal([cut.exit, cut.value.error.code], [1, 'ERR_JSON'])
  const whole = `{"frontier_id":"vfr_00000000000000aa","frontier":{"name":"x"},"findings":[],"events":${bad}}`
  assert.is((await desk.json('lab', ['import', '-', '--strict'], { stdin: whole })).exit, 1)
  const peer = ['peer', 'add', 'hub:x', 'ftp://x', '--key', KEY, ...into]
  assert.is((await desk.json('lab', peer)).value.error.code, 'ERR_PEER_URL')
  assert.equal((await desk.json('lab', ['frontier', 'list'])).value.frontiers, [])
  const taken = await desk.json('lab', ['import', '-', ...into], { stdin: bad })
  assert.equal([taken.exit, taken.value.added, taken.value.heads.length], [1, 1, 1])
})

test.run()
