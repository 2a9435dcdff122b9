// Every way to break the protocol, against a real hub over a real socket: the breach is told with its code, the connection
// ends with its close code, the session is gone, and the same hub serves a well-behaved client as if nothing had been.
// Breaches that need a slow store, a clock, or a hub that is at fault are in violations-by-pipe.test.ts.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compare, type Digest, sha256, utf8 } from '../../src/base/bytes.ts'
import { WIRE_LIMITS } from '../../src/base/limits.ts'
import { Key } from '../../src/crypto/key.ts'
import { Hub } from '../../src/hub/hub.ts'
import { Replica } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { encodeMessage, type Message } from '../../src/sync/message.ts'
import { chain, FRONTIER, keyOf, type Made, node } from './local.ts'
import { RawClient } from './raw-client.ts'
import { openOf } from './session-parts.ts'

const test = suite('sync/violations')
const {
  frameBytesMax,
  headsSentMax,
  headsPerFrameMax,
  channelsMax,
  idsPerOfferMax,
  idsPerWantMax,
  wantsPerChannelMax,
} = WIRE_LIMITS

/** A hub with a frontier of three nodes, and a registered key for whoever misbehaves. */
interface Scene extends AsyncDisposable {
  readonly hub: Hub
  readonly key: Key
  /** The hub's nodes. */
  readonly nodes: readonly Made[]
}

async function hubWithNodes(): Promise<Scene> {
  const key = keyOf('rogue')
  const hub = await Hub.listen({ location: new MemoryStore(), port: 0, hubId: 'hub:main', key: keyOf('main') })
  await hub.replica.registry(FRONTIER).add({ id: 'hub:rogue', url: 'wss://rogue.example', publicKey: key.publicKey })
  const nodes = chain(keyOf('rogue'), 'event', 3)
  const rogue = await RawClient.ready(hub.url, key)
  rogue.send(openOf('push', { heads: [nodes[2]!.digest], count: 3 }))
  rogue.send(blocksOf(...nodes))
  end(rogue, nodes, { sent: 3 })
  await rogue.next('report')
  rogue.send({ t: 'close', ch: 1 })
  rogue.close()
  await rogue.closed
  return { hub, key, nodes, [Symbol.asyncDispose]: () => hub.close() }
}

function blocksOf(...nodes: readonly { readonly bytes: Uint8Array }[]): Message {
  return { t: 'blocks', ch: 1, nodes: nodes.map(({ bytes }) => bytes) }
}

/** Another replica pulls from the hub and has what it has; then the hub has no session left. */
async function servesOthers({ hub }: Scene): Promise<void> {
  const other = await Replica.open({ location: new MemoryStore(), hubId: 'hub:other', key: keyOf('other') })
  try {
    const { publicKey } = hub.replica.key
    await other.registry(FRONTIER).add({ id: 'hub:main', url: hub.url, publicKey })
    const rogue = { id: 'hub:rogue', url: 'wss://rogue.example', publicKey: keyOf('rogue').publicKey }
    await other.registry(FRONTIER).add(rogue)
    const report = await other.pull(FRONTIER, 'hub:main')
    assert.is(report.equal, true)
    assert.is(report.headsDigest, hub.replica.headsDigest(FRONTIER))
  } finally {
    await other.close()
  }
  while (hub.sessions > 0) await new Promise(resolve => setImmediate(resolve))
}

interface Breach {
  readonly name: string
  readonly error: string | undefined
  readonly close: number
  /** With a client that is connected and has said nothing. */
  readonly unproven?: (client: RawClient, scene: Scene) => Promise<void> | void
  /** With a client after the handshake. */
  readonly proven?: (client: RawClient, scene: Scene) => Promise<void> | void
}

function breach({ name, error, close, unproven, proven }: Breach): void {
  test(name, async () => {
    await using scene = await hubWithNodes()
    const { hub, key } = scene
    const client = await (unproven === undefined ? RawClient.ready(hub.url, key) : RawClient.connect(hub.url, key))
    await (unproven ?? proven)!(client, scene)
    assert.equal(await client.closed, { code: close, error })
    await servesOthers(scene)
  })
}

const madeUp = (name: string | number): Digest => sha256(utf8(`made up ${name}`))

