// sync, watch, peer set and status: output and exit codes, with and without a hub that serves the store.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Desk, type Json } from './in-process.ts'

const test = suite('cli/live')

function append(reason: string): string[] {
  const target = ['--kind', 'finding.noted', '--target', 'finding:vf_1']
  return ['append', ...target, '--actor', 'reviewer:ada', '--reason', reason]
}

interface Two extends AsyncDisposable {
  readonly desk: Desk
  readonly url: string
  readonly key: string
}

/** Starts a hub `lab` and creates a store `ada`; each has registered the other. */
async function two(): Promise<Two> {
  const desk = await Desk.open()
  await desk.run('lab', ['init', '--hub-id', 'hub:lab'])
  await desk.run('lab', ['frontier', 'create', '--name', 'x'])
  const hub = await desk.serve('lab')
  const { url, public_key: key } = hub.value
  const ada = await desk.json('.', ['clone', url, 'ada', '--key', key, '--hub-id', 'hub:ada'])
  await desk.run('lab', ['peer', 'add', 'hub:ada', 'wss://ada.example', '--key', ada.value.public_key])
  return {
    desk,
    url,
    key,
    async [Symbol.asyncDispose]() {
      await hub.stop()
      await desk[Symbol.asyncDispose]()
    },
  }
}

function lines(text: string): Json[] {
  return text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
}

test('sync exchanges in both directions, and its exit code tells whether the heads are equal', async () => {
  await using both = await two()
  const { desk } = both
  await desk.run('lab', append('there'))
  await desk.run('ada', append('here'))
  const { exit, value } = await desk.json('ada', ['sync', 'hub:lab'])
  assert.equal([exit, value.in.admitted, value.out.admitted, value.equal], [0, 1, 1, true])
  await desk.run('lab', append('more'))
  const pushed = await desk.json('ada', ['sync', 'hub:lab', '--mode', 'push'])
  assert.equal([pushed.exit, pushed.value.equal, pushed.value.in], [0, false, undefined])
  const shown = await desk.run('ada', ['sync', 'hub:lab'])
  assert.match(shown.stdout, /in +1 admitted/)
})

test('sync --until-caught-up ends when both sides are equal, or at the time limit with 1 or the error', async () => {
  await using both = await two()
  const { desk, key } = both
  await desk.run('lab', append('there'))
  const ran = await desk.run('ada', ['sync', 'hub:lab', '--until-caught-up', '--timeout', '60', '--jsonl'])
  assert.is(ran.exit, 0)
  assert.ok(lines(ran.stdout).every(({ direction, complete }) => ['in', 'out'].includes(direction) && complete))
  const done = await desk.json('ada', ['sync', 'hub:lab', '--live', '--until-caught-up'])
  assert.equal([done.exit, done.value.equal, done.value.in], [0, true, 0])
  await desk.run('ada', ['peer', 'set', 'hub:lab', '--url', 'ws://127.0.0.1:9'])
  const equalOnce = await desk.json('ada', ['sync', 'hub:lab', '--until-caught-up', '--timeout', '1'])
  assert.equal([equalOnce.exit, equalOnce.value.error.code], [3, 'ERR_SYNC_CONNECT'])
  await desk.run('ada', ['peer', 'set', 'hub:lab', '--url', both.url])
  await desk.run('ada', ['peer', 'set', 'hub:lab', '--url', 'ws://127.0.0.1:9'])
  const away = await desk.json('ada', ['sync', 'hub:lab', '--until-caught-up', '--timeout', '1'])
  assert.equal([away.exit, away.value.error.code], [3, 'ERR_SYNC_CONNECT'])
  assert.is((await desk.json('ada', ['sync', 'hub:lab', '--timeout', '5'])).value.error.code, 'ERR_SYNC_CONNECT')
  const { peer } = (await desk.json('ada', ['peer', 'set', 'hub:lab', '--url', both.url, '--live', 'both'])).value
  assert.equal([peer.public_key, peer.live, peer.url], [key, 'both', both.url])
})

