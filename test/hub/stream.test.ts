// Streams of events over HTTP: order, resuming, heartbeats, readers that stop reading, how many there may be, and a hub
// that stops; with a WebSocket client writing at the same time.

import { once } from 'node:events'
import * as net from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HTTP_LIMITS } from '../../src/base/limits.ts'
import { contextOf, Replica } from '../../src/replica/replica.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { draft } from '../replica/drafts.ts'
import { type Json, type Served, serve } from './site.ts'

const test = suite('hub/stream')

interface Sent {
  readonly event: string
  readonly id: string | undefined
  readonly data: Json
}

/** A stream, read event by event. */
class Reader {
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #controller: AbortController
  #text = ''

  private constructor(answer: Response, controller: AbortController) {
    this.#chunks = answer.body![Symbol.asyncIterator]()
    this.#controller = controller
  }

  static async open(site: Served, query = '', headers: Record<string, string> = {}): Promise<Reader> {
    const controller = new AbortController()
    const url = `${site.base}/entries/${site.frontier}/events/stream${query}`
    const answer = await fetch(url, { headers, signal: controller.signal })
    assert.is(answer.status, 200)
    assert.is(answer.headers.get('content-type'), 'text/event-stream')
    return new Reader(answer, controller)
  }

  /** Undefined when the hub has ended the stream. */
  async next(): Promise<Sent | undefined> {
    for (;;) {
      const end = this.#text.indexOf('\n\n')
      if (end >= 0) {
        const lines = this.#text.slice(0, end).split('\n')
        this.#text = this.#text.slice(end + 2)
        const field = (name: string): string | undefined =>
          lines.find(line => line.startsWith(`${name}: `))?.slice(name.length + 2)
        const event = field('event')
        if (event !== undefined) return { event, id: field('id'), data: JSON.parse(field('data')!) }
        continue
      }
      const chunk = await this.#chunks.next()
      if (chunk.done) return undefined
      this.#text += Buffer.from(chunk.value).toString('utf8')
    }
  }

  async take(count: number): Promise<Sent[]> {
    const sent: Sent[] = []
    while (sent.length < count) {
      const item = await this.next()
      if (item === undefined) break
      if (item.event === 'event') sent.push(item)
    }
    return sent
  }

  close(): void {
    this.#controller.abort()
  }
}

const reasonOf = ({ data }: Sent): string => data.reason

test('a stream gives all events in arrival order, then says that it is idle, then new ones as they become durable', async () => {
  await using site = await serve({ notes: 3 })
  const reader = await Reader.open(site)
  const first = await reader.take(4)
  assert.equal(first.map(reasonOf), ['frontier compiled', 'note 0', 'note 1', 'note 2'])
  const ids = first.map(item => item.data.id)
  assert.equal(
    first.map(item => item.id),
    ids,
  )
  assert.equal(await reader.next(), {
    event: 'heartbeat',
    id: undefined,
    data: { vfr_id: site.frontier, cursor: ids[3], status: 'idle' },
  })
  await site.append('new', 'newer')
  assert.equal((await reader.take(2)).map(reasonOf), ['new', 'newer'])
  reader.close()
})

test('a stream says how many texts are in each state when some are not here, and after each change', async () => {
  await using site = await serve({ notes: 2 })
  const frontier = contextOf(site.hub.replica).frontier(site.frontier)
  const counts = { vfr_id: site.frontier, here: 2, wanted: 1, erased: 0, void: 0, left_out: 0 }
  const whole = await Reader.open(site)
  await whole.take(3)
  assert.is((await whole.next())!.event, 'heartbeat')
  await frontier.setTexts([{ seq: 1, state: 'wanted' }])
  assert.equal(await whole.next(), { event: 'texts', id: undefined, data: counts })
  const part = await Reader.open(site)
  assert.is((await part.take(2)).length, 2)
  assert.equal((await part.next())!.data, counts)
  for (const reader of [whole, part]) reader.close()
})

test('a reader goes on behind the event that it saw last, by header or by parameter', async () => {
  await using site = await serve({ notes: 5 })
  const ids = (await site.json(`/entries/${site.frontier}/events`)).events.map((event: Json) => event.id)
  const resumed = await Reader.open(site, `?since=${ids[0]}`, { 'last-event-id': ids[3] })
  assert.equal((await resumed.take(2)).map(reasonOf), ['note 3', 'note 4'])
  resumed.close()
  const page = await site.json(`/entries/${site.frontier}/events?limit=5`)
  const byId = await Reader.open(site, `?since=${page.next_cursor}`)
  assert.equal((await byId.take(1)).map(reasonOf), ['note 4'])
  byId.close()
  for (const unknown of ['vev_0000000000000000', '3']) {
    const bad = await site.get(`/entries/${site.frontier}/events/stream`, { 'last-event-id': unknown })
    assert.is(bad.status, 400)
  }
})

