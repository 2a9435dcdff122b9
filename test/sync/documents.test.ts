// Documents in a session whose other side is driven by hand: when they are asked for, and what a source can't do with them.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Digest, equals, sha256, utf8 } from '../../src/base/bytes.ts'
import { DOCUMENT_LIMITS } from '../../src/base/limits.ts'
import { chunkDocument } from '../../src/node/document-chunks.ts'
import type { DocumentLink } from '../../src/node/node.ts'
import { type Channel, ownLimits } from '../../src/sync/connection.ts'
import type { ReportMessage } from '../../src/sync/message.ts'
import { memoryLinkPair } from '../../src/transport/link.ts'
import { Session } from '../../src/transport/session.ts'
import { makeNode } from '../admission/nodes.ts'
import { circle, clientConfig, FRONTIER, hubConfig, type Local, logOf, type Made } from './local.ts'
import { Alarms, RawPeer } from './raw-peer.ts'
import { openOf } from './session-parts.ts'

const test = suite('sync/documents')

const text = utf8('a document')
const { link } = chunkDocument(text)

interface Pull {
  readonly raw: RawPeer
  readonly laptop: Local
  readonly done: Promise<Channel>
  readonly exchange: Session
}

interface Scene {
  readonly laptop: Local
  readonly hub: Local
  make(name: string, parents: readonly Made[], links: readonly DocumentLink[]): Made
}

async function scene(): Promise<Scene> {
  const [laptop, hub] = await circle('laptop', 'main')
  const make: Scene['make'] = (name, parents, links) => makeNode(hub!.key, name, parents, { links, frontier: FRONTIER })
  return { laptop: laptop!, hub: hub!, make }
}

/** The laptop pulls from a hub that says it has these nodes; blocks follow by hand. */
async function pull({ laptop, hub }: Scene, nodes: readonly Made[], heads: readonly Made[]): Promise<Pull> {
  const [a, b] = memoryLinkPair()
  const exchange = new Session(a, clientConfig(laptop, hub), laptop.services, { setTimer: new Alarms().set })
  exchange.done.catch(() => {})
  const raw = new RawPeer(b, hubConfig(hub))
  await raw.ready()
  const done = exchange.open(FRONTIER, 'pull')
  done.catch(() => {})
  await raw.next('open')
  const { frontier: _f, mode: _m, ...view } = openOf('pull', { heads: digestsOf(heads), count: nodes.length })
  raw.send({ ...view, t: 'opened' })
  return { raw, laptop, done, exchange }
}

function digestsOf(nodes: readonly Made[]): Digest[] {
  return nodes.map(({ digest }) => digest)
}

function blocks(...nodes: readonly Uint8Array[]) {
  return { t: 'blocks', ch: 1, nodes } as const
}

/** Sends the end of a flow of so many blocks, and takes the report. */
async function finish({ raw, done }: Pull, nodes: readonly Made[], heads: readonly Made[], sent: number) {
  const { digest } = openOf('pull', { heads: digestsOf(heads), count: nodes.length })
  raw.send({ t: 'end', ch: 1, seq: nodes.length, digest, nodes: sent })
  const report: ReportMessage = await raw.next('report')
  await done
  return report
}

async function code(task: Promise<unknown>): Promise<string> {
  return task.then(
    () => 'good order',
    (error: { code: string }) => error.code,
  )
}

test('a document is asked for as soon as its node has come, and the rest of the log is not held behind it', async () => {
  const at = await scene()
  const first = at.make('with a document', [], [link])
  const second = at.make('on top', [first], [])
  const session = await pull(at, [first, second], [second])
  session.raw.send(blocks(first.bytes))
  const { ids } = await session.raw.next('want')
  assert.ok(equals(ids[0]!, link.digest))
  session.raw.send(blocks(text, second.bytes))
  const report = await finish(session, [first, second], [second], 3)
  assert.equal([report.admitted, report.heldCount, report.complete], [2, 0, true])
  assert.ok(equals((await logOf(at.laptop).documents.get(link.digest))!, text))
  // No plan of the source has documents, so that wanting one says nothing against the cursor.
  const peer = { hub: at.hub.context.hubId, key: at.hub.key.publicKeyBytes, caps: [], limits: ownLimits() }
  assert.is((await at.laptop.services.view(FRONTIER, peer))?.cursor?.seq, 2)
})

