// Discovery and peer fetch as state machines: each result, each redirect rule, and each way in
// which content contradicts its entry. The responses are written down; there is no network.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { equals } from '../../src/base/bytes.ts'
import { hasCode, ReplicaError } from '../../src/base/errors.ts'
import { FETCH_LIMITS } from '../../src/base/limits.ts'
import * as vela from '../../src/vela/index.ts'
import { signer, verify } from './signers.ts'

const test = suite('vela/discover')

const owner = signer(7)
const hub = signer(8)
const made = vela.makeGenesis({ name: 'A', creator: 'replica/1', timestamp: '2026-04-25T00:00:00Z' })
const { frontier } = made
const genesis = Buffer.from(made.text).toString()
const content = Buffer.from(`{"frontier_id":"${frontier}","events":[${genesis}],"findings":[]}`)
const locator = 'https://files.example/a.json'

const draft: vela.EntryDraft = {
  vfr_id: frontier,
  name: 'A',
  owner_actor_id: 'reviewer:a',
  latest_snapshot_hash: 'a'.repeat(64),
  latest_event_log_hash: 'b'.repeat(64),
  network_locator: locator,
  signed_publish_at: '2026-04-25T00:00:00Z',
}
const closed: vela.FetchPolicy = { allowPrivate: false, allowPlain: false }
const discovery: vela.Discovery = {
  hub: 'https://hub.example/',
  frontier,
  ownerKey: owner.publicKey,
  verify,
  snapshotHashes: () => ['a'.repeat(64)],
  eventLogHashes: () => ['c'.repeat(64), 'b'.repeat(64)],
  policy: closed,
}

const entryOf = (changes: Partial<vela.EntryDraft> = {}, by = owner) =>
  Buffer.from(vela.printEntry(vela.signEntry({ ...draft, ...changes }, by)))
const ok = (body: Uint8Array): vela.FetchOutcome => ({ status: 200, body })
const status = (code: number, location?: string): vela.FetchOutcome =>
  location === undefined ? { status: code, body: Buffer.alloc(0) } : { status: code, body: Buffer.alloc(0), location }

/** Runs to the result over these responses; each must be requested. */
function discover(outcomes: vela.FetchOutcome[], changes: Partial<vela.Discovery> = {}) {
  const fetched: string[] = []
  let step = vela.startDiscovery({ ...discovery, ...changes })
  for (const outcome of outcomes) {
    if (!('fetch' in step)) throw new TypeError('nothing more was asked for')
    fetched.push(step.fetch.url)
    step = vela.continueDiscovery(step.state, outcome)
  }
  if ('fetch' in step) throw new TypeError(`${step.fetch.url} was asked for`)
  return { fetched, result: step.result }
}

test('an entry and its content resolve', () => {
  const { fetched, result } = discover([ok(entryOf()), ok(content)])
  assert.equal(fetched, [`https://hub.example/entries/${frontier}`, locator])
  assert.is(result.kind, 'Resolved')
  assert.ok(result.kind === 'Resolved' && equals(result.content, content) && result.entry.vfr_id === frontier)
})

test('the owner’s key is asked for and not the hub’s, so a mirror resolves', () => {
  assert.is(discover([ok(entryOf()), ok(content)], { ownerKey: undefined }).result.kind, 'Resolved')
  const { result } = discover([ok(entryOf())], { ownerKey: hub.publicKey })
  assert.equal(result, {
    kind: 'UnverifiedEntry',
    vfr_id: frontier,
    reason: `entry owner_pubkey ${owner.publicKey.slice(0, 16)} != expected peer pubkey ${hub.publicKey.slice(0, 16)}`,
  })
})

test('no answer, a status and a body that is too long are unreachable', () => {
  const url = `https://hub.example/entries/${frontier}`
  const cases: [vela.FetchOutcome, string][] = [
    [{ error: 'connection refused' }, 'connection refused'],
    [status(503), 'hub returned HTTP 503'],
    [status(206), 'hub returned HTTP 206'],
    [status(302, 'https://elsewhere.example/'), 'hub returned HTTP 302'],
    [ok(Buffer.alloc(FETCH_LIMITS.entryBytesMax + 1)), `the body has more than ${FETCH_LIMITS.entryBytesMax} bytes`],
  ]
  for (const [outcome, error] of cases)
    assert.equal(discover([outcome]).result, { kind: 'Unreachable', url, error }, error)
})