function madeUpHeads(count: number): Digest[] {
  return Array.from({ length: count }, (_, i) => madeUp(i)).sort(compare)
}

// ## Frames

const FRAME = { error: 'ERR_SYNC_FRAME', close: 4400 }

breach({ name: 'a text frame', ...FRAME, unproven: client => client.sendText('hello') })
breach({
  name: 'a frame of one byte more than a frame may have',
  error: undefined, // the WebSocket layer has it, before any message could be read
  close: 1009,
  proven: client => client.sendBytes(Buffer.alloc(frameBytesMax + 1)),
})
breach({
  name: 'a frame as large as may be that is no CBOR',
  ...FRAME,
  proven: client => client.sendBytes(Buffer.alloc(frameBytesMax, 0xff)),
})
breach({ name: 'a frame that is no CBOR', ...FRAME, unproven: client => client.sendBytes(utf8('{"t":"hello"}')) })
breach({
  name: 'a frame in another form than the strict one',
  ...FRAME,
  proven: client => client.sendBytes(Buffer.from('a1617478046c697374', 'hex')),
})
breach({
  name: 'a message of an unknown type',
  ...FRAME,
  proven: client => client.sendBytes(Buffer.from('a161746573686f7574', 'hex')),
})
breach({
  name: 'a message without one of its fields',
  ...FRAME,
  proven: client => client.sendBytes(encodeMessage({ t: 'close' } as Message)),
})
breach({
  name: 'a message with a field more',
  ...FRAME,
  proven: client => client.sendBytes(encodeMessage({ t: 'list', all: true } as Message)),
})
breach({
  name: 'a channel in a mode that is not there yet',
  ...FRAME,
  proven: client => client.send(openOf('live' as 'pull')),
})

// ## Handshake

const ORDER = { error: 'ERR_SYNC_ORDER', close: 4409 }
const AUTH = { error: 'ERR_SYNC_AUTH', close: 4401 }

breach({ name: 'a message before hello', ...ORDER, unproven: client => client.send({ t: 'list' }) })
breach({
  name: 'a channel opened before the proof',
  ...ORDER,
  async unproven(client) {
    await client.greet()
    client.send(openOf('pull'))
  },
})
breach({ name: 'a second hello', ...ORDER, proven: client => client.send(client.hello()) })
breach({ name: 'a second proof', ...ORDER, proven: client => client.prove() })
breach({
  name: 'a hello without a common version',
  error: 'ERR_SYNC_VERSION',
  close: 4406,
  unproven: client => client.send(client.hello({ versions: [1, 3] })),
})
breach({
  name: 'a hello of a side that gives less credit than it must',
  error: 'ERR_SYNC_LIMIT',
  close: 4413,
  unproven: client =>
    client.send(client.hello({ limits: { frame: frameBytesMax, creditBytes: 2 * 1024 * 1024, creditNodes: 4095 } })),
})
breach({
  name: 'a proof that nobody signed',
  ...AUTH,
  async unproven(client) {
    await client.greet()
    client.send({ t: 'proof', sig: Buffer.alloc(64, 7) })
  },
})
breach({
  name: 'a proof for the other role',
  ...AUTH,
  async unproven(client) {
    await client.greet()
    client.prove({ role: 'hub' })
  },
})
breach({
  name: 'a proof for another host',
  ...AUTH,
  async unproven(client) {
    await client.greet()
    client.prove({ host: 'elsewhere.example' })
  },
})
breach({
  name: "the hub's own key",
  ...AUTH,
  unproven: (client, { hub }) => client.send(client.hello({ key: hub.replica.key.publicKeyBytes })),
})
breach({
  name: 'a key of small order, under which signatures can be made up',
  ...AUTH,
  async unproven(client) {
    const key = Buffer.alloc(32)
    key[0] = 1
    await client.greet({ key })
    client.send({ t: 'proof', sig: Buffer.concat([key, Buffer.alloc(32)]) })
  },
})

// ## Requests and channels

const CHANNEL = { error: 'ERR_SYNC_CHANNEL', close: 4405 }
const LIMIT = { error: 'ERR_SYNC_LIMIT', close: 4413 }
const HEADS = { error: 'ERR_SYNC_HEADS', close: 4424 }