test('one direction has caught up when the receiver has all nodes of the sender', async () => {
  await using both = await two()
  const { desk, url, key } = both
  await desk.run('ada', append('only here'))
  await desk.run('lab', append('only there'))
  const caughtUp = (mode: string, seconds: number): Promise<{ exit: number; value: Json }> =>
    desk.json('ada', ['sync', 'hub:lab', '--mode', mode, '--until-caught-up', '--timeout', String(seconds)])
  const pulled = await caughtUp('pull', 60)
  assert.equal([pulled.exit, pulled.value.in, pulled.value.equal], [0, 1, false])
  await desk.run('lab', append('more there'))
  const pushed = await caughtUp('push', 60)
  assert.equal([pushed.exit, pushed.value.out, pushed.value.equal], [0, 1, false])
  const stranger = await desk.json('.', ['clone', url, 'stranger', '--key', key, '--hub-id', 'hub:stranger'])
  await desk.run('lab', ['peer', 'add', 'hub:stranger', 'wss://s.example', '--key', stranger.value.public_key])
  await desk.run('stranger', append('by a key that ada does not know'))
  assert.is((await desk.run('stranger', ['push', 'hub:lab'])).exit, 0)
  const held = await caughtUp('pull', 1)
  assert.equal([held.exit, held.value.equal], [1, false])
})

test('wrong options of live commands are ERR_USAGE', async () => {
  await using both = await two()
  const { desk } = both
  const wrong = [
    ['sync', 'hub:lab', '--mode', 'off'],
    ['sync', 'hub:lab', '--jsonl'],
    ['sync', 'hub:lab', '--timeout', '0'],
    ['peer', 'set', 'hub:lab'],
    ['peer', 'set', 'hub:lab', '--live', 'on'],
    ['peer', 'add', 'hub:x', 'wss://x', '--key', both.key, '--live', 'on'],
    ['watch', '--since', '99'],
  ]
  for (const argv of wrong) {
    const { exit, stderr } = await desk.run('ada', argv)
    assert.equal([exit, stderr.includes('ERR_USAGE')], [2, true], argv.join(' '))
  }
  for (const argv of [
    ['watch', '--json'],
    ['watch', '--json', '--jsonl', '-n', '1'],
  ])
    assert.is((await desk.run('ada', argv)).exit, 2)
  assert.is((await desk.run('ada', ['peer', 'set', 'hub:nobody', '--live', 'off'])).exit, 2)
})

test('watch continues at its cursor inside a hub and escapes its output', async () => {
  await using both = await two()
  const { desk } = both
  await desk.run('lab', append('one \u001b[31m'))
  const first = lines((await desk.run('lab', ['watch', '--jsonl', '--since', '0', '-n', '2'])).stdout)
  assert.equal(
    first.map(({ cursor, event }) => [cursor, event.kind]),
    [
      [1, 'frontier.created'],
      [2, 'finding.noted'],
    ],
  )
  const watching = desk.run('lab', ['watch', '--jsonl', '--since', String(first[1].cursor), '-n', '1'])
  await desk.run('lab', append('two'))
  const [next] = lines((await watching).stdout)
  assert.equal([next.cursor, next.event.reason], [3, 'two'])
  const shown = await desk.run('lab', ['watch', '--since', '1', '-n', '1'], { terminal: true })
  assert.ok(shown.stdout.includes('one \\u{1b}[31m'))
  const controller = new AbortController()
  const endless = desk.run('lab', ['watch'], { signal: controller.signal })
  controller.abort()
  assert.equal([(await endless).stdout], [''])
  const kinds = await desk.json('lab', ['watch', '--since', '0', '--kind', 'frontier.created', '-n', '1'])
  assert.equal([kinds.value.changes.length, kinds.value.cursor], [1, 1])
})

test('status shows the state of each peer, with and without a hub', async () => {
  await using both = await two()
  const { desk } = both
  await desk.run('ada', append('here'))
  const links = async (folder: string): Promise<Json> =>
    (await desk.json(folder, ['status'])).value.frontiers[0].links[0]
  const before = await links('ada')
  assert.equal([before.state, before.ahead, before.link, before.live], ['ahead', 1, null, 'off'])
  await desk.run('ada', ['sync', 'hub:lab'])
  assert.is((await links('ada')).state, 'in sync')
  assert.match((await desk.run('ada', ['status'])).stdout, /hub:lab +off +in sync +- +\d{4}-/)
  assert.is((await links('lab')).id, 'hub:ada')
})

test.run()
