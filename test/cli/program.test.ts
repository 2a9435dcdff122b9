// Commands end to end in this process: output, exit codes, and equal behaviour with and without a hub.

import * as fs from 'node:fs/promises'
import * as net from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, toHex } from '../../src/base/bytes.ts'
import { nodeDigest } from '../../src/cbor/cid.ts'
import { Replica } from '../../src/replica/replica.ts'
import { shared, skip } from '../shared-data.ts'
import { Desk, type Ran } from './in-process.ts'

const test = suite('cli/program')

const FRONTIER = 'vfr_1d802563e4c4b1d8'

function draft(reason: string, ...more: string[]): string[] {
  const words = ['append', '--kind', 'finding.noted', '--target', 'finding:vf_1', '--actor', 'reviewer:ada']
  return [...words, '--reason', reason, ...more]
}

/** A store with a frontier and three events. */
async function lab(desk: Desk): Promise<string> {
  await good(desk.run('lab', ['init', '--hub-id', 'hub:lab']))
  const { value } = await desk.json('lab', ['frontier', 'create', '--name', 'One'])
  await good(desk.run('lab', draft('one')))
  await good(desk.run('lab', draft('two', '--payload', '{"x":1.0,"n":18446744073709551615}')))
  return value.frontier
}

async function good(running: Promise<Ran>): Promise<Ran> {
  const ran = await running
  assert.is(ran.exit, 0, ran.stderr)
  return ran
}

test('read commands print the same with and without a hub', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  const { cid } = (await desk.json('lab', ['log', '-n', '1'])).value.nodes[0]
  const verbs = [
    ['heads'],
    ['log'],
    ['log', '--graph'],
    ['log', '--jsonl'],
    ['show', cid],
    ['export'],
    ['export', '--format', 'jsonl'],
    ['verify', '--signatures'],
    ['held'],
    ['journal'],
    ['peer', 'list'],
    ['frontier', 'list'],
    ['keys', 'show'],
    ['show', 'vev_0000000000000000'],
    ['push', 'hub:nobody'],
    ['append'],
    ['heads', '--help'],
  ]
  const all = verbs.flatMap(verb =>
    verb.includes('--jsonl') || verb[0] === 'export' ? [verb] : [verb, [...verb, '--json']],
  )
  const alone: Ran[] = []
  for (const verb of all) alone.push(await desk.run('lab', verb))
  await using _hub = await desk.serve('lab')
  for (const [i, verb] of all.entries()) assert.equal(await desk.run('lab', verb), alone[i], verb.join(' '))
})

test('write commands work in a served store, from options, stdin and files', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  await using _hub = await desk.serve('lab')
  const text = '{"kind":"k","target":{"type":"t","id":"i"},"actor":{"id":"a"},"reason":"from stdin"}'
  await good(desk.run('lab', draft('from flags')))
  await good(desk.run('lab', ['append', '-'], { stdin: text }))
  await fs.mkdir(desk.dir.join('lab', 'deep'))
  await fs.writeFile(desk.dir.join('lab', 'deep', 'event.json'), text.replace('stdin', 'a file'))
  await good(desk.run('lab/deep', ['append', 'event.json']))
  const { stdout } = await good(desk.run('lab', ['export', '--format', 'jsonl']))
  for (const reason of ['from flags', 'from stdin', 'from a file']) assert.ok(stdout.includes(`"reason":"${reason}"`))
  assert.is((await desk.json('lab', ['status'])).value.frontiers[0].events, 6)
})

test('status shows whether a hub serves the store, and its address', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  assert.is((await desk.json('lab', ['status'])).value.serving, null)
  await using hub = await desk.serve('lab')
  assert.is((await desk.json('lab', ['status'])).value.serving, hub.value.url)
})

test('a second hub on the same store is refused, and the first continues', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  await using _hub = await desk.serve('lab')
  const second = await desk.json('lab', ['serve', '--listen', '127.0.0.1:0'])
  assert.is(second.exit, 4)
  assert.is(second.value.error.code, 'ERR_STORE_LOCKED')
  assert.match(second.value.error.facts.hint, 'stop that hub')
  await good(desk.run('lab', ['heads']))
})

test('a stopped hub ends with 0 and removes its socket', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  const hub = await desk.serve('lab')
  assert.is(await hub.stop(), 0)
  assert.not((await fs.readdir(desk.dir.join('lab', '.replica'))).some(name => name.startsWith('control')))
  await good(desk.run('lab', ['heads']))
})

