// Publishing at a hub of Vela. The server behaves as the recorded hubs do: it stores an entry that it
// cannot promote, and serves nothing afterwards.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode, Replica } from '../../src/index.ts'
import { Publisher } from '../../src/projection/publishing/publisher.ts'
import { isReplicaHub } from '../../src/projection/publishing/served-content.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import * as vela from '../../src/vela/index.ts'
import { draft } from '../replica/drafts.ts'
import { shared, skip } from '../shared-data.ts'
import { signer } from '../vela/signers.ts'
import { TestServer } from './fetch-server.ts'

const test = suite('projection/publishing')

type Plain = ReturnType<typeof JSON.parse>

/** A hub of Vela 0.700 with one frontier. */
class VelaHub {
  readonly server: TestServer
  readonly frontier: string
  live: { entry: Plain; content: string } | undefined
  status = 404
  posts = 0
  /** A refusal of every publication. */
  refusal: { status: number; body: string } | undefined
  deprecation: Plain = null

  constructor(server: TestServer, frontier: string) {
    this.server = server
    this.frontier = frontier
    const at = `/entries/${frontier}`
    server.serve(
      '/.well-known/vela',
      '{"manifest":{"endpoints":{"publish":"/entries"}},"mode":"unsigned","signature":null}',
    )
    const answer = (body: () => string) => () => ({ status: this.live === undefined ? this.status : 200, body: body() })
    this.#route(
      at,
      answer(() => JSON.stringify(this.live?.entry ?? {})),
    )
    this.#route(
      `${at}/snapshot`,
      answer(() => this.live?.content ?? '{}'),
    )
    this.#route(`${at}/status`, () => ({ status: 200, body: JSON.stringify({ deprecation: this.deprecation }) }))
    server.answers.set('/entries', async (request, response) => {
      this.posts += 1
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const { status, body } = this.refusal ?? this.#publish(Buffer.concat(chunks).toString())
      response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    })
  }

  #route(at: string, answer: () => { status: number; body: string }): void {
    this.server.answers.set(at, (_, response) => {
      const { status, body } = answer()
      response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    })
  }

  #publish(text: string): { status: number; body: string } {
    const { substrate, ...entry } = JSON.parse(text)
    const content = text.slice(text.indexOf('"substrate":') + '"substrate":'.length, -1)
    const owned = this.live === undefined || this.live.entry.owner_pubkey === entry.owner_pubkey
    const error = substrate === undefined ? 'no inline substrate' : owned ? null : 'owner continuity'
    this.live = error === null ? { entry, content } : undefined
    this.status = 424
    const promotion = { event_first_promoted: error === null, event_first_error: error }
    return { status: 201, body: JSON.stringify({ ok: true, duplicate: false, ...promotion }) }
  }
}

interface Scene extends AsyncDisposable {
  readonly hub: VelaHub
  readonly replica: Replica
  publish(options?: Parameters<Publisher['publish']>[1]): ReturnType<Publisher['publish']>
}

async function scene(): Promise<Scene> {
  const replica = await Replica.open({ location: new MemoryStore(), hubId: 'hub:ada' })
  const { frontier } = await replica.createFrontier({ name: 'Of Ada' })
  await replica.append(frontier, draft('one'))
  const server = await TestServer.open()
  return {
    hub: new VelaHub(server, frontier),
    replica,
    publish: options => new Publisher(replica, frontier).publish({ url: server.url }, options),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await replica.close()
    },
  }
}

async function refusal(run: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await run.then(
    () => undefined,
    found => found,
  )
  assert.ok(hasCode(error), `${error}`)
  return { code: error.code, message: error.message }
}

