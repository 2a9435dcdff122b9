// The sessions that become protocol/vectors/session: for each rule that a session can show, one that follows it and one for
// each way to break it. A session is driven to the turn in question by real replicas; what breaks a rule is forged.

import { compare, type Digest, sha256, utf8 } from '../../src/bytes.ts'
import type { ErrorCode } from '../../src/errors.ts'
import type { Message, Open } from '../../src/sync/message.ts'
import type { Config } from '../../src/sync/state.ts'
import { chain, circle, FRONTIER, introduce, keyOf, type Local, local, logOf, node, plant } from './local.ts'
import { Scene } from './scene.ts'

export interface Session {
  /** Name of the vector file, without its ending. */
  readonly file: string
  readonly rule: string
  readonly name: string
  /** The code that the session ends with, or the request or channel. */
  readonly error?: ErrorCode
  readonly run: () => Promise<Scene>
}

type Blocks = Message & { t: 'blocks' }

/** A laptop (the client) and a main hub that know each other, both empty. */
async function pair(configs: { client?: Partial<Config>; hub?: Partial<Config> } = {}): Promise<Parts> {
  const [client, hub] = await circle('laptop', 'main')
  return { client: client!, hub: hub!, scene: new Scene(client!, hub!, configs) }
}

interface Parts {
  readonly client: Local
  readonly hub: Local
  readonly scene: Scene
}

/** The same after the handshake, with the hub's nodes and the client's. */
async function ready(hubNodes = 0, clientNodes = 0): Promise<Parts> {
  const parts = await pair()
  const all = chain(keyOf('main'), 'event', Math.max(hubNodes, clientNodes))
  await plant(parts.hub, all.slice(0, hubNodes))
  await plant(parts.client, all.slice(0, clientNodes))
  await parts.scene.shakeHands()
  return parts
}

/** After the handshake: three nodes of both, two more at the hub, one more at the client. */
async function diverged(): Promise<Parts> {
  const parts = await pair()
  const base = chain(keyOf('main'), 'base', 3)
  for (const at of [parts.client, parts.hub]) await plant(at, base)
  await plant(parts.hub, chain(keyOf('main'), 'on the hub', 2, base.at(-1)))
  await plant(parts.client, chain(keyOf('laptop'), 'on the laptop', 1, base.at(-1)))
  await parts.scene.shakeHands()
  return parts
}

const EMPTY_DIGEST = sha256(new Uint8Array(0))
const madeUp = (name: string): Digest => sha256(utf8(name))

/** An open as a client with these heads would send it. */
export function openOf(mode: Open['mode'], fields: Partial<Open> = {}): Open {
  const heads = [...(fields.heads ?? [])]
  return {
    t: 'open',
    ch: 1,
    frontier: FRONTIER,
    mode,
    store: sha256(utf8('store of laptop')).subarray(0, 16),
    count: heads.length,
    headCount: heads.length,
    digest: heads.length === 0 ? EMPTY_DIGEST : sha256(Buffer.concat(heads)),
    registry: madeUp('registry'),
    heads,
    more: false,
    cursor: null,
    ...fields,
  }
}

const twoHeads = (): Digest[] => [madeUp('one'), madeUp('two')].sort(compare)