test('a port in use and a malformed address are usage errors', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  await desk.run('other', ['init'])
  await using hub = await desk.serve('lab')
  const { port } = new URL(hub.value.url)
  for (const address of [`127.0.0.1:${port}`, 'nonsense', '127.0.0.1', '127.0.0.1:99999', '[::1', ':x']) {
    const ran = await desk.run('other', ['serve', '--listen', address])
    assert.is(ran.exit, 2, address)
  }
  await good(desk.run('other', ['keys', 'show']))
})

test('the socket of a killed hub does not block commands', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  const dead = net.createServer()
  const place = desk.dir.join('lab', '.replica', 'x')
  await new Promise<void>(resolve => dead.listen(place, resolve))
  await fs.rename(place, desk.dir.join('lab', '.replica', 'control.sock'))
  await new Promise(resolve => dead.close(resolve))
  await good(desk.run('lab', ['heads']))
  assert.not((await fs.readdir(desk.dir.join('lab', '.replica'))).includes('control.sock'))
})

test('concurrent commands wait for each other', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  const ran = await Promise.all([1, 2, 3].map(n => desk.run('lab', draft(`at once ${n}`))))
  for (const one of ran) assert.is(one.exit, 0, one.stderr)
  assert.is((await desk.json('lab', ['status'])).value.frontiers[0].nodes, 6)
})

test('a hub that starts while a command has the store waits for it', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  const replica = await Replica.open({ location: desk.dir.join('lab', '.replica') })
  const starting = desk.serve('lab')
  await new Promise(setImmediate)
  await replica.close()
  await using hub = await starting
  assert.ok(hub.value.ok, hub.stderr())
})

test('a store that stays locked is exit code 4 with a hint', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  await using _owner = await Replica.open({ location: desk.dir.join('lab', '.replica') })
  const ran = await desk.run('lab', ['heads'])
  assert.is(ran.exit, 4)
  assert.match(ran.stderr, 'ERR_STORE_LOCKED')
  assert.match(ran.stderr, 'hint: wait until the other process ends')
})

test('a store is created once, and a malformed hub id leaves no folder', async () => {
  await using desk = await Desk.open()
  await good(desk.run('.', ['init', 'lab']))
  assert.is((await desk.run('.', ['init', 'lab'])).exit, 4)
  assert.is((await desk.run('lab', ['init'])).exit, 4)
  assert.is((await desk.run('.', ['init', 'bad', '--hub-id', 'hub: x'])).exit, 2)
  assert.equal(await fs.readdir(desk.dir.join('bad')), [])
  assert.is((await fs.stat(desk.dir.join('lab', '.replica'))).mode & 0o077, 0)
})

test('a store is found from folders below it and by --dir', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  const { stdout } = await good(desk.run('lab', ['heads']))
  assert.is((await desk.run('lab/deep/down', ['heads'])).stdout, stdout)
  assert.is((await desk.run('.', ['heads', '--dir', 'lab'])).stdout, stdout)
  assert.is((await desk.run('.', ['--dir', 'lab/.replica', 'heads'])).stdout, stdout)
  assert.is((await desk.run('.', ['heads'])).exit, 4)
})

test('a push with refused nodes is exit code 1 and lists them with their codes', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  await using hub = await desk.serve('lab')
  const { url, public_key } = hub.value
  const ada = (await desk.json('.', ['clone', url, 'ada', '--key', public_key, '--hub-id', 'hub:ada'])).value
  const ben = (await desk.json('.', ['clone', url, 'ben', '--key', public_key, '--hub-id', 'hub:ben'])).value
  const nowhere = 'ws://127.0.0.1:1'
  await good(desk.run('lab', ['peer', 'add', 'hub:ada', nowhere, '--key', ada.public_key]))
  await good(desk.run('lab', ['peer', 'add', 'hub:ben', nowhere, '--key', ben.public_key]))
  await good(desk.run('lab', ['peer', 'remove', 'hub:ada']))
  const { cid } = (await desk.json('ada', draft('too late'))).value
  await using other = await desk.serve('ada')
  await good(desk.run('ben', ['peer', 'add', 'hub:ada', other.value.url, '--key', ada.public_key]))
  await good(desk.run('ben', ['pull', 'hub:ada']))
  const push = await desk.json('ben', ['push', 'hub:lab'])
  assert.is(push.exit, 1)
  assert.equal(push.value.refused, [{ cid, code: 'ERR_NODE_REVOKED' }])
  const again = await desk.run('ben', ['push', 'hub:lab'])
  assert.is(again.exit, 1)
  assert.match(again.stdout, `${cid} ERR_NODE_REVOKED`)
})