test('a reader goes on at another hub that has the event it saw last, and one that has not says so', async () => {
  await using site = await serve({ notes: 2 })
  await using other = await serve()
  const { hub, frontier } = site
  await other.hub.replica.track(frontier)
  await other.hub.replica
    .registry(frontier)
    .add({ id: 'hub:first', url: hub.url, publicKey: hub.replica.key.publicKey })
  await hub.replica
    .registry(frontier)
    .add({ id: 'hub:other', url: other.hub.url, publicKey: other.hub.replica.key.publicKey })
  const reader = await Reader.open(site)
  const seen = (await reader.take(3)).at(-1)!.id!
  reader.close()
  const path = `/entries/${frontier}/events/stream`
  assert.is((await other.get(path, { 'last-event-id': seen })).status, 400)
  await site.append('later')
  await hub.replica.push(frontier, 'hub:other')
  const resumed = await Reader.open({ ...other, frontier }, '', { 'last-event-id': seen })
  assert.equal((await resumed.take(1)).map(reasonOf), ['later'])
  resumed.close()
})

test('a node that carries an event once more is a place of its own, named by its CID', async () => {
  await using site = await serve({ notes: 1 })
  await using other = await serve()
  const log: Uint8Array[] = []
  for await (const node of site.hub.replica.events(site.frontier)) log.push(node.event!.text)
  await other.hub.replica.import(site.frontier, () => log)
  const peers = site.hub.replica.registry(site.frontier)
  await peers.add({ id: 'hub:other', url: other.hub.url, publicKey: other.hub.replica.key.publicKey })
  await site.hub.replica.pull(site.frontier, 'hub:other')
  const reader = await Reader.open(site)
  assert.is((await reader.take(2)).length, 2)
  const { cursor } = (await reader.next())!.data
  reader.close()
  assert.match(cursor, /^bafyrei/)
  await site.append('later')
  const resumed = await Reader.open(site, `?since=${cursor}`)
  assert.equal((await resumed.take(1)).map(reasonOf), ['later'])
  resumed.close()
})

test('a stream that is filtered gives what matches, and ids of the whole log', async () => {
  await using site = await serve({ notes: 2 })
  const reader = await Reader.open(site, '?kind=frontier.created')
  const [first] = await reader.take(1)
  assert.is(first!.id, first!.data.id)
  const idle = await reader.next()
  const { events } = await site.json(`/entries/${site.frontier}/events`)
  assert.is(idle!.data.cursor, events[2].id)
  reader.close()
})

test('streams follow what a peer pushes over the WebSocket of the same port, each event once', async () => {
  await using site = await serve()
  const laptop = await Replica.open({ location: new MemoryStore(), hubId: 'hub:laptop' })
  const peers = site.hub.replica.registry(site.frontier)
  await peers.add({ id: 'hub:laptop', url: 'wss://l.example', publicKey: laptop.key.publicKey })
  await laptop
    .registry(site.frontier)
    .add({ id: 'hub:main', url: site.hub.url, publicKey: site.hub.replica.key.publicKey })
  await laptop.pull(site.frontier, 'hub:main')
  const readers = await Promise.all(Array.from({ length: 20 }, () => Reader.open(site)))
  const expected = ['frontier compiled']
  for (let round = 0; round < 3; round += 1) {
    for (let i = 0; i < 10; i += 1) {
      expected.push(`pushed ${round} ${i}`)
      await laptop.append(site.frontier, draft(`pushed ${round} ${i}`))
    }
    const [report] = await Promise.all([
      laptop.push(site.frontier, 'hub:main'),
      site.get('/entries'),
      site.get('/metrics'),
    ])
    assert.is(report.admitted, 10)
  }
  for (const reader of readers) {
    assert.equal((await reader.take(expected.length)).map(reasonOf), expected)
    reader.close()
  }
  await laptop.close()
  const text = await (await site.get('/metrics')).text()
  assert.match(text, 'replica_nodes_admitted_total 30\n')
})

test('a reader that stops reading costs the hub a buffer, and the others get everything', async () => {
  await using site = await serve()
  const payload = 'x'.repeat(100_000)
  const socket = net.connect(Number(new URL(site.base).port), '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(`GET /entries/${site.frontier}/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  await once(socket, 'readable')
  const reader = await Reader.open(site)
  const count = 300
  const taking = reader.take(count + 1)
  for (let i = 0; i < count; i += 1)
    await site.hub.replica.append(site.frontier, draft(`large ${i}`, { text: payload }))
  assert.is((await taking).length, count + 1)
  assert.ok(socket.readableLength < 4_000_000, 'the socket took only what its own buffer holds')
  assert.match(await (await site.get('/metrics')).text(), 'replica_streams 2\n')
  socket.destroy()
  reader.close()
})

test('so many streams may be open to one address, and one more is told to come later', async () => {
  await using site = await serve()
  const readers: Reader[] = []
  for (let i = 0; i < HTTP_LIMITS.streamsPerAddressMax; i += 1) readers.push(await Reader.open(site))
  const refused = await site.get(`/entries/${site.frontier}/events/stream`)
  assert.is(refused.status, 503)
  assert.is(((await refused.json()) as Json).code, 'ERR_HTTP_BUSY')
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  for (const reader of readers) reader.close()
  let status = 503
  while (status === 503) {
    const controller = new AbortController()
    const answer = await fetch(`${site.base}/entries/${site.frontier}/events/stream`, { signal: controller.signal })
    status = answer.status
    controller.abort()
  }
  assert.is(status, 200)
})

test('a hub that stops ends its streams', async () => {
  const site = await serve({ notes: 1 })
  const reader = await Reader.open(site)
  assert.is((await reader.take(2)).length, 2)
  const ended = (async () => {
    while ((await reader.next()) !== undefined);
    return true
  })()
  await site.hub.close()
  assert.ok(await ended)
})

test.run()