const handshake: Session[] = [
  {
    file: 'handshake',
    rule: 'S8',
    name: 'hello, hello and proof, proof',
    run: async () => (await pair()).scene.shakeHands(),
  },
  {
    file: 'handshake',
    rule: 'S8',
    name: 'a client opens a channel before it has proved its key',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await pair()
      await scene.feed('hub', { in: 'start' })
      await scene.feed('client', { in: 'start' })
      await scene.deliver({ upTo: 'hello' })
      await scene.forge('hub', openOf('pull'))
      return scene
    },
  },
  {
    file: 'handshake',
    rule: 'S8',
    name: 'a proof comes before any hello',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await pair()
      await scene.feed('hub', { in: 'start' })
      await scene.forge('hub', { t: 'proof', sig: new Uint8Array(64) })
      return scene
    },
  },
  {
    file: 'handshake',
    rule: 'S8',
    name: 'a second hello after the handshake',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await ready()
      await scene.forge('hub', scene.sent('client')[0]!)
      return scene
    },
  },
  {
    file: 'handshake',
    rule: 'S9',
    name: 'a hello that names a later version as well, and a capability that nobody knows',
    async run() {
      const { scene } = await pair()
      await scene.feed('hub', { in: 'start' })
      await scene.forge('hub', { ...helloOf(scene.client.config), versions: [2, 1], caps: ['telepathy'] })
      return scene
    },
  },
  {
    file: 'handshake',
    rule: 'S9',
    name: 'a hello that names only another version',
    error: 'ERR_SYNC_VERSION',
    async run() {
      const { scene } = await pair()
      await scene.feed('hub', { in: 'start' })
      await scene.forge('hub', { ...helloOf(scene.client.config), versions: [2] })
      return scene
    },
  },
  {
    file: 'handshake',
    rule: 'S10',
    name: 'a hello of a side that takes more than it must',
    async run() {
      const { scene } = await pair()
      await scene.feed('hub', { in: 'start' })
      const limits = { frame: 4_194_304, creditBytes: 4_194_304, creditNodes: 4096 }
      await scene.forge('hub', { ...helloOf(scene.client.config), limits })
      return scene
    },
  },
  {
    file: 'handshake',
    rule: 'S10',
    name: 'a hello of a side that takes smaller frames than it must',
    error: 'ERR_SYNC_LIMIT',
    async run() {
      const { scene } = await pair()
      await scene.feed('hub', { in: 'start' })
      const limits = { frame: 2_097_151, creditBytes: 2_097_152, creditNodes: 1024 }
      await scene.forge('hub', { ...helloOf(scene.client.config), limits })
      return scene
    },
  },
  {
    file: 'handshake',
    rule: 'S12',
    name: 'a hub with the key that the client expects',
    run: async () => (await pair({ client: { expect: keyOf('main').publicKeyBytes } })).scene.shakeHands(),
  },
  {
    file: 'handshake',
    rule: 'S12',
    name: 'a hub with another key than the client expects',
    error: 'ERR_SYNC_AUTH',
    run: async () => (await pair({ client: { expect: keyOf('somebody').publicKeyBytes } })).scene.shakeHands(),
  },
  {
    file: 'handshake',
    rule: 'S12',
    name: 'a replica that reaches itself',
    error: 'ERR_SYNC_AUTH',
    async run() {
      const { client } = await pair()
      return new Scene(client, client).shakeHands()
    },
  },
  {
    file: 'handshake',
    rule: 'S13',
    name: 'proofs for a host with a port, written in mixed case by the client',
    async run() {
      const { scene } = await pair({ client: { host: 'Hub.Example:7700' }, hub: { host: 'hub.example:7700' } })
      return scene.shakeHands()
    },
  },
  {
    file: 'handshake',
    rule: 'S13',
    name: 'a proof with one bit changed',
    error: 'ERR_SYNC_AUTH',
    run: () =>
      forgedProof(scene => {
        const proof = Uint8Array.from(proofOf(scene, 'hub'))
        proof[40] = proof[40]! ^ 1
        return proof
      }),
  },
  {
    file: 'handshake',
    rule: 'S13',
    name: "a client that sends the hub's own proof back",
    error: 'ERR_SYNC_AUTH',
    run: () => forgedProof(scene => proofOf(scene, 'hub')),
  },
  {
    file: 'handshake',
    rule: 'S13',
    name: 'a hub that was reached under another name than the one the client dialled',
    error: 'ERR_SYNC_AUTH',
    run: async () => (await pair({ hub: { host: 'other.example' } })).scene.shakeHands(),
  },
  {
    file: 'handshake',
    rule: 'S14',
    name: 'both sides end the same TLS connection',
    async run() {
      const binding = madeUp('exporter')
      return (await pair({ client: { binding }, hub: { binding } })).scene.shakeHands()
    },
  },
  {
    file: 'handshake',
    rule: 'S14',
    name: 'only the client sees the TLS connection, which ends before the hub',
    run: async () => (await pair({ client: { binding: madeUp('exporter') } })).scene.shakeHands(),
  },
  {
    file: 'handshake',
    rule: 'S14',
    name: 'two TLS connections with somebody between them',
    error: 'ERR_SYNC_AUTH',
    async run() {
      const configs = { client: { binding: madeUp('one exporter') }, hub: { binding: madeUp('another') } }
      return (await pair(configs)).scene.shakeHands()
    },
  },
]