test('a hub with --read registered does not show its frontiers to other keys', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  await using hub = await desk.serve('lab', ['--read', 'registered'])
  const { url, public_key } = hub.value
  const { exit, value } = await desk.json('.', ['clone', url, 'ben', '--key', public_key])
  assert.not.equal(exit, 0)
  assert.ok(['ERR_FRONTIER_UNKNOWN', 'ERR_SYNC_FORBIDDEN'].includes(value.error.code), value.error.code)
  assert.not((await fs.readdir(desk.dir.path)).includes('ben'))
})

test('a store with several frontiers needs --frontier', async () => {
  await using desk = await Desk.open()
  const one = await lab(desk)
  await good(desk.run('lab', ['frontier', 'track', FRONTIER]))
  const { exit, value } = await desk.json('lab', ['heads'])
  assert.is(exit, 2)
  assert.equal(value.error.facts.frontiers, [one, FRONTIER].sort())
  assert.match(value.error.message, '--frontier')
  assert.match((await desk.run('lab', ['heads'])).stderr, `frontiers: ${[one, FRONTIER].sort().join(', ')}`)
  assert.equal((await desk.json('lab', ['heads', '--frontier', FRONTIER])).value.heads, [])
})

test('a payload keeps the notation of its numbers', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  const { stdout } = await good(desk.run('lab', ['export', '--format', 'jsonl']))
  assert.ok(stdout.includes('"payload":{"n":18446744073709551615,"x":1.0}'))
  const { stdout: json } = await desk.run('lab', ['log', '--json'])
  assert.ok(json.includes('"payload":{"n":18446744073709551615,"x":1.0}'))
})

test("a payload can't add other members to the event", async () => {
  await using desk = await Desk.open()
  await lab(desk)
  for (const payload of ['1,"kind":"other"', '{}}', '', '{"a":1', '{"a":1}{']) {
    const ran = await desk.run('lab', draft('x', '--payload', payload))
    assert.is(ran.exit, 1, payload)
    assert.match(ran.stderr, 'ERR_JSON')
  }
})

test('text of others is escaped on a terminal, also in JSON and export', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  await good(desk.run('lab', draft('evil \u009b31m \u202e', '--payload', '"\\u001b]0;x\\u0007"')))
  const unsafe = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/
  for (const verb of [['log'], ['log', '--graph'], ['export'], ['log', '--json'], ['log', '--jsonl']]) {
    assert.not.match((await good(desk.run('lab', verb, { terminal: true }))).stdout, unsafe, verb.join(' '))
  }
  const { event } = (await desk.json('lab', ['log', '-n', '1'])).value.nodes[0]
  const shown = (await good(desk.run('lab', ['show', event.id], { terminal: true }))).stdout
  assert.not.match(shown, unsafe)
  assert.match(shown, 'evil \\u{9b}31m \\u{202e}')
  // A file gets the bytes that were signed.
  assert.ok((await desk.run('lab', ['export'])).stdout.includes('evil \u009b31m \u202e'))
})

test('show --raw writes the exact bytes of the CID, but not to a terminal', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  const { cid } = (await desk.json('lab', ['log', '-n', '1'])).value.nodes[0]
  await using replica = await Replica.open({ location: desk.dir.join('lab', '.replica') })
  const [node] = await replica.get(cid)
  await replica.close()
  assert.is(toHex(sha256(node!.bytes)), toHex(nodeDigest(cid)))
  assert.is((await desk.run('lab', ['show', cid, '--raw'])).stdout, Buffer.from(node!.bytes).toString('utf8'))
  assert.is((await desk.run('lab', ['show', cid, '--raw'], { terminal: true })).exit, 2)
})

