// Sessions of blocks, credit and missing ancestors, S29 to S35, and of their end when a cursor was wrong.

import { NO_TRACE } from '../../src/sync/log-trace.ts'
import { chain, FRONTIER, introduce, keyOf, local, node, plant } from './local.ts'
import type { Scene } from './scene.ts'
import { blocksOf, diverged, madeUp, openOf, type Parts, ready, type Session } from './session-parts.ts'

/** Raw DEFLATE of one stored block: what a packed frame may carry without a compressor. */
function deflated(bytes: Uint8Array): Uint8Array {
  const head = Buffer.alloc(5)
  head[0] = 1
  head.writeUInt16LE(bytes.length, 1)
  head.writeUInt16LE(bytes.length ^ 0xffff, 3)
  return Buffer.concat([head, bytes])
}

/** DAG-CBOR of a list with one node of 256 to 65535 bytes. */
function listOf(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(0x81, 0x59, bytes.length >> 8, bytes.length & 0xff), bytes])
}

async function packed(make: (array: Uint8Array) => { size: number; data: Uint8Array }): Promise<Scene> {
  const { scene, client } = await ready()
  const made = node(client.key, 'packed')
  await scene.forge('hub', openOf('push', { heads: [made.digest] }))
  await scene.forge('hub', { t: 'packed', ch: 1, ...make(listOf(made.bytes)) })
  return scene
}

export const blocks: Session[] = [
  {
    file: 'blocks',
    rule: 'S30',
    name: 'one node in a packed frame',
    run: () => packed(array => ({ size: array.length, data: deflated(array) })),
  },
  {
    file: 'blocks',
    rule: 'S30',
    name: 'packed bytes that are no DEFLATE',
    error: 'ERR_SYNC_FRAME',
    run: () => packed(array => ({ size: array.length, data: Buffer.alloc(64, 0xff) })),
  },
  {
    file: 'blocks',
    rule: 'S30',
    name: 'packed bytes that grow past the size stated with them',
    error: 'ERR_SYNC_FRAME',
    run: () => packed(array => ({ size: array.length - 1, data: deflated(array) })),
  },
  {
    file: 'blocks',
    rule: 'S30',
    name: 'packed bytes with something behind them',
    error: 'ERR_SYNC_FRAME',
    run: () => packed(array => ({ size: array.length, data: Buffer.concat([deflated(array), Buffer.alloc(1)]) })),
  },
  {
    file: 'blocks',
    rule: 'S30',
    name: 'a packed frame of more than a frame may hold',
    error: 'ERR_SYNC_LIMIT',
    run: () => packed(array => ({ size: 2_097_153, data: deflated(array) })),
  },
  {
    file: 'blocks',
    rule: 'S30',
    name: 'a packed frame that holds no list',
    error: 'ERR_SYNC_FRAME',
    run: () => packed(array => ({ size: array.length - 1, data: deflated(array.subarray(1)) })),
  },
  {
    file: 'blocks',
    rule: 'S31',
    name: 'two frames before the first is acked',
    async run() {
      const { scene, client } = await ready()
      const [first, second] = chain(client.key, 'event', 2)
      await scene.forge('hub', openOf('push', { heads: [second!.digest], count: 2 }))
      scene.slow = true
      await scene.forge('hub', blocksOf(first!))
      await scene.forge('hub', blocksOf(second!))
      await scene.catchUp()
      return scene
    },
  },
  {
    file: 'blocks',
    rule: 'S31',
    name: 'one node more than the credit, before any ack',
    error: 'ERR_SYNC_CREDIT',
    async run() {
      const { scene } = await ready()
      await scene.forge('hub', openOf('push', { heads: [madeUp('one')], count: 8000 }))
      scene.slow = true
      await scene.forge('hub', { t: 'blocks', ch: 1, nodes: Array.from({ length: 4096 }, () => Uint8Array.of(0)) })
      await scene.forge('hub', { t: 'blocks', ch: 1, nodes: [Uint8Array.of(0)] })
      return scene
    },
  },
  {
    file: 'blocks',
    rule: 'S32',
    name: 'a push of which each frame is acked',
    run: async () => (await ready(0, 2)).scene.sync('push'),
  },
  {
    file: 'blocks',
    rule: 'S32',
    name: 'an ack of more than was sent',
    error: 'ERR_SYNC_CREDIT',
    run: () => acked([{ nodes: 2, bytes: 100 }]),
  },
  {
    file: 'blocks',
    rule: 'S32',
    name: 'an ack of less than the one before',
    error: 'ERR_SYNC_CREDIT',
    run: () =>
      acked([
        { nodes: 1, bytes: 100 },
        { nodes: 0, bytes: 0 },
      ]),
  },
]

/** A pull of one node that the client acks like this. */
async function acked(acks: readonly { nodes: number; bytes: number }[]): Promise<Scene> {
  const { scene } = await ready(1)
  await scene.open('pull')
  await scene.deliver({ upTo: 'open' })
  for (const ack of acks) await scene.forge('hub', { t: 'ack', ch: 1, ...ack })
  return scene
}

/** A client that has the first of the hub's nodes and a cursor that says that it has the first `seq`. */
export async function misled(nodes: number, seq: number): Promise<Parts> {
  const parts = await ready(nodes, 1)
  const { client, hub, scene } = parts
  const registry = client.context.frontier(FRONTIER).registry.digest()
  const cursor = { store: hub.context.store.id, seq, trace: NO_TRACE }
  await client.services.remember(FRONTIER, scene.client.connection.peer!, cursor, registry)
  return parts
}

export const ancestors: Session[] = [
  {
    file: 'ancestors',
    rule: 'S33',
    name: 'a cursor that says too much: the ancestors that lack are wanted one by one',
    run: async () => (await misled(4, 3)).scene.sync('pull'),
  },
  {
    file: 'ancestors',
    rule: 'S33',
    name: 'a want before the source has found the difference',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await diverged()
      await scene.open('pull')
      await scene.deliver({ upTo: 'open' })
      await scene.forge('hub', { t: 'want', ch: 1, ids: [madeUp('one')] })
      return scene
    },
  },
  {
    file: 'ancestors',
    rule: 'S34',
    name: 'an ancestor that the source lacks too',
    async run() {
      const { client, hub, scene } = await ready(1)
      const [lost, orphan] = chain(hub.key, 'lost', 2)
      const theirs = node(keyOf('stranger'), 'by a stranger')
      await introduce(hub, await local('stranger'))
      await plant(hub, [theirs])
      const from = hub.key.publicKeyBytes
      await client.context.frontier(FRONTIER).gate.admit([theirs.bytes, orphan!.bytes], { from })
      await scene.sync('pull')
      if (!scene.sent('hub').some(({ t }) => t === 'lack')) throw new TypeError(`no lack of ${lost!.digest}`)
      return scene
    },
  },
  {
    file: 'ancestors',
    rule: 'S34',
    name: 'a lack of what was not wanted',
    error: 'ERR_SYNC_UNSOLICITED',
    async run() {
      const { scene } = await ready()
      await scene.forge('hub', openOf('push', { heads: [madeUp('one')] }))
      await scene.forge('hub', { t: 'lack', ch: 1, ids: [madeUp('one')] })
      return scene
    },
  },
]
