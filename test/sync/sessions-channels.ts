// Sessions of channels and views, S16 to S22.

import { chain, introduce, local, node, plant } from './local.ts'
import { Scene } from './scene.ts'
import { blocksOf, diverged, madeUp, openOf, ready, type Session, twoHeads } from './session-parts.ts'

export const channels: Session[] = [
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