function helloOf(config: Config): Message & { t: 'hello' } {
  const limits = { frame: 2_097_152, creditBytes: 2_097_152, creditNodes: 1024 }
  const { hub, key, nonce } = config
  return { t: 'hello', versions: [1], hub, key, nonce, caps: ['deflate'], limits }
}

function proofOf(scene: Scene, by: 'client' | 'hub'): Uint8Array {
  return scene.sent(by).find(message => message.t === 'proof')!.sig
}

/** A handshake in which the hub gets this in place of the client's proof. */
async function forgedProof(make: (scene: Scene) => Uint8Array): Promise<Scene> {
  const { scene } = await pair()
  await scene.feed('client', { in: 'start' })
  await scene.feed('hub', { in: 'start' })
  await scene.deliver({ upTo: 'proof' })
  await scene.forge('hub', { t: 'proof', sig: make(scene) })
  return scene
}

const requests: Session[] = [
  {
    file: 'requests',
    rule: 'S15',
    name: 'the frontiers of a hub, then its registry of one',
    async run() {
      const { scene } = await ready(1)
      await scene.feed('client', { in: 'list' })
      await scene.deliver()
      await scene.feed('client', { in: 'registry', frontier: FRONTIER })
      return scene.deliver()
    },
  },
  {
    file: 'requests',
    rule: 'S15',
    name: 'the registry of a frontier that the hub does not keep: the session goes on',
    error: 'ERR_SYNC_FORBIDDEN',
    async run() {
      const { scene } = await ready(1)
      await scene.feed('client', { in: 'registry', frontier: 'vfr_00000000000000bb' })
      return scene.deliver()
    },
  },
  {
    file: 'requests',
    rule: 'S15',
    name: 'an answer that nobody asked for',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await ready()
      await scene.forge('client', { t: 'frontiers', items: [] })
      return scene
    },
  },
  {
    file: 'requests',
    rule: 'S15',
    name: 'a hub asks for the frontiers of a client',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await ready()
      await scene.forge('client', { t: 'list' })
      return scene
    },
  },
]

