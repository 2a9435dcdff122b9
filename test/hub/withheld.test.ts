// What a hub serves of a frontier whose texts are not all here. Spec: protocol/text.md, X20, X23.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HTTP_LIMITS } from '../../src/base/limits.ts'
import { decodeNode } from '../../src/node/node.ts'
import { contextOf } from '../../src/replica/replica.ts'
import type { AbsentState } from '../../src/store/store.ts'
import { buildNode } from '../support/nodes.ts'
import { type Json, type Served, serve, skipTime } from './site.ts'

const test = suite('hub/withheld')

function take(site: Served, seq: number, state: AbsentState): Promise<void> {
  return contextOf(site.hub.replica).frontier(site.frontier).setTexts([{ seq, state }])
}

test('a frontier with withheld texts is not served as a whole, and the refusal says why', async () => {
  await using site = await serve({ notes: 3 })
  const { frontier } = site
  const before = await site.json(`/entries/${frontier}/snapshot`)
  assert.is(before.events.length, 4)
  assert.not('withheld' in (await site.json(`/frontiers/${frontier}/conflicts`)))
  assert.not.match(await (await site.get('/metrics')).text(), 'frontier_texts')
  await take(site, 2, 'left-out')
  for (const path of [
    `/entries/${frontier}`,
    `/entries/${frontier}/snapshot`,
    `/manifest/${frontier}.json`,
    `/manifest/${frontier}.sig`,
  ]) {
    const response = await site.get(path)
    const { code, detail } = (await response.json()) as Json
    assert.equal([response.status, code], [409, 'ERR_TEXT_WITHHELD'], path)
    assert.match(detail, /withheld texts: 1$/)
  }
  assert.equal((await site.json('/entries')).entries, [])
  assert.is((await site.json(`/frontiers/${frontier}/conflicts`)).withheld, 1)
  const metrics = await (await site.get('/metrics')).text()
  assert.ok(metrics.includes(`replica_frontier_texts{frontier="${frontier}",state="left_out"} 1\n`))
})

test('pages of events skip a node without a text, and a cursor leads on past it', async () => {
  await using site = await serve({ notes: 3 })
  const { frontier } = site
  const all = (await site.json(`/entries/${frontier}/events`)).events
  await take(site, 2, 'wanted')
  assert.equal((await site.json(`/entries/${frontier}/events`)).events, [all[0], all[1], all[3]])
  const after = await site.json(`/entries/${frontier}/events?since=${all[2].id}`)
  assert.equal(after.events, [all[3]])
  const [node] = await site.hub.replica.get(all[2].id)
  const response = await site.get(`/blocks/${node!.cid}`)
  assert.equal(new Uint8Array(await response.arrayBuffer()), new Uint8Array(node!.bytes))
})

test('an erased text is served nowhere, and the rest is served as a whole', async () => {
  await using site = await serve({ notes: 3 })
  const { frontier } = site
  const first = await site.get(`/entries/${frontier}/snapshot`)
  const erased = ((await first.clone().json()) as Json).events[2]
  const { etag } = Object.fromEntries(first.headers)
  await take(site, 2, 'erased')
  const text = await (await site.get(`/entries/${frontier}/snapshot`)).text()
  assert.not.ok(text.includes(erased.id))
  assert.is(JSON.parse(text).events.length, 3)
  const named = await site.get(`/entries/${frontier}/snapshot?sha256=${etag!.slice(1, -1)}`)
  assert.is(named.status, 404)
  skipTime(HTTP_LIMITS.captureMsMax)
  assert.is((await site.json('/entries')).entries.length, 1)
})

test('an event is read from the node whose text is here, if another node of it has none', async () => {
  await using site = await serve({ notes: 2 })
  const { frontier, hub } = site
  const context = contextOf(hub.replica)
  const { log, gate } = context.frontier(frontier)
  const [row] = await log.read([1])
  const first = decodeNode(row!.bytes)
  const parts = { event: first.text!, frontier, parents: [{ digest: log.heads()[0]!, height: 2 }] }
  await gate.admit([buildNode(context.key, parts).bytes], { from: context.key.publicKeyBytes })
  assert.equal([log.nodes, log.events], [4, 3])
  const read = async (): Promise<(string | undefined)[]> => {
    const ids: (string | undefined)[] = []
    for await (const { event } of hub.replica.events(frontier)) ids.push(event?.id)
    return ids
  }
  const before = await read()
  await take(site, 1, 'left-out')
  assert.equal([...(await read())].sort(), [...before].sort())
  assert.is((await site.json(`/entries/${frontier}/events`)).events.length, 3)
  await take(site, 3, 'left-out')
  assert.equal((await read()).filter(id => id !== undefined).length, 2)
})

test.run()
