// Hints: each fits its command, and before there is a store no hint mentions one.

import { once } from 'node:events'
import * as fs from 'node:fs/promises'
import * as net from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Desk } from './in-process.ts'

const test = suite('cli/advice')

const KEY = '09bc3877feeca1171b5b8990573fcce63ce832441b480704012cef662507fb95'
const OTHER = 'vfr_00000000000000aa'

function draft(reason: string): string[] {
  return ['append', '--kind', 'k', '--target', 't:i', '--actor', 'a', '--reason', reason]
}

/** Creates a hub's store with one frontier, and a clone that may write. */
async function labAndAda(desk: Desk): Promise<AsyncDisposable & { url: string; key: string; frontier: string }> {
  await desk.run('lab', ['init', '--hub-id', 'hub:lab'])
  const { frontier } = (await desk.json('lab', ['frontier', 'create', '--name', 'One'])).value
  const hub = await desk.serve('lab')
  const { url, public_key: key } = hub.value
  const ada = (await desk.json('.', ['clone', url, 'ada', '--key', key, '--hub-id', 'hub:ada'])).value
  await desk.run('lab', ['peer', 'add', 'hub:ada', 'wss://ada.example', '--key', ada.public_key])
  return { url, key, frontier, [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose]() }
}

test('a push to a peer with more nodes advises a pull', async () => {
  await using desk = await Desk.open()
  await using _hub = await labAndAda(desk)
  await desk.run('lab', draft('there'))
  await desk.run('ada', draft('here'))
  const push = await desk.run('ada', ['push', 'hub:lab'])
  assert.match(push.stdout, 'the peer has nodes that this replica lacks: pull to fetch them')
  await desk.run('ada', draft('here again'))
  const pull = await desk.run('ada', ['pull', 'hub:lab'])
  assert.match(pull.stdout, 'this replica has nodes that the peer lacks: push to send them')
})

test('a hint of a failed clone names the options of clone', async () => {
  await using desk = await Desk.open()
  await using hub = await labAndAda(desk)
  const wrong = await desk.run('.', ['clone', hub.url, 'ben', '--key', KEY])
  assert.match(wrong.stderr, 'the hub has another key than the one given by --key (ERR_SYNC_AUTH)')
  assert.match(wrong.stderr, '--key is the key that `replica keys show` prints there')
  assert.not.match(wrong.stderr, 'rotate')
  const unknown = await desk.run('.', ['clone', hub.url, 'ben', '--key', hub.key, '--frontier', OTHER])
  assert.match(unknown.stderr, `the hub does not offer ${OTHER} (ERR_FRONTIER_UNKNOWN)`)
  assert.match(unknown.stderr, `frontiers: ${hub.frontier}`)
  assert.match(unknown.stderr, 'name a frontier that the hub offers')
  assert.not.match(unknown.stderr, 'this store')
})

test('a first word alone lists its commands, and with --help describes them', async () => {
  await using desk = await Desk.open()
  for (const argv of [['frontier'], ['frontier', '--dir', 'a'], ['frontier', 'bogus']]) {
    const { exit, stderr } = await desk.run('.', argv)
    assert.is(exit, 2)
    assert.match(stderr, 'replica frontier needs one of: list, create, track')
  }
  for (const family of ['peer', 'keys', 'conflicts']) {
    const { exit, stdout } = await desk.run('.', [family, '--help'])
    assert.is(exit, 0)
    assert.match(stdout, `replica ${family} <command>`)
    const { value } = await desk.json('.', [family, '--help'])
    assert.equal(value.verbs, (await desk.json('.', ['help', family])).value.verbs)
  }
})

test('a missing part of the store gives a hint that works, not a command that also fails', async () => {
  await using desk = await Desk.open()
  await desk.run('lab', ['init'])
  const at = (name: string): string => desk.dir.join('lab', '.replica', name)
  for (const [name, hint] of [
    ['log', '--key-file'],
    ['held', '--key-file'],
    ['store.json', '--key-file'],
  ] as const) {
    await fs.rename(at(name), desk.dir.join('aside'))
    for (const verb of ['status', 'verify']) {
      const { exit, stderr } = await desk.run('lab', [verb])
      assert.is(exit, 4, name)
      assert.match(stderr, hint)
      assert.not.match(stderr, 'replica verify')
    }
    await fs.rename(desk.dir.join('aside'), at(name))
  }
  assert.is((await desk.run('lab', ['status'])).exit, 0)
})

test('classify reports an item without a list of parents', async () => {
  await using desk = await Desk.open()
  await desk.run('lab', ['init'])
  await desk.run('lab', ['frontier', 'create', '--name', 'One'])
  const { exit, stderr } = await desk.run('lab', ['classify', '-'], { stdin: '[{"id":"a"}]' })
  assert.is(exit, 1)
  assert.match(stderr, 'item 0 has no list of parents')
})

test('wss:// to a server without TLS gives one line without text of a library', async () => {
  await using desk = await Desk.open()
  const server = net.createServer(socket => {
    socket.on('error', () => {})
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as net.AddressInfo
    const { exit, stderr } = await desk.run('.', ['clone', `wss://127.0.0.1:${port}`, 'copy', '--key', KEY])
    assert.is(exit, 3)
    assert.match(stderr, /can't connect to [\w.:]+: no TLS: [\w ]+ \(ERR_SYNC_CONNECT\)/)
    assert.not.match(stderr, /\\u\{|openssl/i)
  } finally {
    server.close()
  }
})

test.run()