const channels: Session[] = [
  {
    file: 'channels',
    rule: 'S16',
    name: 'two channels one after the other for the same frontier',
    async run() {
      const { scene } = await ready(1, 1)
      await scene.sync('pull')
      return scene.sync('push')
    },
  },
  {
    file: 'channels',
    rule: 'S16',
    name: 'a number that was used before',
    error: 'ERR_SYNC_CHANNEL',
    async run() {
      const { scene } = await ready(1, 1)
      await scene.sync('pull')
      await scene.forge('hub', openOf('pull'))
      return scene
    },
  },
  {
    file: 'channels',
    rule: 'S16',
    name: 'channel 0, which stands for requests',
    error: 'ERR_SYNC_CHANNEL',
    async run() {
      const { scene } = await ready()
      await scene.forge('hub', openOf('pull', { ch: 0 }))
      return scene
    },
  },
  {
    file: 'channels',
    rule: 'S16',
    name: 'a second channel for a frontier that is open on another',
    error: 'ERR_SYNC_CHANNEL',
    async run() {
      const { scene } = await ready(1)
      await scene.forge('hub', openOf('pull'))
      await scene.forge('hub', openOf('pull', { ch: 2 }))
      return scene
    },
  },
  {
    file: 'channels',
    rule: 'S16',
    name: 'a hub opens a channel',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await ready()
      await scene.forge('client', openOf('pull'))
      return scene
    },
  },
  {
    file: 'channels',
    rule: 'S17',
    name: 'what the store answers to a channel that has failed meanwhile is dropped',
    async run() {
      const { scene } = await ready(1)
      await scene.open('push')
      await scene.forge('client', { t: 'error', ch: 1, code: 'ERR_SYNC_BUSY', message: 'later' })
      await scene.feed('client', { in: 'planned', ch: 1, exact: true })
      return scene
    },
  },
  {
    file: 'channels',
    rule: 'S17',
    name: 'a message for a channel that was never opened',
    error: 'ERR_SYNC_CHANNEL',
    async run() {
      const { scene } = await ready()
      await scene.forge('hub', { t: 'ack', ch: 7, nodes: 0, bytes: 0 })
      return scene
    },
  },
  {
    file: 'channels',
    rule: 'S18',
    name: 'a pull from a hub with two heads',
    async run() {
      const { scene, hub } = await ready(1)
      await plant(hub, chain(hub.key, 'another root', 1))
      return scene.sync('pull')
    },
  },
  {
    file: 'channels',
    rule: 'S18',
    name: 'heads that do not give the digest stated with them',
    error: 'ERR_SYNC_HEADS',
    async run() {
      const { scene } = await ready(1)
      await scene.forge('hub', openOf('pull', { heads: twoHeads(), digest: madeUp('something else') }))
      return scene
    },
  },
  {
    file: 'channels',
    rule: 'S18',
    name: 'heads that descend',
    error: 'ERR_SYNC_HEADS',
    async run() {
      const { scene } = await ready(1)
      await scene.forge('hub', openOf('pull', { heads: twoHeads().reverse() }))
      return scene
    },
  },
  {
    file: 'channels',
    rule: 'S18',
    name: 'more heads than nodes',
    error: 'ERR_SYNC_HEADS',
    async run() {
      const { scene } = await ready(1)
      await scene.forge('hub', openOf('pull', { heads: twoHeads(), count: 1 }))
      return scene
    },
  },
  {
    file: 'channels',
    rule: 'S18',
    name: 'nodes without a head',
    error: 'ERR_SYNC_HEADS',
    async run() {
      const { scene } = await ready(1)
      await scene.forge('hub', openOf('pull', { count: 3 }))
      return scene
    },
  },
  {
    file: 'channels',
    rule: 'S19',
    name: 'heads on two pages',
    async run() {
      const { scene } = await ready(1)
      const [one, two] = twoHeads()
      await scene.forge('hub', { ...openOf('pull', { heads: [one!, two!] }), heads: [one!], more: true })
      await scene.forge('hub', { t: 'heads', ch: 1, heads: [two!], more: false })
      return scene
    },
  },
  {
    file: 'channels',
    rule: 'S19',
    name: 'an empty page that says that more follow',
    error: 'ERR_SYNC_HEADS',
    async run() {
      const { scene } = await ready(1)
      await scene.forge('hub', { ...openOf('pull', { heads: twoHeads() }), heads: [], more: true })
      return scene
    },
  },
  {
    file: 'channels',
    rule: 'S19',
    name: 'a page that was not announced',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await ready(1)
      await scene.forge('hub', openOf('pull', { heads: twoHeads() }))
      await scene.forge('hub', { t: 'heads', ch: 1, heads: [madeUp('three')], more: false })
      return scene
    },
  },
  {
    file: 'channels',
    rule: 'S21',
    name: 'a key that is not registered reads where anyone may',
    run: async () => (await strangerAt(true)).sync('pull'),
  },
  {
    file: 'channels',
    rule: 'S21',
    name: 'a key that is not registered writes: the session goes on',
    error: 'ERR_SYNC_FORBIDDEN',
    run: async () => (await strangerAt(true)).sync('push'),
  },
  {
    file: 'channels',
    rule: 'S21',
    name: 'a key that is not registered reads where only registered ones may, and learns nothing',
    error: 'ERR_SYNC_REMOTE',
    run: async () => (await strangerAt(false)).sync('pull'),
  },
  {
    file: 'channels',
    rule: 'S22',
    name: 'both directions on one channel',
    run: async () => (await diverged()).scene.sync('both'),
  },
  {
    file: 'channels',
    rule: 'S22',
    name: 'blocks to a hub in a pull',
    error: 'ERR_SYNC_UNSOLICITED',
    async run() {
      const { scene, client } = await ready(1)
      await scene.forge('hub', openOf('pull'))
      await scene.forge('hub', blocksOf(node(client.key, 'unasked')))
      return scene
    },
  },
  {
    file: 'channels',
    rule: 'S22',
    name: 'a want to a hub in a push',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await ready(1)
      await scene.forge('hub', openOf('push', { heads: twoHeads() }))
      await scene.forge('hub', { t: 'want', ch: 1, ids: [madeUp('one')] })
      return scene
    },
  },
]

