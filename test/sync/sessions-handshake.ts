// Sessions of the handshake and of requests, S8 to S15.

import type { SessionConfig } from '../../src/sync/connection.ts'
import { type Message, PROTOCOL_VERSION } from '../../src/sync/message.ts'
import { FRONTIER, keyOf } from './local.ts'
import { Scene } from './scene.ts'
import { madeUp, openOf, pair, ready, type Session } from './session-parts.ts'

export const handshake: Session[] = [
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
      await scene.forge('hub', { ...helloOf(scene.client.config), versions: [3, 2], caps: ['telepathy'] })
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
      await scene.forge('hub', { ...helloOf(scene.client.config), versions: [1] })
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
      const limits = { frame: 2_097_151, creditBytes: 2_097_152, creditNodes: 4096 }
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

function helloOf(config: SessionConfig): Message & { t: 'hello' } {
  const limits = { frame: 2_097_152, creditBytes: 2_097_152, creditNodes: 4096 }
  const { hub, key, nonce } = config
  return { t: 'hello', versions: [PROTOCOL_VERSION], hub, key, nonce, caps: ['deflate'], limits }
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

export const requests: Session[] = [
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