test('a hub that may not be fetched from is unreachable without a fetch', () => {
  for (const where of [
    'http://hub.example',
    'https://127.0.0.1',
    'https://[::ffff:10.0.0.1]',
    'https://localhost:8080',
  ]) {
    const { fetched, result } = discover([], { hub: where })
    assert.equal(fetched, [])
    assert.is(result.kind, 'Unreachable', where)
  }
  const allowed = { ...closed, allowPrivate: true }
  assert.is(discover([status(404)], { hub: 'http://127.0.0.1:80', policy: allowed }).result.kind, 'EntryNotFound')
})

test('not found is said of the frontier', () => {
  assert.equal(discover([status(404)]).result, { kind: 'EntryNotFound', vfr_id: frontier, status: 404 })
})

test('an entry that is none, is not signed or is of another frontier is unverified, with its reason', () => {
  const signed = entryOf().toString()
  const cases: [string, string | RegExp][] = [
    ['<html>', /^parse registry entry: /],
    ['{}', /^parse registry entry: registry entry: vfr_id is missing$/],
    [signed.replace('"name":"A"', '"name":"B"'), 'registry entry signature does not verify against entry.owner_pubkey'],
    [
      entryOf({ vfr_id: 'vfr_00000000000000b2' }).toString(),
      `entry vfr_id vfr_00000000000000b2 != requested ${frontier}`,
    ],
  ]
  for (const [body, reason] of cases) {
    const { result } = discover([ok(Buffer.from(body))])
    assert.is(result.kind, 'UnverifiedEntry')
    assert.match(result.kind === 'UnverifiedEntry' ? result.reason : '', reason)
  }
})

test('a locator that may not be fetched, or brings no frontier, is broken', () => {
  for (const network_locator of ['/tmp/x.json', 'file:///x', 'http://files.example/', 'https://169.254.169.254/']) {
    const { result } = discover([ok(entryOf({ network_locator }))])
    assert.equal(result, { kind: 'BrokenLocator', vfr_id: frontier, locator: network_locator, status: 0 })
  }
  const cases: [vela.FetchOutcome, number][] = [
    [status(404), 404],
    [status(500), 500],
    [status(301, 'http://files.example/a.json'), 301],
    [{ error: 'reset' }, 0],
    [ok(Buffer.from('not JSON')), 0],
    [ok(Buffer.from('[]')), 0],
    [ok(Buffer.from(content.toString().replace('"findings":[]', '"findings":[}'))), 0],
  ]
  for (const [outcome, code] of cases)
    assert.equal(discover([ok(entryOf()), outcome]).result, {
      kind: 'BrokenLocator',
      vfr_id: frontier,
      locator,
      status: code,
    })
})

test('content whose hashes can’t be made is no frontier; other errors are not hidden', () => {
  const failing = (error: Error) => ({
    snapshotHashes: () => {
      throw error
    },
  })
  const { result } = discover([ok(entryOf()), ok(content)], failing(new ReplicaError('ERR_JSON', 'no frontier')))
  assert.is(result.kind, 'BrokenLocator')
  assert.throws(() => discover([ok(entryOf()), ok(content)], failing(new TypeError('a mistake'))), /a mistake/)
})