/** A client that the hub doesn't know, after the handshake; the hub has one node, the client another. */
async function strangerAt(openRead: boolean): Promise<Scene> {
  const hub = await local('main', { openRead })
  const stranger = await local('stranger')
  await introduce(stranger, hub)
  await plant(hub, chain(hub.key, 'event', 1))
  await plant(stranger, chain(stranger.key, 'mine', 1))
  return new Scene(stranger, hub).shakeHands()
}

function blocksOf(...nodes: readonly { readonly bytes: Uint8Array }[]): Blocks {
  return { t: 'blocks', ch: 1, nodes: nodes.map(({ bytes }) => bytes) }
}

const difference: Session[] = [
  {
    file: 'difference',
    rule: 'S23',
    name: 'a pull where both have the same heads: one round trip after the handshake',
    run: async () => (await ready(3, 3)).scene.sync('pull'),
  },
  {
    file: 'difference',
    rule: 'S23',
    name: 'blocks where both have the same heads',
    error: 'ERR_SYNC_UNSOLICITED',
    async run() {
      const { scene, client } = await ready(1, 1)
      await scene.open('push')
      await scene.deliver({ stopAt: 'end' })
      await scene.forge('hub', blocksOf(node(client.key, 'unasked')))
      return scene
    },
  },
  {
    file: 'difference',
    rule: 'S23',
    name: 'an offer where both have the same heads',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await ready(1, 1)
      await scene.open('push')
      await scene.deliver({ stopAt: 'end' })
      await scene.forge('hub', { t: 'offer', ch: 1, ids: [madeUp('one')] })
      return scene
    },
  },
  {
    file: 'difference',
    rule: 'S24',
    name: 'a pull by a client that has nothing',
    run: async () => (await ready(2)).scene.sync('pull'),
  },
  {
    file: 'difference',
    rule: 'S24',
    name: 'a pull by a client that is two nodes behind',
    run: async () => (await ready(5, 3)).scene.sync('pull'),
  },
  {
    file: 'difference',
    rule: 'S24',
    name: 'more nodes than the source said it has',
    error: 'ERR_SYNC_UNSOLICITED',
    async run() {
      const { scene, client } = await ready()
      const [first, second] = chain(client.key, 'event', 2)
      await scene.forge('hub', openOf('push', { heads: [first!.digest] }))
      await scene.forge('hub', blocksOf(first!, second!))
      return scene
    },
  },
  {
    file: 'difference',
    rule: 'S26',
    name: 'a pull between diverged sides: one offer',
    run: async () => (await diverged()).scene.sync('pull'),
  },
  {
    file: 'difference',
    rule: 'S26',
    name: 'an offer after blocks',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene, client } = await ready()
      const nodes = chain(client.key, 'event', 2)
      await scene.forge('hub', openOf('push', { heads: [nodes[1]!.digest], count: 2 }))
      await scene.forge('hub', blocksOf(nodes[0]!))
      await scene.forge('hub', { t: 'offer', ch: 1, ids: [nodes[1]!.digest] })
      return scene
    },
  },
  {
    file: 'difference',
    rule: 'S26',
    name: 'more ids offered than the source said it has nodes',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await ready()
      const heads = twoHeads()
      await scene.forge('hub', openOf('push', { heads }))
      await scene.forge('hub', { t: 'offer', ch: 1, ids: [...heads, madeUp('three')] })
      return scene
    },
  },
  {
    file: 'difference',
    rule: 'S27',
    name: 'a push of which the hub holds a node aside already',
    async run() {
      const { scene, client, hub } = await diverged()
      const theirs = node(keyOf('stranger'), 'by a stranger')
      await hub.home.at(FRONTIER).gate.admit([theirs.bytes], { from: client.key.publicKeyBytes })
      await introduce(client, await local('stranger'))
      await plant(client, [theirs])
      return scene.sync('push')
    },
  },
  {
    file: 'difference',
    rule: 'S27',
    name: 'a have of the wrong length',
    error: 'ERR_SYNC_FRAME',
    run: () => answeredWith({ stored: new Uint8Array(2), held: new Uint8Array(2) }),
  },
  {
    file: 'difference',
    rule: 'S27',
    name: 'a have with a bit for an id that was not offered',
    error: 'ERR_SYNC_FRAME',
    run: () => answeredWith({ stored: Uint8Array.of(0x80), held: new Uint8Array(1) }),
  },
  {
    file: 'difference',
    rule: 'S27',
    name: 'a have without an offer',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await ready(1)
      await scene.forge('hub', openOf('pull'))
      await scene.forge('hub', { t: 'have', ch: 1, stored: new Uint8Array(1), held: new Uint8Array(1) })
      return scene
    },
  },
  {
    file: 'difference',
    rule: 'S28',
    name: 'a push between diverged sides',
    run: async () => (await diverged()).scene.sync('push'),
  },
  {
    file: 'difference',
    rule: 'S28',
    name: 'a node that the offers did not show to be lacking',
    error: 'ERR_SYNC_UNSOLICITED',
    async run() {
      const { scene, client } = await ready()
      const nodes = chain(client.key, 'event', 2)
      await scene.forge('hub', openOf('push', { heads: [nodes[1]!.digest], count: 2 }))
      await scene.forge('hub', { t: 'offer', ch: 1, ids: [nodes[0]!.digest] })
      await scene.forge('hub', blocksOf(nodes[1]!))
      return scene
    },
  },
]

