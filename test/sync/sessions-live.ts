// Sessions of live channels, S44 to S52: rounds, what is not sent back, and stopping.

import { type Digest, sha256 } from '../../src/base/bytes.ts'
import type { Message } from '../../src/sync/message.ts'
import { chain, keyOf, logOf, type Made, node, plant } from './local.ts'
import type { Scene } from './scene.ts'
import { blocksOf, madeUp, openOf, type Parts, ready, type Session } from './session-parts.ts'

const EMPTY = sha256(new Uint8Array(0))

export const live: Session[] = [
  {
    file: 'live',
    rule: 'S44',
    name: 'a live pull: one node, then two more, then one',
    async run() {
      const { scene, hub } = await ready(1)
      await scene.goLive('pull')
      const [, ...more] = chain(keyOf('main'), 'event', 4)
      await plant(hub, more.slice(0, 2))
      await scene.grew('hub')
      await plant(hub, more.slice(2))
      await scene.grew('hub')
      return stopped(scene)
    },
  },
  {
    file: 'live',
    rule: 'S44',
    name: 'blocks after the report on a channel that is not live',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene, client } = await ready()
      const [first, second] = chain(client.key, 'event', 2)
      await scene.forge('hub', openOf('push', { heads: [first!.digest] }))
      await scene.forge('hub', blocksOf(first!))
      await scene.forge('hub', { t: 'end', ch: 1, seq: 1, digest: sha256(first!.digest), nodes: 1 })
      await scene.forge('hub', blocksOf(second!))
      return scene
    },
  },
  {
    file: 'live',
    rule: 'S45',
    name: 'nodes that come while a round is under way go into the next one',
    async run() {
      const { scene, hub } = await ready()
      await scene.goLive('pull')
      const nodes = chain(hub.key, 'event', 3)
      await plant(hub, nodes.slice(0, 1))
      await scene.feed('hub', { in: 'grew', ch: 1 })
      await plant(hub, nodes.slice(1))
      await scene.grew('hub') // says nothing: the round is not reported
      await scene.grew('hub')
      return scene
    },
  },
  {
    file: 'live',
    rule: 'S45',
    name: 'a node that nobody asked for between the end of a round and its report',
    error: 'ERR_SYNC_UNSOLICITED',
    run: () => inRound(([first, second]) => [blocksOf(first), endOf(first, 1), blocksOf(second)], { slow: true }),
  },
  {
    file: 'live',
    rule: 'S45',
    name: 'a second end before the report',
    error: 'ERR_SYNC_ORDER',
    run: () => inRound(([first]) => [blocksOf(first), endOf(first, 1), endOf(first, 2, 1)], { slow: true }),
  },
  {
    file: 'live',
    rule: 'S46',
    name: 'both directions at once, and no node comes back',
    async run() {
      const { scene, client, hub } = await ready(2, 2)
      await scene.goLive('both')
      const base = chain(keyOf('main'), 'event', 2).at(-1)
      await plant(client, chain(client.key, 'on the laptop', 2, base))
      await plant(hub, chain(hub.key, 'on the hub', 1, base))
      await scene.feed('client', { in: 'grew', ch: 1 })
      await scene.feed('hub', { in: 'grew', ch: 1 })
      await scene.deliver()
      await scene.grew('client') // what came from the hub is all there is
      await scene.grew('hub')
      if (logOf(client).nodes !== 5 || logOf(hub).nodes !== 5) throw new TypeError('not equal')
      return stopped(scene)
    },
  },
  {
    file: 'live',
    rule: 'S46',
    name: 'an offer in a later round',
    error: 'ERR_SYNC_ORDER',
    run: () => inRound(([first]) => [{ t: 'offer', ch: 1, ids: [first.digest] }]),
  },
  {
    file: 'live',
    rule: 'S47',
    name: 'a round of no nodes',
    run: () => inRound(() => [{ t: 'end', ch: 1, seq: 1, digest: EMPTY, nodes: 0 }]),
  },
  {
    file: 'live',
    rule: 'S47',
    name: 'an end where the end before was',
    error: 'ERR_SYNC_HEADS',
    run: () => inRound(([first]) => [blocksOf(first), endOf(first, 0, 1)]),
  },
  {
    file: 'live',
    rule: 'S47',
    name: 'an end before the end of the round before',
    error: 'ERR_SYNC_HEADS',
    run: () =>
      inRound(([first, second]) => [blocksOf(first), endOf(first, 4, 1), blocksOf(second), endOf(second, 3, 2)]),
  },
  {
    file: 'live',
    rule: 'S47',
    name: 'more nodes than the log has grown by',
    error: 'ERR_SYNC_UNSOLICITED',
    run: () => inRound(([first, second]) => [blocksOf(first, second), endOf(second, 1, 2)]),
  },
  {
    file: 'live',
    rule: 'S47',
    name: 'an end that says that a node was sent which has not come, in a later round',
    error: 'ERR_SYNC_ORDER',
    run: () => inRound(([first]) => [blocksOf(first), endOf(first, 2)]),
  },
  {
    file: 'live',
    rule: 'S48',
    name: 'a round that leaves a node held, and the next, which brings what it waits for',
    run: () =>
      inRound(([first, second]) => [
        blocksOf(second),
        { t: 'lack', ch: 1, ids: [first.digest] },
        endOf(second, 1),
        blocksOf(first),
        endOf(second, 2),
      ]),
  },
  {
    file: 'live',
    rule: 'S48',
    name: 'a report of no round',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await atRest('pull')
      const counts = { admitted: 0, known: 0, heldCount: 0, refusedCount: 0, count: 0 }
      await scene.forge('hub', { t: 'report', ch: 1, ...counts, held: [], refused: [], digest: EMPTY, complete: true })
      return scene
    },
  },
  {
    file: 'live',
    rule: 'S51',
    name: 'a client that stops in the first round',
    async run() {
      const { scene } = await ready(2)
      await scene.feed('client', { in: 'open', ch: 1, frontier: openOf('pull').frontier, mode: 'pull', live: true })
      await scene.feed('client', { in: 'stop', ch: 1 })
      return scene.deliver()
    },
  },
  {
    file: 'live',
    rule: 'S51',
    name: 'a hub that stops',
    async run() {
      const { scene } = await atRest('push')
      await scene.feed('hub', { in: 'stop', ch: 1 })
      return scene.deliver()
    },
  },
  {
    file: 'live',
    rule: 'S51',
    name: 'a stop and a round of the hub that cross',
    async run() {
      const { scene, hub } = await atRest('both')
      await plant(hub, chain(hub.key, 'event', 1))
      await scene.feed('hub', { in: 'grew', ch: 1 })
      return stopped(scene)
    },
  },
  {
    file: 'live',
    rule: 'S51',
    name: 'a round after a stop',
    error: 'ERR_SYNC_ORDER',
    run: () => inRound(([first]) => [{ t: 'stop', ch: 1 }, blocksOf(first)]),
  },
  {
    file: 'live',
    rule: 'S51',
    name: 'a stop on a channel that is not live',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await ready()
      await scene.forge('hub', openOf('push', { heads: [madeUp('one')] }))
      await scene.forge('hub', { t: 'stop', ch: 1 })
      return scene
    },
  },
  {
    file: 'live',
    rule: 'S51',
    name: 'two stops',
    error: 'ERR_SYNC_ORDER',
    run: () =>
      inRound(() => [
        { t: 'stop', ch: 1 },
        { t: 'stop', ch: 1 },
      ]),
  },
  {
    file: 'live',
    rule: 'S51',
    name: 'a hub that stops, and a client that does so at the same time',
    async run() {
      const { scene } = await atRest('both')
      await scene.feed('hub', { in: 'stop', ch: 1 })
      return stopped(scene)
    },
  },
  {
    file: 'live',
    rule: 'S52',
    name: 'a live channel that is stopped and closed, and the next one',
    async run() {
      const { scene } = await atRest('both')
      await stopped(scene)
      return scene.sync('pull')
    },
  },
  {
    file: 'live',
    rule: 'S52',
    name: 'a live channel closed before it was stopped',
    error: 'ERR_SYNC_ORDER',
    run: () => inRound(() => [{ t: 'close', ch: 1 }]),
  },
]