breach({
  name: 'an answer that nobody asked for',
  ...ORDER,
  proven: client => client.send({ t: 'frontiers', items: [] }),
})
breach({
  name: 'a channel number used before',
  ...CHANNEL,
  async proven(client) {
    client.send(openOf('pull', { ch: 7, frontier: 'vfr_00000000000000ff' }))
    await client.next('error')
    client.send(openOf('pull', { ch: 7 }))
  },
})
breach({ name: 'channel 0', ...CHANNEL, proven: client => client.send(openOf('pull', { ch: 0 })) })
breach({
  name: 'two channels for one frontier',
  ...CHANNEL,
  proven(client) {
    client.send(openOf('pull'))
    client.send(openOf('pull', { ch: 2 }))
  },
})
breach({
  name: 'one channel more than there may be',
  ...LIMIT,
  async proven(client, { hub }) {
    for (let ch = 1; ch <= channelsMax + 1; ch += 1) {
      const frontier = `vfr_${String(ch).padStart(16, '0')}`
      await hub.replica
        .registry(frontier)
        .add({ id: 'hub:rogue', url: 'wss://rogue.example', publicKey: client.key.publicKey })
      client.send(openOf('push', { ch, frontier, heads: [madeUp('head')] }))
    }
  },
})
breach({
  name: 'a message for a channel that is not open',
  ...CHANNEL,
  proven: client => client.send({ t: 'ack', ch: 3, nodes: 0, bytes: 0 }),
})
breach({
  name: 'an error about a channel that is not open',
  ...CHANNEL,
  proven: client => client.send({ t: 'error', ch: 3, code: 'ERR_SYNC_BUSY', message: '' }),
})
breach({
  name: 'heads that descend',
  ...HEADS,
  proven: client => client.send(openOf('pull', { heads: madeUpHeads(2).reverse() })),
})
breach({
  name: 'a head twice',
  ...HEADS,
  proven: client => client.send(openOf('pull', { heads: [madeUp('one'), madeUp('one')] })),
})
breach({
  name: 'heads that do not give the digest',
  ...HEADS,
  proven: client => client.send(openOf('pull', { heads: madeUpHeads(2), digest: madeUp('digest') })),
})
breach({
  name: 'fewer heads than stated',
  ...HEADS,
  proven: client => client.send(openOf('pull', { heads: madeUpHeads(2), headCount: 3, count: 3 })),
})
breach({
  name: 'one head more than a side may name',
  ...LIMIT,
  proven(client) {
    const heads = madeUpHeads(headsSentMax + 1)
    const headCount = heads.length
    const view = openOf('pull', { heads, headCount, count: headCount })
    client.send({ ...view, heads: heads.slice(0, headsPerFrameMax), more: true })
    for (let from = headsPerFrameMax; from < headCount; from += headsPerFrameMax) {
      const page = heads.slice(from, from + headsPerFrameMax)
      client.send({ t: 'heads', ch: 1, heads: page, more: from + headsPerFrameMax < headCount })
    }
  },
})
breach({
  name: 'an empty page of heads that says that more follow',
  ...HEADS,
  proven: client => client.send({ ...openOf('pull', { heads: madeUpHeads(2) }), heads: [], more: true }),
})
breach({
  name: 'a page of heads that was not announced',
  ...ORDER,
  async proven(client) {
    client.send(openOf('pull', { heads: [madeUp('one')] }))
    await client.next('opened')
    client.send({ t: 'heads', ch: 1, heads: [madeUp('two')], more: false })
  },
})
breach({
  name: 'blocks between two pages of heads',
  error: 'ERR_SYNC_UNSOLICITED',
  close: 4422,
  proven(client) {
    const heads = madeUpHeads(2)
    client.send({ ...openOf('push', { heads }), heads: heads.slice(0, 1), more: true })
    client.send(blocksOf(node(client.key, 'early')))
  },
})

// ## Flows from the client: the hub is the sink

const UNSOLICITED = { error: 'ERR_SYNC_UNSOLICITED', close: 4422 }
const CREDIT = { error: 'ERR_SYNC_CREDIT', close: 4429 }

/** Opens a push of these nodes, stated as the client's whole log with its last node as the head. */
async function push(client: RawClient, nodes: readonly Made[], count = nodes.length): Promise<void> {
  client.send(openOf('push', { heads: [nodes.at(-1)!.digest], count }))
  await client.next('opened')
}

