// Sessions of finding the difference, S23 to S28.

import { chain, FRONTIER, introduce, keyOf, local, node, plant } from './local.ts'
import type { Scene } from './scene.ts'
import { blocksOf, diverged, madeUp, openOf, ready, type Session, twoHeads } from './session-parts.ts'

export const difference: Session[] = [
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
      await hub.context.frontier(FRONTIER).gate.admit([theirs.bytes], { from: client.key.publicKeyBytes })
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