/** A live channel whose first round found both sides empty. */
async function atRest(mode: 'pull' | 'push' | 'both'): Promise<Parts> {
  const parts = await ready()
  await parts.scene.goLive(mode)
  return parts
}

/** The client stops channel 1, which is closed. */
async function stopped(scene: Scene): Promise<Scene> {
  await scene.feed('client', { in: 'stop', ch: 1 })
  await scene.deliver()
  if (scene.client.connection.channels.size > 0) throw new TypeError('the channel is still open')
  return scene
}

/** A live push of nothing, then these messages to the hub; two nodes, one on the other, to make them of. */
async function inRound(
  messages: (nodes: readonly [Made, Made]) => readonly Message[],
  options: { slow?: boolean } = {},
): Promise<Scene> {
  const { scene, client } = await ready()
  await scene.forge('hub', openOf('push', { live: true }))
  await scene.forge('hub', endAt(EMPTY, 0, 0))
  scene.slow = options.slow ?? false
  const first = node(client.key, 'first')
  const second = node(client.key, 'second', [first])
  for (const message of messages([first, second])) await scene.forge('hub', message)
  return scene
}

function endOf(head: Made, seq: number, nodes = seq): Message {
  return endAt(sha256(head.digest), seq, nodes)
}

function endAt(digest: Digest, seq: number, nodes: number): Message {
  return { t: 'end', ch: 1, seq, digest, nodes }
}