function end(client: RawClient, nodes: readonly Made[], { sent = 0, seq = nodes.length } = {}): void {
  client.send({ t: 'end', ch: 1, seq, digest: sha256(nodes.at(-1)!.digest), nodes: sent })
}

breach({
  name: 'blocks where nothing was asked for',
  ...UNSOLICITED,
  async proven(client) {
    client.send(openOf('pull'))
    await client.next('opened')
    client.send(blocksOf(node(client.key, 'unasked')))
  },
})
breach({
  name: 'blocks where both have the same heads',
  ...UNSOLICITED,
  async proven(client, { nodes }) {
    await push(client, nodes)
    client.send(blocksOf(nodes[0]!))
  },
})
breach({
  name: 'more blocks than the client said it has nodes',
  ...UNSOLICITED,
  async proven(client) {
    const nodes = chain(client.key, 'too many', 2)
    await push(client, nodes, 1)
    client.send(blocksOf(...nodes))
  },
})
breach({
  name: 'an offer after blocks',
  ...ORDER,
  async proven(client) {
    const nodes = chain(client.key, 'late offer', 2)
    await push(client, nodes)
    client.send(blocksOf(nodes[0]!))
    client.send({ t: 'offer', ch: 1, ids: [nodes[1]!.digest] })
  },
})
breach({
  name: 'an offer of one id more than an offer may have',
  ...FRAME,
  async proven(client) {
    await push(client, [node(client.key, 'mine')], 10_000)
    client.send({ t: 'offer', ch: 1, ids: madeUpHeads(idsPerOfferMax + 1) })
  },
})
breach({
  name: 'more ids offered than the client said it has nodes',
  ...ORDER,
  async proven(client) {
    await push(client, [node(client.key, 'mine')], 2)
    client.send({ t: 'offer', ch: 1, ids: madeUpHeads(3) })
  },
})
breach({
  name: 'a node that the offers did not show to be lacking',
  ...UNSOLICITED,
  async proven(client) {
    const nodes = chain(client.key, 'offered', 2)
    await push(client, nodes)
    client.send({ t: 'offer', ch: 1, ids: [nodes[0]!.digest] })
    await client.next('have')
    client.send(blocksOf(nodes[0]!))
    client.send(blocksOf(nodes[1]!))
  },
})
breach({
  name: 'a node twice after an offer',
  ...UNSOLICITED,
  async proven(client) {
    const nodes = chain(client.key, 'offered', 1)
    await push(client, nodes)
    client.send({ t: 'offer', ch: 1, ids: [nodes[0]!.digest] })
    await client.next('have')
    client.send(blocksOf(nodes[0]!, nodes[0]!))
  },
})
breach({
  name: 'a node after the end',
  ...UNSOLICITED,
  async proven(client) {
    await push(client, [node(client.key, 'stated')], 2)
    end(client, [node(client.key, 'stated')], { seq: 2 })
    await client.next('want')
    client.send(blocksOf(node(client.key, 'another')))
  },
})
breach({
  name: 'packed bytes that are garbage',
  ...FRAME,
  async proven(client) {
    await push(client, [node(client.key, 'mine')])
    client.send({ t: 'packed', ch: 1, size: 500, data: Buffer.alloc(100, 0xff) })
  },
})
breach({
  name: 'packed bytes that unfold to a thousand times their size',
  ...FRAME,
  async proven(client) {
    const { deflateRawSync } = await import('node:zlib')
    await push(client, [node(client.key, 'mine')])
    const bomb = deflateRawSync(Buffer.alloc(64 * 1024 * 1024), { level: 9 })
    client.send({ t: 'packed', ch: 1, size: frameBytesMax, data: bomb })
  },
})
breach({
  name: 'packed bytes that say they unfold to more than a frame may hold',
  ...LIMIT,
  async proven(client) {
    await push(client, [node(client.key, 'mine')])
    client.send({ t: 'packed', ch: 1, size: frameBytesMax + 1, data: Buffer.alloc(8) })
  },
})
breach({
  name: 'a lack of what nobody wanted',
  ...UNSOLICITED,
  async proven(client) {
    await push(client, [node(client.key, 'mine')])
    client.send({ t: 'lack', ch: 1, ids: [madeUp('id')] })
  },
})
breach({
  name: 'a head stated that the client lacks',
  ...HEADS,
  async proven(client) {
    client.send(openOf('push', { heads: [madeUp('head')] }))
    await client.next('opened')
    client.send({ t: 'end', ch: 1, seq: 1, digest: sha256(madeUp('head')), nodes: 0 })
    const { ids } = await client.next('want')
    client.send({ t: 'lack', ch: 1, ids })
  },
})
breach({
  name: 'two ends',
  ...ORDER,
  async proven(client) {
    const nodes = chain(client.key, 'mine', 1)
    await push(client, nodes)
    client.send(blocksOf(...nodes))
    end(client, nodes, { sent: 1 })
    end(client, nodes, { sent: 1 })
  },
})
breach({
  name: 'an end at another count than the one stated',
  ...HEADS,
  async proven(client) {
    const nodes = chain(client.key, 'mine', 2)
    await push(client, nodes)
    end(client, nodes, { seq: 1 })
  },
})
breach({
  name: 'an end after fewer nodes than it says',
  ...ORDER,
  async proven(client) {
    const nodes = chain(client.key, 'mine', 2)
    await push(client, nodes)
    client.send(blocksOf(nodes[0]!))
    end(client, nodes, { sent: 2 })
  },
})
breach({
  name: 'an end with other heads than those stated',
  ...HEADS,
  async proven(client) {
    const nodes = chain(client.key, 'mine', 1)
    await push(client, nodes)
    client.send({ t: 'end', ch: 1, seq: 1, digest: madeUp('other heads'), nodes: 0 })
  },
})
breach({
  name: 'a want to a hub that sends nothing',
  ...ORDER,
  async proven(client) {
    await push(client, [node(client.key, 'mine')])
    client.send({ t: 'want', ch: 1, ids: [madeUp('id')] })
  },
})
breach({
  name: 'a close before the flow has ended',
  ...ORDER,
  async proven(client) {
    await push(client, [node(client.key, 'mine')])
    client.send({ t: 'close', ch: 1 })
  },
})