test('a document is stored and returned byte for byte, with the event that links it', async () => {
  await using desk = await Desk.open()
  await desk.run('lab', ['init'])
  await desk.run('lab', ['frontier', 'create', '--name', 'x'])
  const put = await desk.json('lab', ['document', 'put', '-'], { stdin: 'a table\n' })
  const { cid } = put.value
  const words = ['append', '--kind', 'finding.noted', '--target', 'finding:vf_1', '--actor', 'reviewer:ada']
  const { value } = await desk.json('lab', [...words, '--reason', 'with a table', '--link', cid])
  const shown = await desk.json('lab', ['show', value.cid])
  assert.equal(shown.value.nodes[0].links, [cid])
  assert.is((await desk.run('lab', ['document', 'get', cid])).stdout, 'a table\n')
  assert.is((await desk.run('lab', ['document', 'get', cid], { terminal: true })).exit, 2)
  assert.is((await desk.run('lab', ['document', 'get', cid, '--out', 'table.csv'])).exit, 0)
  assert.is(await fs.readFile(desk.dir.join('lab/table.csv'), 'utf8'), 'a table\n')
  const absent = await desk.json('lab', [...words, '--reason', 'with another', '--link', value.cid])
  assert.equal([absent.exit, absent.value.error.code], [1, 'ERR_NOT_FOUND'])
})

test('log lists the requested number of nodes, newest first', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  for (let i = 0; i < 25; i++) await good(desk.run('lab', draft(`n ${i}`)))
  const lines = async (...argv: string[]): Promise<number> =>
    (await good(desk.run('lab', ['log', ...argv]))).stdout.split('\n').length - 1
  assert.is(await lines(), 20)
  assert.is(await lines('-n', '3'), 3)
  assert.is(await lines('-n', '0'), 28)
  assert.is(await lines('-n', '0', '--jsonl'), 28)
  const { nodes } = (await desk.json('lab', ['log', '-n', '2'])).value
  assert.equal(
    nodes.map((node: { event: { reason: string } }) => node.event.reason),
    ['n 24', 'n 23'],
  )
  assert.is((await desk.run('lab', ['log', '-n', '0', '--json'])).exit, 2)
  assert.is((await desk.run('lab', ['log', '--graph', '--json'])).exit, 2)
})

test('the journal lists the last entries, or the first entries after a number', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  const { public_key } = (await desk.json('other', ['init'])).value
  await good(desk.run('lab', ['peer', 'add', 'hub:x', 'wss://x', '--key', public_key]))
  await good(desk.run('lab', ['peer', 'remove', 'hub:x']))
  const numbers = async (...argv: string[]): Promise<number[]> =>
    (await desk.json('lab', ['journal', ...argv])).value.entries.map((entry: { number: number }) => entry.number)
  assert.equal(await numbers(), [0, 1])
  assert.equal(await numbers('-n', '1'), [1])
  assert.equal(await numbers('--after', '0'), [1])
  assert.match((await good(desk.run('lab', ['journal']))).stdout, 'peer.removed')
})

test('--quiet suppresses notices but not errors', async () => {
  await using desk = await Desk.open()
  await good(desk.run('lab', ['init']))
  assert.is((await desk.run('lab', ['push', 'hub:x', '--quiet', '--frontier', FRONTIER])).exit, 2)
  assert.match((await desk.run('lab', ['push', 'hub:x', '-q'])).stderr, 'ERR_USAGE')
})

test('a command line without a command prints the overview with exit code 2, help with 0', async () => {
  await using desk = await Desk.open()
  const bare = await desk.run('.', [])
  const help = await desk.run('.', ['--help'])
  assert.is(bare.exit, 2)
  assert.is(help.exit, 0)
  assert.is(bare.stdout, help.stdout)
  assert.is((await desk.run('.', ['help'])).stdout, help.stdout)
  assert.is((await desk.run('.', ['help', 'peer', 'add'])).stdout, (await desk.run('.', ['peer', 'add', '-h'])).stdout)
  assert.match((await desk.run('.', ['help', 'pear'])).stderr, 'did you mean peer')
  assert.is((await desk.run('.', ['--version'])).stdout, (await desk.run('.', ['version'])).stdout)
})

test('a folder of events is imported by time, and an invalid event is reported with its file', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  const { stdout } = await desk.run('lab', ['export', '--format', 'jsonl'])
  const place = desk.dir.join('vela', '.vela', 'events')
  await fs.mkdir(place, { recursive: true })
  const [genesis, ...rest] = stdout.trimEnd().split('\n')
  await fs.writeFile(`${place}/zzz.json`, genesis!)
  for (const [i, text] of rest.entries()) await fs.writeFile(`${place}/a${i}.json`, text)
  await fs.writeFile(`${place}/bad.json`, rest[0]!.replace('"reason":"', '"reason":"un'))
  await good(desk.run('copy', ['init']))
  const { exit, value } = await desk.json('copy', ['import', '../vela'])
  assert.is(exit, 1)
  assert.is(value.added, 3)
  assert.is(value.refused[0].file, `${place}/bad.json`)
  assert.is(value.refused[0].code, 'ERR_EVENT_ID')
  assert.is((await desk.run('copy', ['export', '--format', 'jsonl'])).stdout, stdout)
})