test('a node whose document the source lacks stays held, and a later pull from one that has it brings it', async () => {
  const at = await scene()
  const node = at.make('with a document', [], [link])
  const session = await pull(at, [node], [node])
  session.raw.send(blocks(node.bytes))
  await session.raw.next('want')
  session.raw.send({ t: 'lack', ch: 1, ids: [link.digest] })
  const report = await finish(session, [node], [node], 1)
  assert.equal([report.admitted, report.heldCount, report.complete], [0, 1, false])

  const later = await pull(at, [node], [node])
  const { digest } = openOf('pull', { heads: [node.digest], count: 1 })
  later.raw.send({ t: 'end', ch: 1, seq: 1, digest, nodes: 0 })
  const { ids } = await later.raw.next('want')
  assert.ok(equals(ids[0]!, link.digest))
  later.raw.send(blocks(text))
  const done = await later.raw.next('report')
  assert.equal([done.admitted, done.heldCount, done.complete], [1, 0, true])
})

test('a source that answers with other bytes than were asked for ends the session, and nothing of them is kept', async () => {
  const at = await scene()
  const node = at.make('with a document', [], [link])
  const session = await pull(at, [node], [node])
  session.raw.send(blocks(node.bytes))
  await session.raw.next('want')
  const wrong = utf8('another document')
  session.raw.send(blocks(wrong))
  assert.is(await code(session.exchange.done), 'ERR_SYNC_UNSOLICITED')
  assert.equal(await logOf(at.laptop).documents.has([sha256(wrong), link.digest]), [false, false])
})

test('documents that nobody asked for are nodes to the sink: more than the source has end the session, none is kept', async () => {
  const at = await scene()
  const node = at.make('with a document', [], [link])
  const session = await pull(at, [node], [node])
  const flood = Array.from({ length: 3 }, (_, i) => utf8(`unsolicited ${i}`))
  session.raw.send(blocks(node.bytes, ...flood))
  assert.is(await code(session.exchange.done), 'ERR_SYNC_UNSOLICITED')
  assert.equal(await logOf(at.laptop).documents.has(flood.map(sha256)), [false, false, false])
})

test('a document that is larger than a block may be does not come in, and is not asked for again', async () => {
  const at = await scene()
  const large = new Uint8Array(DOCUMENT_LIMITS.blockBytesMax + 1)
  const node = at.make('too large', [], [{ codec: 'raw', digest: sha256(large) }])
  const session = await pull(at, [node], [node])
  session.raw.send(blocks(node.bytes))
  await session.raw.next('want')
  session.raw.send(blocks(large))
  const report = await finish(session, [node], [node], 2)
  assert.equal([report.admitted, report.heldCount, report.refusedCount], [0, 1, 0])
})

test('a node whose list of chunks is none is refused, and the report says why', async () => {
  const at = await scene()
  const node = at.make('no list', [], [{ codec: 'dag-cbor', digest: sha256(text) }])
  const session = await pull(at, [node], [node])
  session.raw.send(blocks(node.bytes))
  await session.raw.next('want')
  session.raw.send(blocks(text))
  const report = await finish(session, [node], [node], 2)
  assert.equal(
    report.refused.map(item => item.code),
    ['ERR_DOCUMENT'],
  )
})

test('a live channel brings the documents of what it brings, round after round', async () => {
  const { laptop, hub, make } = await scene()
  const [a, b] = memoryLinkPair()
  const options = { setTimer: new Alarms().set }
  const dialled = new Session(a, clientConfig(laptop, hub), laptop.services, options)
  const served = new Session(b, hubConfig(hub), hub.services, options)
  served.done.catch(() => {})
  await dialled.ready
  const first = dialled.live(FRONTIER, 'pull')
  await first.caughtUp
  const parents: Made[] = []
  for (const [i, bytes] of [text, new Uint8Array(600 * 1024).fill(7), utf8('a third')].entries()) {
    const whole = hub.context.frontier(FRONTIER)
    const made = make(`event ${i}`, parents.slice(-1), [await whole.documents.put(bytes)])
    parents.push(made)
    const come = new Promise<void>(resolve => {
      const { log } = laptop.context.frontier(FRONTIER)
      const end = laptop.context.frontier(FRONTIER).onCommit(() => {
        if (log.nodes <= i) return
        end()
        resolve()
      })
    })
    await whole.gate.admit([made.bytes], { from: hub.key.publicKeyBytes })
    await come
    const read = await laptop.context.frontier(FRONTIER).documents.read(chunkDocument(bytes).link)
    assert.ok(equals(read, bytes))
  }
  await first.stop()
  dialled.close()
  assert.equal(logOf(laptop).headsDigest(), logOf(hub).headsDigest())
})

test.run()