// ## Flows to the client: the hub is the source

/** Opens a pull with one head that the hub doesn't know, so that it asks. */
async function pullDiverged(client: RawClient): Promise<Message & { t: 'offer' }> {
  client.send(openOf('pull', { heads: [madeUp('mine')] }))
  return client.next('offer')
}

/** Opens a pull of all the hub has, and takes it. */
async function pullAll(client: RawClient): Promise<void> {
  client.send(openOf('pull'))
  await client.next('end')
}

breach({
  name: 'a have of the wrong length',
  ...FRAME,
  async proven(client) {
    await pullDiverged(client)
    client.send({ t: 'have', ch: 1, stored: new Uint8Array(2), held: new Uint8Array(2) })
  },
})
breach({
  name: 'a have with a bit past the last id',
  ...FRAME,
  async proven(client) {
    await pullDiverged(client)
    client.send({ t: 'have', ch: 1, stored: Uint8Array.of(0), held: Uint8Array.of(0x08) })
  },
})
breach({
  name: 'a have without an offer',
  ...ORDER,
  async proven(client) {
    await pullAll(client)
    client.send({ t: 'have', ch: 1, stored: Uint8Array.of(0), held: Uint8Array.of(0) })
  },
})
breach({
  name: 'a have twice',
  ...ORDER,
  async proven(client) {
    await pullDiverged(client)
    const have: Message = { t: 'have', ch: 1, stored: Uint8Array.of(0), held: Uint8Array.of(0) }
    client.send(have)
    client.send(have)
  },
})
breach({
  name: 'an ack of more nodes than were sent',
  ...CREDIT,
  async proven(client) {
    await pullAll(client)
    client.send({ t: 'ack', ch: 1, nodes: 4, bytes: 1 })
  },
})
breach({
  name: 'an ack that takes back an earlier one',
  ...CREDIT,
  async proven(client) {
    await pullAll(client)
    client.send({ t: 'ack', ch: 1, nodes: 3, bytes: 1 })
    client.send({ t: 'ack', ch: 1, nodes: 2, bytes: 1 })
  },
})
breach({
  name: 'a want while the hub is still asking',
  ...ORDER,
  async proven(client) {
    await pullDiverged(client)
    client.send({ t: 'want', ch: 1, ids: [madeUp('id')] })
  },
})
breach({
  name: 'wants without end',
  ...LIMIT,
  async proven(client) {
    await pullAll(client)
    for (let sent = 0; sent <= wantsPerChannelMax; sent += idsPerWantMax) {
      client.send({ t: 'want', ch: 1, ids: Array.from({ length: idsPerWantMax }, (_, i) => madeUp(sent + i)) })
      if (sent % 1024 === 768 && sent < wantsPerChannelMax) {
        for (let answered = 0; answered < 1024; ) answered += (await client.next('lack')).ids.length
      }
    }
  },
})