test('a hub of Vela gets the whole frontier with the entry, which is read back (E34, E35)', async () => {
  await using at = await scene()
  const report = await at.publish()
  assert.equal([report.withContent, report.waits, report.duplicate], [true, undefined, false])
  assert.match(report.servedNow, report.entry.signed_publish_at)
  const { entry, content } = at.hub.live!
  const frontier = vela.readFrontier(Buffer.from(content))
  assert.is(entry.latest_snapshot_hash, vela.snapshotHash(frontier, { reader: '0.40' }))
  assert.is(entry.latest_event_log_hash, vela.eventLogHash(frontier.events, 'full'))
})

test('nothing is sent where the hub would serve nothing afterwards (E33)', async () => {
  await using at = await scene()
  await at.publish()
  const { hub } = at
  const own = hub.live!
  const foreign = vela.signEntry({ ...own.entry, license: undefined }, signer(9))
  hub.live = { ...own, entry: JSON.parse(vela.printEntry(foreign)) }
  const other = await refusal(at.publish())
  assert.is(other.code, 'ERR_ENTRY_OWNER')
  assert.match(other.message, 'nothing was published; served now: the entry of ')
  hub.live = own
  hub.deprecation = { reason: 'done' }
  assert.is((await refusal(at.publish())).code, 'ERR_ENTRY_STALE')
  hub.deprecation = null
  hub.live = { ...own, entry: { ...own.entry, signature: '', network_locator: 'git+https://git.example/f.git' } }
  const git = await refusal(at.publish())
  assert.is(git.code, 'ERR_PUBLISH')
  assert.match(git.message, 'this hub publishes by git')
  const later = { ...own.entry, signed_publish_at: '2999-01-01T00:00:00Z' }
  hub.live = { ...own, entry: later }
  assert.is((await refusal(at.publish())).code, 'ERR_ENTRY_STALE')
  assert.is(hub.posts, 1)
})

test('a refusal says its HTTP status, and what is served (E35)', async () => {
  await using at = await scene()
  await at.publish()
  at.hub.refusal = { status: 400, body: '{"error":"signature does not verify","ok":false}' }
  const refused = await refusal(at.publish())
  assert.is(refused.code, 'ERR_PUBLISH')
  assert.match(refused.message, /HTTP 400: signature does not verify; served now: the entry of /)
  at.hub.refusal = { status: 405, body: '' }
  assert.match((await refusal(at.publish())).message, /publishes by git.*HTTP 405/)
})

test('an entry that is stored and not served is reported with what is served (E35)', async () => {
  await using at = await scene()
  await at.publish()
  const { hub } = at
  const foreign = vela.signEntry({ ...hub.live!.entry, license: undefined }, signer(9))
  hub.live = { ...hub.live!, entry: JSON.parse(vela.printEntry(foreign)) }
  const report = await at.publish({ successor: true })
  assert.equal([report.waits, report.servedNow], ['owner continuity', 'nothing (HTTP 424)'])
  await at.publish()
  hub.live = { ...hub.live!, content: hub.live!.content.replace('Of Ada', 'Of Eve') }
  hub.refusal = { status: 200, body: '{"ok":true,"duplicate":true,"event_first_promoted":true}' }
  const other = await at.publish()
  assert.is(other.waits, 'another entry is served')
  assert.match(other.servedNow, 'without its content: event log hash ')
})

test('the manifests of real hubs are those of hubs of Vela (E32)', async () => {
  const folder = shared('vela/real-cli/http')
  if (folder === undefined) return skip('manifests of real hubs', 'there is no ../shared')
  await using server = await TestServer.open()
  let found = 0
  for (const version of ['A', 'B', 'L'])
    for (const file of fs.readdirSync(path.join(folder, version))) {
      const { exchanges } = JSON.parse(fs.readFileSync(path.join(folder, version, file), 'utf8'))
      for (const exchange of exchanges) {
        if (exchange.path !== '/.well-known/vela') continue
        found += 1
        server.serve('/.well-known/vela', exchange.response.body)
        assert.is(await isReplicaHub(server.url, {}), false, file)
      }
    }
  assert.ok(found > 0)
})

test.run()
