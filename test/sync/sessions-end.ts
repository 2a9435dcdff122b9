// Sessions of the end of flows, channels and connections, S36 to S41.

import { compare, type Digest, sha256 } from '../../src/base/bytes.ts'
import type { LogState } from '../../src/sync/connection.ts'
import type { ReportMessage } from '../../src/sync/message.ts'
import { carrier, introduce, keyOf, type Local, local, logOf, type Made, node, plant } from './local.ts'
import type { Scene } from './scene.ts'
import { blocksOf, diverged, madeUp, openOf, pair, ready, type Session } from './session-parts.ts'
import { misled } from './sessions-blocks.ts'

export const ends: Session[] = [
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
    name: 'a report of a conflict that the push opened at the hub',
    async run() {
      const { client, hub, scene } = await pair()
      const base = carrier(keyOf('main'), asserted)
      for (const at of [client, hub]) await plant(at, [base])
      await plant(hub, [revised('main', 0.2, base)])
      await plant(client, [revised('laptop', 0.9, base)])
      await scene.shakeHands()
      await scene.sync('push')
      const report = scene.sent('hub').find(({ t }) => t === 'report')
      if ((report as ReportMessage).opened?.items.length !== 1) throw new TypeError('no conflict is reported')
      return scene
    },
  },
  {
    file: 'end',
    rule: 'S38',
    name: 'a push to a hub that does not look for conflicts',
    async run() {
      const { scene, hub } = await diverged()
      Object.assign(hub.services, { conflicts: async () => undefined })
      return scene.sync('push')
    },
  },
  {
    file: 'end',
    rule: 'S38',
    name: 'a report of a client that names conflicts',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene, hub } = await diverged()
      await scene.open('pull')
      await scene.deliver({ stopAt: 'report' })
      const { count, digest } = stateOf(hub)
      await scene.forge('hub', { ...nothingReported, count, digest, opened: { count: 0, items: [] } })
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
  await scene.forge('hub', { ...nothingReported, held, ...stateOf(hub) })
  return scene
}

const nothingReported = {
  t: 'report',
  ch: 1,
  admitted: 0,
  known: 0,
  held: [],
  heldCount: 0,
  refused: [],
  refusedCount: 0,
  complete: false,
} as const

function stateOf(at: Local): LogState {
  return { count: logOf(at).nodes, digest: logOf(at).headsDigest() }
}

const asserted = {
  kind: 'finding.asserted',
  reason: 'first',
  payload: { finding: { id: 'vf_1', assertion: { text: 'It works.' }, confidence: { score: 0.7 }, flags: {} } },
}

/** A node by the replica of this name that sets the confidence of a finding. */
function revised(name: string, new_score: number, parent: Made): Made {
  const event = { kind: 'finding.confidence_revised', reason: `to ${new_score}`, payload: { new_score } }
  return carrier(keyOf(name), event, [parent])
}
