// A live session of two replicas with one fault at each frame in turn: lost, repeated, or the link cut. Whatever happens, it
// ends with a typed error or in good order, keeps what it admitted, and the next session makes both equal. And a peer that
// follows live and lies.

import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256 } from '../../src/base/bytes.ts'
import { SOCKET_LIMITS } from '../../src/base/limits.ts'
import { encodeMessage, type Message } from '../../src/sync/message.ts'
import { type LinkFault, memoryLinkPair } from '../../src/transport/link.ts'
import { Session } from '../../src/transport/session.ts'
import { chain, circle, clientConfig, FRONTIER, hubConfig, type Local, logOf, node, plant } from './local.ts'
import { meet } from './meeting.ts'
import { Alarms } from './raw-peer.ts'
import { openOf, ready } from './session-parts.ts'

const test = suite('sync/live')
const { idleMsMax, handshakeMsMax } = SOCKET_LIMITS

const EMPTY = sha256(new Uint8Array(0))
const NOTHING = { admitted: 0, known: 0, held: [], heldCount: 0, refused: [], refusedCount: 0 }
const REPORT: Message = { t: 'report', ch: 1, ...NOTHING, count: 0, digest: EMPTY, complete: true }

interface Story {
  readonly frames: number
  readonly errors: readonly string[]
  readonly sides: readonly [Local, Local]
}

/** Turns of the event loop until something is so, or until nothing has crossed the link for a while. */
async function rest(isSo: () => boolean, frames: () => number): Promise<void> {
  for (let quiet = 0, last = -1; quiet < 30 && !isSo(); quiet += 1) {
    if (frames() !== last) quiet = 0
    last = frames()
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** Both are live, each makes nodes twice, then the client stops. */
async function story(fateOf: (index: number) => LinkFault): Promise<Story> {
  const [client, hub] = (await circle('laptop', 'main')) as [Local, Local]
  const base = chain(hub.key, 'base', 2)
  await plant(hub, base)
  const alarms = new Alarms()
  let frames = 0
  const fate = (_frame: Uint8Array, _from: 'a' | 'b', index: number): LinkFault => {
    frames = index + 1
    return fateOf(index)
  }
  const [a, b] = memoryLinkPair({ fate })
  const options = { setTimer: alarms.set }
  const dialled = new Session(a, clientConfig(client, hub), client.services, options)
  const served = new Session(b, hubConfig(hub), hub.services, options)
  const errors: string[] = []
  let over = 0
  const ends = [dialled.done, served.done].map(done =>
    done
      .catch(error => void errors.push(error.code ?? String(error)))
      .finally(() => {
        over += 1
      }),
  )
  const isOver = (): boolean => over === 2
  const play = async (): Promise<void> => {
    await dialled.ready
    const live = dialled.live(FRONTIER, 'both')
    await live.caughtUp
    for (const i of [1, 2]) {
      await plant(client, [node(client.key, `of the laptop ${i}`, [base[1]!])])
      await plant(hub, chain(hub.key, `of the hub ${i}`, 2, base[1]))
      await rest(
        () => logOf(client).nodes === logOf(hub).nodes || isOver(),
        () => frames,
      )
    }
    await live.stop()
    dialled.close()
  }
  const played = play().catch(() => {}) // what ended it is among the errors
  let isPlayed = false
  played.then(() => {
    isPlayed = true
  })
  await rest(
    () => isPlayed && isOver(),
    () => frames,
  )
  for (const ms of [handshakeMsMax, idleMsMax]) alarms.ring(ms) // whoever still waits for something gives up
  await Promise.all([played, ...ends])
  return { frames, errors, sides: [client, hub] }
}

test('a live session survives a fault at any frame: what it left is made equal by the next', async () => {
  const clean = await story(() => 'deliver')
  assert.equal([clean.errors, logOf(clean.sides[0]).nodes], [[], 8])
  assert.ok(clean.frames > 20, `${clean.frames} frames`)
  for (const fault of ['cut', 'drop', 'duplicate'] as const) {
    for (let at = 0; at < clean.frames; at += 1) {
      const { errors, sides } = await story(index => (index === at ? fault : 'deliver'))
      const bad = errors.filter(code => !code.startsWith('ERR_SYNC_'))
      assert.equal(bad, [], `${fault} of frame ${at}`)
      const [client, hub] = sides
      const { errors: after } = await meet({ client, hub, mode: 'both' })
      assert.equal(after, [], `after ${fault} of frame ${at}`)
      assert.equal(logOf(client).heads(), logOf(hub).heads(), `${fault} of frame ${at}`)
    }
  }
})

/** What a peer on a live push may say, true or not; small numbers, so that some of it fits. */
const said = (local: Local): fc.Arbitrary<Message> => {
  const nodes = chain(local.key, 'event', 4)
  const few = fc.nat(5)
  const digest = fc.constantFrom(...nodes.map(({ digest }) => digest))
  const some = fc.array(digest, { minLength: 1, maxLength: 3 })
  const bytes = fc.constantFrom(...nodes.map(({ bytes }) => bytes))
  return fc.oneof(
    fc.record({
      t: fc.constant('blocks' as const),
      ch: fc.constant(1),
      nodes: fc.array(bytes, { minLength: 1, maxLength: 4 }),
    }),
    fc.record({ t: fc.constant('end' as const), ch: fc.constant(1), seq: few, digest, nodes: few }),
    fc.record({ t: fc.constant('ack' as const), ch: fc.constant(1), nodes: few, bytes: few }),
    fc.record({ t: fc.constant('want' as const), ch: fc.constant(1), ids: some }),
    fc.record({ t: fc.constant('lack' as const), ch: fc.constant(1), ids: some }),
    fc.record({ t: fc.constant('offer' as const), ch: fc.constant(1), ids: some }),
    fc.constant(REPORT),
    fc.constant({ t: 'stop' as const, ch: 1 }),
    fc.constant({ t: 'close' as const, ch: 1 }),
  )
}

test('whatever a live peer says, it is served or let go with a typed error, and only good nodes are kept', async () => {
  const [liar] = (await circle('laptop')) as [Local]
  const good = new Set(chain(liar.key, 'event', 4).map(({ digest }) => Buffer.from(digest).toString('hex')))
  const property = fc.asyncProperty(
    fc.constantFrom('push' as const, 'both' as const),
    fc.array(said(liar), { minLength: 1, maxLength: 12 }),
    async (mode, messages) => {
      const { scene, hub } = await ready()
      await scene.forge('hub', openOf(mode, { live: true }))
      await scene.forge('hub', { t: 'end', ch: 1, seq: 0, digest: EMPTY, nodes: 0 })
      if (mode === 'both') await scene.forge('hub', REPORT)
      for (const message of messages) {
        await scene.feed('hub', { in: 'frame', frame: encodeMessage(message) })
        await scene.feed('hub', { in: 'grew', ch: 1 })
      }
      const closes = scene.turns.flatMap(turn => turn.effects).filter(effect => effect.do === 'close')
      assert.ok(closes.length <= 1)
      for (const { error } of closes) assert.match(error.code, /^ERR_SYNC_/)
      for await (const rows of logOf(hub).scan({ from: 0 })) {
        for (const { digest } of rows) assert.ok(good.has(Buffer.from(digest).toString('hex')))
      }
      const { sink, source } = scene.hub.connection.channels.get(1) ?? {}
      if (closes.length > 0) return
      assert.ok((sink?.openNodes ?? 0) === 0 && (source?.queue.length ?? 0) === 0)
    },
  )
  await fc.assert(property, { numRuns: 300 })
})

test.run()