test('content that contradicts its entry or itself is unverified', () => {
  const changed = content.toString().replace('frontier compiled', 'frontier changed')
  const other = content.toString().replace(frontier, 'vfr_00000000000000b2')
  const cases: [string, Partial<vela.Discovery>, RegExp][] = [
    [changed, {}, /^event vev_[0-9a-f]{16} does not match its content$/],
    [other, {}, /^frontier id vfr_00000000000000b2 != requested vfr_/],
    [
      content.toString(),
      { snapshotHashes: () => ['c'.repeat(64)] },
      /^snapshot hash c{16} != entry latest_snapshot_hash a{16}$/,
    ],
    [content.toString(), { eventLogHashes: () => [] }, /^event log hash none != entry latest_event_log_hash b{16}$/],
  ]
  for (const [body, changes, reason] of cases) {
    const { result } = discover([ok(entryOf()), ok(Buffer.from(body))], changes)
    assert.is(result.kind, 'UnverifiedEntry')
    assert.match(result.kind === 'UnverifiedEntry' ? result.reason : '', reason)
  }
})

test('a redirect within the host is followed, a few times', () => {
  const { fetched, result } = discover([status(302, '/b'), ok(entryOf()), status(308, 'c.json'), ok(content)])
  assert.equal(fetched.slice(1), ['https://hub.example/b', locator, 'https://files.example/c.json'])
  assert.is(result.kind, 'Resolved')
  const round = new Array<vela.FetchOutcome>(FETCH_LIMITS.redirectsMax + 1).fill(status(302, '/b'))
  assert.is(discover(round).result.kind, 'Unreachable')
})

test('a frontier that is none is refused before anything is fetched', () => {
  for (const name of ['', 'vfr_1', `${frontier}/../x`, frontier.toUpperCase()])
    assert.throws(
      () => vela.startDiscovery({ ...discovery, frontier: name }),
      (error: unknown) => hasCode(error, 'ERR_FRONTIER_ID'),
    )
})

function fetchPeer(outcomes: vela.FetchOutcome[], peerKey: string | undefined) {
  let step = vela.startPeerFetch({ base: 'https://hub.example', frontier, peerKey, verify, policy: closed })
  for (const outcome of outcomes) {
    if (!('fetch' in step)) throw new TypeError('nothing more was asked for')
    step = vela.continuePeerFetch(step.state, outcome)
  }
  if ('fetch' in step) throw new TypeError(`${step.fetch.url} was asked for`)
  return step.result
}

const sig = (by: vela.Signer, of: Uint8Array = content) => ok(Buffer.from(vela.signManifestFile(frontier, of, by)))

test('a registered peer’s frontier is fetched with its signature', () => {
  assert.equal(fetchPeer([ok(content), sig(hub)], hub.publicKey), { kind: 'Fetched', content, signer: hub.publicKey })
})

test('a registered peer has to sign, with its own key, these very bytes', () => {
  const cases: [vela.FetchOutcome, RegExp][] = [
    [status(404), /not available/],
    [sig(owner), /not signed by the peer’s key/],
    [sig(hub, Buffer.from('{}')), /not valid/],
    [ok(Buffer.from('x')), /malformed/],
    [{ error: 'reset' }, /reset/],
  ]
  for (const [outcome, reason] of cases) {
    const result = fetchPeer([ok(content), outcome], hub.publicKey)
    assert.match(result.kind === 'Failed' ? `${result.url} ${result.reason}` : '', reason)
  }
})

test('one that is not registered may leave the signature out, and one that is there must be good', () => {
  assert.equal(fetchPeer([ok(content), status(404)], undefined), { kind: 'Fetched', content, signer: undefined })
  assert.equal(fetchPeer([ok(content), sig(owner)], undefined), { kind: 'Fetched', content, signer: owner.publicKey })
  for (const outcome of [status(500), sig(owner, Buffer.from('{}')), { error: 'reset' }])
    assert.is(fetchPeer([ok(content), outcome], undefined).kind, 'Failed')
})

test('what a peer answers must be that frontier', () => {
  assert.equal(fetchPeer([status(404)], undefined), {
    kind: 'Failed',
    url: `https://hub.example/manifest/${frontier}.json`,
    status: 404,
    reason: 'peer returned HTTP 404',
  })
  for (const body of ['{}', genesis, content.toString().replace('"name":"A"', '"name":"B"')])
    assert.is(fetchPeer([ok(Buffer.from(body))], undefined).kind, 'Failed', body)
})

test.run()