test('a log of another frontier than --frontier is refused', async () => {
  await using desk = await Desk.open()
  const frontier = await lab(desk)
  await good(desk.run('lab', ['export', '--out', '../all.json']))
  await good(desk.run('copy', ['init']))
  const ran = await desk.run('copy', ['import', '../all.json', '--frontier', FRONTIER])
  assert.is(ran.exit, 2)
  assert.match(ran.stderr, frontier)
  assert.equal((await desk.json('copy', ['frontier', 'list'])).value.frontiers, [])
})

test('export --out replaces a file atomically and reports its content in JSON', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  await fs.writeFile(desk.dir.join('lab', 'out.json'), 'former')
  const { value } = await desk.json('lab', ['export', '--out', 'out.json'])
  const text = await fs.readFile(desk.dir.join('lab', 'out.json'), 'utf8')
  assert.is(value.events, JSON.parse(text).length)
  assert.is(value.bytes, Buffer.byteLength(text))
  assert.equal((await fs.readdir(desk.dir.join('lab'))).sort(), ['.replica', 'out.json'])
  assert.is((await desk.run('lab', ['export', '--json'])).exit, 2)
  assert.is((await desk.run('lab', ['export', '--out', 'no/such/folder.json'])).exit, 2)
})

test('export omits merges unless --all is given', async () => {
  await using desk = await Desk.open()
  const frontier = await lab(desk)
  await using hub = await desk.serve('lab')
  const { url, public_key } = hub.value
  const ben = (await desk.json('.', ['clone', url, 'ben', '--key', public_key])).value
  await good(desk.run('lab', ['peer', 'add', 'hub:ben', 'ws://127.0.0.1:1', '--key', ben.public_key]))
  await good(desk.run('lab', draft('lab')))
  await good(desk.run('ben', draft('ben')))
  await good(desk.run('ben', ['pull', 'hub:lab']))
  assert.match((await good(desk.run('ben', ['merge', '--reason', 'both']))).stdout, `merged 2 heads of ${frontier}`)
  assert.is((await desk.run('ben', ['merge', '--reason', 'again'])).exit, 2)
  assert.not.match((await desk.run('ben', ['export'])).stdout, 'frontier.merged')
  assert.match((await desk.run('ben', ['export', '--all'])).stdout, 'frontier.merged')
})

test('classify prints proceed, or fetch with the missing ancestors', async () => {
  await using desk = await Desk.open()
  await lab(desk)
  const { event, cid } = (await desk.json('lab', ['log', '-n', '1'])).value.nodes[0]
  const ask = (pairs: object[]): ReturnType<Desk['json']> =>
    desk.json('lab', ['classify', '-'], { stdin: JSON.stringify(pairs) })
  const known = await ask([{ id: 'vev_00000000000000aa', parents: [event.id, cid] }])
  assert.equal([known.exit, known.value.kind], [0, 'proceed'])
  const gap = await ask([
    { id: 'b', parents: ['a', 'vev_00000000000000ff'] },
    { id: 'a', parents: [] },
  ])
  assert.equal([gap.exit, gap.value.kind, gap.value.missing], [1, 'fetch', ['vev_00000000000000ff']])
  const { stdout } = await desk.run('lab', ['export'])
  assert.is((await desk.json('lab', ['classify', '-'], { stdin: stdout })).value.events, 3)
})