/** A pull between diverged sides in which the hub's offer is answered with this. */
async function answeredWith(bits: { stored: Uint8Array; held: Uint8Array }): Promise<Scene> {
  const { scene } = await diverged()
  await scene.open('pull')
  await scene.deliver({ upTo: 'open' })
  await scene.forge('hub', { t: 'have', ch: 1, ...bits })
  return scene
}

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

const blocks: Session[] = [
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
      await scene.forge('hub', openOf('push', { heads: [madeUp('one')], count: 2000 }))
      scene.slow = true
      await scene.forge('hub', { t: 'blocks', ch: 1, nodes: Array.from({ length: 1024 }, () => Uint8Array.of(0)) })
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
async function misled(nodes: number, seq: number): Promise<Parts> {
  const parts = await ready(nodes, 1)
  const { client, hub, scene } = parts
  const registry = client.home.at(FRONTIER).registry.digest()
  const cursor = { store: hub.home.store.id, seq }
  await client.services.remember(FRONTIER, scene.client.connection.peer!, cursor, registry)
  return parts
}

const ancestors: Session[] = [
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
      await client.home.at(FRONTIER).gate.admit([theirs.bytes, orphan!.bytes], { from })
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

const ends: Session[] = [
  {
    file: 'end',
    rule: 'S36',
    name: 'a push of one node',
    run: async () => (await ready(0, 1)).scene.sync('push'),
  },
  {
    file: 'end',
    rule: 'S36',
    name: 'an end at another count than the one stated',
    error: 'ERR_SYNC_HEADS',
    run: () => ended([{ seq: 2, digest: sha256(madeUp('one')) }]),
  },
  {
    file: 'end',
    rule: 'S36',
    name: 'an end with another digest than the one stated',
    error: 'ERR_SYNC_HEADS',
    run: () => ended([{ seq: 1, digest: madeUp('one') }]),
  },
  {
    file: 'end',
    rule: 'S36',
    name: 'an end that says that a node was sent which has not come',
    error: 'ERR_SYNC_ORDER',
    run: () => ended([{ seq: 1, digest: sha256(madeUp('one')), nodes: 1 }]),
  },
  {
    file: 'end',
    rule: 'S36',
    name: 'two ends',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const end = { seq: 1, digest: sha256(madeUp('one')) }
      return ended([end, end])
    },
  },
  {
    file: 'end',
    rule: 'S37',
    name: 'a head that a wrong cursor has hidden is chased, and the cursor forgotten',
    run: async () => (await misled(3, 3)).scene.sync('pull'),
  },
  {
    file: 'end',
    rule: 'S37',
    name: 'a source that lacks a head that it stated',
    error: 'ERR_SYNC_HEADS',
    async run() {
      const scene = await ended([{ seq: 1, digest: sha256(madeUp('one')) }])
      await scene.forge('hub', { t: 'lack', ch: 1, ids: [madeUp('one')] })
      return scene
    },
  },
  {
    file: 'end',
    rule: 'S38',
    name: 'a report of a node held and one refused',
    async run() {
      const { scene, client, hub } = await ready()
      const stranger = await local('stranger')
      await introduce(client, stranger)
      const bad = node(client.key, 'forged')
      const forged = Uint8Array.from(bad.bytes)
      forged[20] = forged[20]! ^ 1 // inside the signature
      const good = node(stranger.key, 'by a stranger')
      const heads = [good.digest, sha256(forged)].sort(compare)
      await scene.forge('hub', openOf('push', { heads }))
      await scene.forge('hub', blocksOf(good, { bytes: forged }))
      await scene.forge('hub', { t: 'end', ch: 1, seq: 2, digest: sha256(Buffer.concat(heads)), nodes: 2 })
      if (logOf(hub).nodes > 0) throw new TypeError('a node was admitted')
      return scene
    },
  },
  {
    file: 'end',
    rule: 'S38',
    name: 'a report before the end',
    error: 'ERR_SYNC_ORDER',
    run: () => reported('open', []),
  },
  {
    file: 'end',
    rule: 'S38',
    name: 'a report before everything is acked',
    error: 'ERR_SYNC_ORDER',
    run: () => reported('end', []),
  },
  {
    file: 'end',
    rule: 'S40',
    name: 'a channel closed by the client, and a second one after it',
    async run() {
      const { scene } = await ready(1)
      await scene.sync('pull')
      return scene.sync('pull')
    },
  },
  {
    file: 'end',
    rule: 'S40',
    name: 'a close before the flow has ended',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await ready(1)
      await scene.forge('hub', openOf('pull'))
      await scene.forge('hub', { t: 'close', ch: 1 })
      return scene
    },
  },
  {
    file: 'end',
    rule: 'S40',
    name: 'a hub closes a channel',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await ready(1)
      await scene.open('pull')
      await scene.forge('client', { t: 'close', ch: 1 })
      return scene
    },
  },
  {
    file: 'end',
    rule: 'S41',
    name: 'a client gives up one channel and opens the next',
    async run() {
      const { scene } = await ready(1)
      await scene.forge('hub', openOf('pull'))
      await scene.forge('hub', { t: 'error', ch: 1, code: 'ERR_ABORTED', message: 'changed my mind' })
      await scene.forge('hub', openOf('pull', { ch: 2 }))
      return scene
    },
  },
  {
    file: 'end',
    rule: 'S41',
    name: 'an error about a channel that is not open',
    error: 'ERR_SYNC_CHANNEL',
    async run() {
      const { scene } = await ready()
      await scene.forge('client', { t: 'error', ch: 3, code: 'ERR_SYNC_BUSY', message: 'later' })
      return scene
    },
  },
  {
    file: 'end',
    rule: 'S41',
    name: 'an error with a code that is none of the protocol',
    error: 'ERR_SYNC_REMOTE',
    async run() {
      const { scene } = await ready()
      await scene.forge('client', { t: 'error', ch: null, code: 'ERR_STORE_IO', message: 'disk full' })
      return scene
    },
  },
]

/** A push that states one made-up head and ends like this. */
async function ended(ends: readonly { seq: number; digest: Digest; nodes?: number }[]): Promise<Scene> {
  const { scene } = await ready()
  await scene.forge('hub', openOf('push', { heads: [madeUp('one')] }))
  for (const end of ends) await scene.forge('hub', { t: 'end', ch: 1, nodes: 0, ...end })
  return scene
}

/** A pull of one node that is reported right after the hub has handled a frame of this type. */
async function reported(upTo: 'open' | 'end', held: []): Promise<Scene> {
  const { scene, hub } = await diverged()
  if (upTo === 'end') {
    await scene.forge('hub', openOf('pull'))
  } else {
    await scene.open('pull')
    await scene.deliver({ upTo })
  }
  await scene.forge('hub', {
    t: 'report',
    ch: 1,
    admitted: 0,
    known: 0,
    held,
    heldCount: 0,
    refused: [],
    refusedCount: 0,
    count: logOf(hub).nodes,
    digest: logOf(hub).headsDigest(),
    complete: false,
  })
  return scene
}

export const sessions: readonly Session[] = [
  ...handshake,
  ...requests,
  ...channels,
  ...difference,
  ...blocks,
  ...ancestors,
  ...ends,
]