/** An empty report on channel 1. */
function report(client: RawClient): void {
  const counts = { admitted: 0, known: 0, heldCount: 0, refusedCount: 0, count: 0 }
  const rest = { held: [], refused: [], digest: sha256(new Uint8Array(0)), complete: false }
  client.send({ t: 'report', ch: 1, ...counts, ...rest })
}

breach({
  name: 'a report before the end',
  ...ORDER,
  async proven(client) {
    await pullDiverged(client)
    report(client)
  },
})
breach({
  name: 'a report before everything is acked',
  ...ORDER,
  async proven(client) {
    await pullAll(client)
    report(client)
  },
})

// ## What is refused without ending the connection

test('a push by a key that is not registered is refused, and the connection goes on', async () => {
  await using scene = await hubWithNodes()
  const client = await RawClient.ready(scene.hub.url, Key.generate())
  client.send(openOf('push', { heads: [madeUp('head')] }))
  assert.is((await client.next('error')).code, 'ERR_SYNC_FORBIDDEN')
  client.send(openOf('pull', { ch: 2 }))
  assert.is((await client.next('opened')).count, 3)
  client.close()
  await client.closed
  await servesOthers(scene)
})

test('a frontier that the hub does not keep is refused, and the connection goes on', async () => {
  await using scene = await hubWithNodes()
  const client = await RawClient.ready(scene.hub.url, scene.key)
  client.send(openOf('pull', { frontier: 'vfr_00000000000000ff' }))
  assert.equal(pick(await client.next('error')), { ch: 1, code: 'ERR_FRONTIER_UNKNOWN' })
  client.send({ t: 'registry', frontier: 'vfr_00000000000000ff' })
  assert.equal(pick(await client.next('error')), { ch: 0, code: 'ERR_SYNC_FORBIDDEN' })
  client.send({ t: 'list' })
  assert.is((await client.next('frontiers')).items.length, 1)
  client.close()
  await client.closed
  await servesOthers(scene)
})

function pick({ ch, code }: Message & { t: 'error' }): object {
  return { ch, code }
}

test('a client that goes without a word in the middle of a pull leaves nothing behind', async () => {
  await using scene = await hubWithNodes()
  const client = await RawClient.ready(scene.hub.url, scene.key)
  client.send(openOf('pull'))
  await client.next('blocks')
  client.terminate()
  await client.closed
  await servesOthers(scene)
})

test('a client that gives up a channel has another one for the same frontier', async () => {
  await using scene = await hubWithNodes()
  const client = await RawClient.ready(scene.hub.url, scene.key)
  client.send(openOf('pull'))
  client.send({ t: 'error', ch: 1, code: 'ERR_ABORTED', message: '' })
  client.send(openOf('pull', { ch: 2 }))
  await client.next('opened')
  for (;;) {
    const { ch } = await client.next('end')
    if (ch === 2) break
  }
  client.close()
  await client.closed
  await servesOthers(scene)
})

test('what a peer says of an error is escaped nowhere on the way and taken over nowhere as a code of ours', async () => {
  const events: string[] = []
  await using hub = await Hub.listen({
    location: new MemoryStore(),
    port: 0,
    onEvent: ({ message, facts }) => events.push(`${facts.code}: ${message}`),
  })
  const client = await RawClient.ready(hub.url, keyOf('rogue'))
  client.send({ t: 'error', ch: null, code: 'ERR_STORE_CORRUPT', message: 'your\u001b[31m disk' })
  assert.is((await client.closed).code, 1000)
  while (hub.sessions > 0) await new Promise(resolve => setImmediate(resolve))
  assert.equal(events, ['ERR_SYNC_REMOTE: a session of 127.0.0.1: the peer reported: your\u001b[31m disk'])
})

test.run()