test('an interrupted clone keeps its nodes, and a pull fetches the rest', async () => {
  await using desk = await Desk.open()
  const frontier = await lab(desk)
  const { stdout } = await desk.run('lab', ['export', '--format', 'jsonl'])
  const { makeEvent } = await import('../../src/event/event.ts')
  const many = Array.from({ length: 12_000 }, (_, i) =>
    Buffer.from(
      makeEvent({
        kind: 'k',
        target: { type: 't', id: 'i' },
        actor: { id: 'a' },
        reason: `${i}`,
        timestamp: '2026-01-01T00:00:00Z',
      }).text,
    ).toString(),
  )
  await fs.writeFile(desk.dir.join('many.jsonl'), `${stdout}${many.join('\n')}\n`)
  await good(desk.run('lab', ['import', '../many.jsonl']))
  await using hub = await desk.serve('lab')
  const { url, public_key } = hub.value
  await using proxy = await CuttingProxy.open(Number(new URL(url).port), 4_500_000)
  const { exit, value } = await desk.json('.', ['clone', proxy.url, 'ben', '--key', public_key])
  assert.is(exit, 3)
  assert.match(value.error.facts.hint, 'received so far')
  assert.match(value.error.facts.hint, 'run there: replica pull hub:lab')
  const before = (await desk.json('ben', ['status'])).value.frontiers[0].nodes
  assert.ok(before > 0 && before < 12_003, `${before} nodes`)
  proxy.bytesMax = Number.POSITIVE_INFINITY
  const pull = await desk.json('ben', ['pull', (await desk.json('ben', ['peer', 'list'])).value.peers[0].id])
  assert.is(pull.value.admitted, 12_003 - before)
  assert.is((await desk.run('ben', ['heads'])).stdout, (await desk.run('lab', ['heads'])).stdout)
  assert.is(pull.value.frontier, frontier)
})

test("a clone without a folder name gets the frontier's name, a second one with a number", async () => {
  await using desk = await Desk.open()
  const frontier = await lab(desk)
  await using hub = await desk.serve('lab')
  const argv = ['clone', hub.value.url, '--key', hub.value.public_key]
  assert.is((await desk.json('here', argv)).value.dir, desk.dir.join('here', frontier, '.replica'))
  assert.is((await desk.json('here', argv)).value.dir, desk.dir.join('here', `${frontier}-2`, '.replica'))
  assert.equal((await fs.readdir(desk.dir.join('here'))).sort(), [frontier, `${frontier}-2`])
})

test('a clone without nodes removes its store, also in an existing empty folder', async () => {
  await using desk = await Desk.open()
  await fs.mkdir(desk.dir.join('here', 'empty'), { recursive: true })
  const key = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'
  for (const folder of [[], ['new'], ['empty'], ['new/.replica']]) {
    assert.is((await desk.run('here', ['clone', 'ws://127.0.0.1:1', ...folder, '--key', key])).exit, 3)
    assert.not((await fs.readdir(desk.dir.join('here'), { recursive: true })).some(name => name.includes('.replica')))
  }
})

/** Relays a connection and destroys it after a number of bytes from the hub. */
class CuttingProxy {
  bytesMax: number
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()

  private constructor(server: net.Server, bytesMax: number) {
    this.#server = server
    this.bytesMax = bytesMax
  }

  static async open(port: number, bytesMax: number): Promise<CuttingProxy> {
    const server = net.createServer()
    const proxy = new CuttingProxy(server, bytesMax)
    server.on('connection', socket => proxy.#pass(socket, net.connect(port, '127.0.0.1')))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`
  }

  #pass(near: net.Socket, far: net.Socket): void {
    let bytes = 0
    for (const socket of [near, far]) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far)
    far.on('data', chunk => {
      bytes += chunk.length
      if (bytes > this.bytesMax) far.destroy()
      else near.write(chunk)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

test('a real log passes import, hub, clone and export with equal heads and bytes', async () => {
  const file = shared('vela/bbb-flagship.events.json')
  if (file === undefined) return skip('import, clone and export of a real log', 'the shared data is not there')
  await using desk = await Desk.open()
  await good(desk.run('lab', ['init']))
  const { value } = await desk.json('lab', ['import', file, '--frontier', FRONTIER])
  assert.equal([value.read, value.added, value.refused], [315, 315, []])
  assert.equal((await desk.json('lab', ['import', file, '--frontier', FRONTIER])).value.known, 315)
  await using hub = await desk.serve('lab')
  const clone = await desk.json('.', ['clone', hub.value.url, 'ben', '--key', hub.value.public_key])
  assert.is(clone.value.heads_digest, value.heads_digest)
  const there = await desk.run('lab', ['export'])
  assert.is((await desk.run('ben', ['export'])).stdout, there.stdout)
  assert.equal(byId(JSON.parse(there.stdout)), byId(JSON.parse(await fs.readFile(file, 'utf8'))))
})

function byId(events: { id: string }[]): { id: string }[] {
  return events.sort((a, b) => (a.id < b.id ? -1 : 1))
}

test.run()
