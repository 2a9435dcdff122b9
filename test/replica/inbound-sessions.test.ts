// State of a peer at the hub that it dials, and at the one that dials it: reached while a channel
// is open, unreachable after the session breaks.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeMessage } from '../../src/sync/message.ts'
import type { Link } from '../../src/transport/link.ts'
import { connect } from '../../src/transport/websocket-link.ts'
import { until } from '../transport/loopback.ts'
import { draft, FRONTIER } from './drafts.ts'
import { equal, eventually, know, linkOf, liveHub } from './link-scene.ts'

const test = suite('replica/inbound-sessions')

/** Wraps the links that a hub dials. */
function dialling(between: (link: Link) => Link = link => link): { dial: typeof connect; links: Link[] } {
  const links: Link[] = []
  const dial: typeof connect = async (url, options) => {
    const dialled = await connect(url, options)
    links.push(dialled.link)
    return { ...dialled, link: between(dialled.link) }
  }
  return { dial, links }
}

test('the dialed hub shows a peer as live, and as unreachable after its session broke', async () => {
  const { dial, links } = dialling()
  await using a = await liveHub('hub:a', {}, { dial })
  await using b = await liveHub('hub:b')
  await know(b.hub.replica, a.hub)
  assert.is((await linkOf(b.hub.replica, 'hub:a')).link, null)
  await know(a.hub.replica, b.hub, 'both')
  await eventually(async () => (await linkOf(b.hub.replica, 'hub:a')).link === 'live')
  links[0]!.close(4000, 'broken')
  await eventually(async () => (await linkOf(b.hub.replica, 'hub:a')).state === 'unreachable')
  const broken = await linkOf(b.hub.replica, 'hub:a')
  assert.equal([broken.link, broken.failure?.code], [null, 'ERR_SYNC_CLOSED'])
  assert.ok(broken.unreachableSince)
  await until(() => a.alarms.isRetrying())
  a.alarms.retry()
  await eventually(async () => (await linkOf(b.hub.replica, 'hub:a')).link === 'live')
  const again = await linkOf(b.hub.replica, 'hub:a')
  assert.equal([again.state, again.unreachableSince, again.failure], ['in sync', null, null])
  await a.stop()
  await eventually(async () => (await linkOf(b.hub.replica, 'hub:a')).link === null)
  assert.is((await linkOf(b.hub.replica, 'hub:a')).failure, null, 'an end in good order is no failure')
})

test('a broken session is not a failure while the peer has another one', async () => {
  const { dial, links } = dialling()
  await using a = await liveHub('hub:a', {}, { dial })
  await using b = await liveHub('hub:b')
  await know(b.hub.replica, a.hub)
  await know(a.hub.replica, b.hub, 'both')
  await eventually(async () => (await linkOf(b.hub.replica, 'hub:a')).link === 'live')
  const controller = new AbortController()
  const following = a.hub.replica.live(FRONTIER, 'hub:b', { signal: controller.signal })
  await until(() => b.hub.sessions === 2)
  await a.hub.replica.append(FRONTIER, draft('over either'))
  await until(() => equal(a.hub.replica, b.hub.replica))
  links[0]!.close(4000, 'broken')
  await until(() => b.hub.sessions === 1)
  await eventually(async () => (await linkOf(b.hub.replica, 'hub:a')).link === 'live')
  assert.is((await linkOf(b.hub.replica, 'hub:a')).unreachableSince, null)
  controller.abort()
  await following
})

test('a peer that opened a channel counts as reached during a long first round', async () => {
  let isLost = true
  const { dial, links } = dialling(link => ({
    ...bound(link),
    async next() {
      for (;;) {
        const frame = await link.next()
        const isRest = frame !== undefined && ['end', 'blocks', 'packed'].includes(decodeMessage(frame).t)
        if (!isLost || !isRest) return frame
      }
    },
  }))
  await using a = await liveHub('hub:a', {}, { dial })
  await using b = await liveHub('hub:b')
  await b.hub.replica.append(FRONTIER, draft('one'))
  await know(a.hub.replica, b.hub, 'pull')
  await b.hub.replica.registry(FRONTIER).add({ id: 'hub:a', url: a.hub.url, publicKey: a.hub.replica.key.publicKey })
  await eventually(async () => (await linkOf(a.hub.replica, 'hub:b')).link === 'catching up')
  links[0]!.close(4000, 'broken')
  await eventually(async () => (await linkOf(a.hub.replica, 'hub:b')).state === 'unreachable')
  await until(() => a.alarms.isRetrying())
  a.alarms.retry()
  await eventually(async () => (await linkOf(a.hub.replica, 'hub:b')).state === 'unknown')
  const { link, unreachableSince } = await linkOf(a.hub.replica, 'hub:b')
  assert.equal([link, unreachableSince], ['catching up', null])
  isLost = false
  links[1]!.close(4000, 'broken')
  await until(() => a.alarms.isRetrying())
  a.alarms.retry()
  await until(() => equal(a.hub.replica, b.hub.replica))
})

/** Returns a link's methods as members of a plain object. */
function bound(link: Link): Link {
  return {
    remote: link.remote,
    buffered: 0,
    receivedBytes: 0,
    isBackedUp: false,
    send: frame => link.send(frame),
    drained: () => link.drained(),
    next: () => link.next(),
    close: (code, reason) => link.close(code, reason),
  }
}

test.run()
