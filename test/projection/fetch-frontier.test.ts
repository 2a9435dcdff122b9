// Discovery and fetching over real HTTP: the five outcomes, and servers that lie, stall, never end,
// break off, redirect, or are not who they claim.

import * as childProcess from 'node:child_process'
import * as fs from 'node:fs'
import * as https from 'node:https'
import type { AddressInfo } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ReplicaError } from '../../src/base/errors.ts'
import { FETCH_LIMITS } from '../../src/base/limits.ts'
import { fetchOnce } from '../../src/projection/http-get.ts'
import { discoverPeerFrontier, type FetchOptions, fetchPeerFrontier } from '../../src/projection/index.ts'
import * as vela from '../../src/vela/index.ts'
import { scratch, skip } from '../shared-data.ts'
import { signer } from '../vela/signers.ts'
import { type Answer, entryFor, frontierFile, OWNER, TestServer } from './fetch-server.ts'

const test = suite('projection/fetch-frontier')

const file = frontierFile([{ id: 'vf_0000000000000001' }])
const { frontier } = file
const entryPath = `/entries/${frontier}`
const snapshotPath = `${entryPath}/snapshot`

/** Starts a server with an entry and its frontier. */
async function published(changes: Partial<vela.EntryDraft> = {}): Promise<TestServer> {
  const server = await TestServer.open()
  server.serve(entryPath, entryFor(file, `${server.url}${snapshotPath}`, changes))
  server.serve(snapshotPath, file.text)
  return server
}

function discover(server: Pick<TestServer, 'url'>, options: FetchOptions & { ownerKey?: string } = {}) {
  return discoverPeerFrontier(server.url, frontier, { ownerKey: OWNER.publicKey, ...options })
}

test('a frontier published by its owner resolves', async () => {
  await using server = await published()
  const result = await discover(server)
  assert.is(result.kind, 'Resolved')
  assert.is(result.kind === 'Resolved' && Buffer.from(result.content).toString(), file.text)
  assert.equal(server.asked, [entryPath, snapshotPath])
})

test('a hub without the entry gives EntryNotFound', async () => {
  await using server = await TestServer.open()
  assert.equal(await discover(server), { kind: 'EntryNotFound', vfr_id: frontier, status: 404 })
})

test('a hub that does not respond, or fails, is unreachable', async () => {
  const server = await TestServer.open()
  server.answers.set(entryPath, (_, response) => response.writeHead(503).end())
  const failed = await discover(server)
  assert.equal(failed, { kind: 'Unreachable', url: `${server.url}${entryPath}`, error: 'hub returned HTTP 503' })
  const { url } = server
  await server[Symbol.asyncDispose]()
  const gone = await discover({ url })
  assert.ok(gone.kind === 'Unreachable' && /ECONNREFUSED/.test(gone.error))
})

test('an entry of another owner, or with other content, is unverified', async () => {
  await using server = await published()
  const other = signer(9).publicKey
  const stranger = await discover(server, { ownerKey: other })
  assert.is(
    stranger.kind === 'UnverifiedEntry' && stranger.reason,
    `entry owner_pubkey ${OWNER.publicKey.slice(0, 16)} != expected peer pubkey ${other.slice(0, 16)}`,
  )
  assert.equal(server.asked, [entryPath])
  server.serve(snapshotPath, frontierFile([{ id: 'vf_0000000000000002' }]).text)
  const changed = await discover(server)
  assert.ok(changed.kind === 'UnverifiedEntry' && changed.reason.startsWith('snapshot hash '))
})

test('a locator without content is broken, with its status', async () => {
  await using server = await published()
  server.answers.delete(snapshotPath)
  const locator = `${server.url}${snapshotPath}`
  assert.equal(await discover(server), { kind: 'BrokenLocator', vfr_id: frontier, locator, status: 404 })
  server.serve(snapshotPath, '<html>')
  assert.equal(await discover(server), { kind: 'BrokenLocator', vfr_id: frontier, locator, status: 0 })
})

test('a redirect is followed on the same host only', async () => {
  await using elsewhere = await published()
  await using server = await published()
  server.answers.set(snapshotPath, (_, response) => response.writeHead(302, { location: '/moved' }).end())
  server.serve('/moved', file.text)
  assert.is((await discover(server)).kind, 'Resolved')
  const location = `${elsewhere.url}${snapshotPath}`
  server.answers.set(snapshotPath, (_, response) => response.writeHead(302, { location }).end())
  const result = await discover(server)
  assert.ok(result.kind === 'BrokenLocator' && result.status === 302)
  assert.equal(elsewhere.asked, [])
})

test('a locator must not name a private host, except the named one', async () => {
  await using elsewhere = await published()
  await using server = await published({ network_locator: `${elsewhere.url}${snapshotPath}` })
  const result = await discover(server)
  assert.ok(result.kind === 'BrokenLocator' && result.status === 0)
  assert.equal(elsewhere.asked, [])
  assert.is((await discover(server, { allowPrivate: true })).kind, 'Resolved')
})

test('a name with a private address is not dialed, also if it has public ones', async () => {
  await using server = await published()
  const url = `http://hub.example:${server.port}${entryPath}`
  const local = { address: '127.0.0.1', family: 4 }
  for (const found of [[local], [{ address: '93.184.215.14', family: 4 }, local], []]) {
    const policy = { allowPrivate: false, allowPlain: true, named: `http://hub.example:${server.port}` }
    const outcome = await fetchOnce({ url, bytesMax: 9999 }, { policy, resolve: async () => found })
    assert.match('error' in outcome ? outcome.error : '', /private network|no address/)
  }
  assert.equal(server.asked, [])
  const policy = { allowPrivate: true, allowPlain: true }
  const outcome = await fetchOnce({ url, bytesMax: 9999 }, { policy, resolve: async () => [local] })
  assert.ok('status' in outcome && outcome.status === 200)
})

/** Returns the outcome of one GET. */
async function outcomeOf(answer: Answer, options: FetchOptions = {}) {
  await using server = await TestServer.open()
  server.answers.set('/', answer)
  const policy = { allowPrivate: true, allowPlain: true }
  return await fetchOnce({ url: `${server.url}/`, bytesMax: 1000 }, { policy, ...options })
}

async function errorOf(answer: Answer, options: FetchOptions = {}): Promise<string> {
  const outcome = await outcomeOf(answer, options)
  return 'error' in outcome ? outcome.error : `status ${outcome.status}`
}

const endless: Answer = (_, response) => {
  const more = (): void => {
    while (response.write(Buffer.alloc(4096))) if (response.destroyed) return
  }
  response.on('drain', more)
  more()
}

test('a body that is too long, endless, compressed or of another length is refused', async () => {
  const tooLong = 'the body has more than 1000 bytes'
  assert.is(await errorOf((_, response) => response.end(Buffer.alloc(1001))), tooLong)
  assert.is(await errorOf(endless), tooLong)
  assert.is(
    await errorOf((_, response) => response.end(Buffer.alloc(1000)), { bodyBytesMax: 999 }),
    tooLong.replace('1000', '999'),
  )
  assert.match(
    await errorOf((_, response) => response.setHeader('content-encoding', 'gzip').end('x')),
    /the encoding gzip/,
  )
  const short: Answer = (_, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('half')
    response.socket?.end()
  }
  assert.match(await errorOf(short), /broke off|aborted/)
  const cutChunk: Answer = (_, response) => {
    response.writeHead(200, { 'transfer-encoding': 'chunked' }).write('half')
    response.socket?.end()
  }
  assert.match(await errorOf(cutChunk), /broke off|aborted/)
  const long: Answer = (_, response) => void response.socket?.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nlonger')
  assert.match(await errorOf(long), /Parse Error/)
  const both: Answer = (_, response) =>
    void response.socket?.end(
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    )
  assert.match(await errorOf(both), /Parse Error/)
  const whole = await outcomeOf((_, response) => response.end(Buffer.alloc(1000)))
  assert.is('body' in whole && whole.body.length, 1000)
})

test('a long body in small pieces is received unchanged', async () => {
  const sent = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251))
  const answer: Answer = (_, response) => {
    for (let at = 0; at < sent.length; at += 1_000) response.write(sent.subarray(at, at + 1_000))
    response.end()
  }
  await using server = await TestServer.open()
  server.answers.set('/', answer)
  const policy = { allowPrivate: true, allowPlain: true }
  const outcome = await fetchOnce({ url: `${server.url}/`, bytesMax: sent.length }, { policy })
  assert.ok('body' in outcome && sent.equals(outcome.body))
})

test('timeouts and long headers end a fetch', async () => {
  assert.match(await errorOf(() => {}, { idleMsMax: 50 }), /received nothing for 50 ms/)
  const silent: Answer = (_, response) => response.writeHead(200, { 'content-length': '5' }).write('a')
  assert.match(await errorOf(silent, { idleMsMax: 50 }), /received nothing for 50 ms/)
  const drip: Answer = (_, response) => {
    const timer = setInterval(() => response.write('a'), 5) // timer: a server that sends a byte now and then
    response.on('close', () => clearInterval(timer))
  }
  assert.match(await errorOf(drip, { idleMsMax: 10_000, totalMsMax: 100 }), /longer than 100 ms/)
  const header: Answer = (_, response) =>
    response.setHeader('x', 'y'.repeat(FETCH_LIMITS.answerHeaderBytesMax)).end('body')
  assert.match(await errorOf(header), /Header overflow/i)
})

test('only a response with status 200 has a body', async () => {
  assert.equal(await outcomeOf((request, response) => endless(request, response.writeHead(500))), {
    status: 500,
    body: new Uint8Array(),
  })
  const partial = await outcomeOf((_, response) => response.writeHead(206).end('part'))
  assert.ok('status' in partial && partial.status === 206 && partial.body.length === 0)
})

test('a fetch can be aborted', async () => {
  await using server = await published()
  const controller = new AbortController()
  server.answers.set(entryPath, () => controller.abort())
  await discover(server, { signal: controller.signal }).then(
    () => assert.unreachable(),
    error => assert.is(error instanceof ReplicaError && error.code, 'ERR_ABORTED'),
  )
})

test('a peer’s frontier needs a signature of the registered key, if there is one', async () => {
  await using server = await TestServer.open()
  const path = `/manifest/${frontier}`
  const hub = signer(8)
  const stranger = { url: server.url, publicKey: undefined }
  const registered = { url: server.url.replace('http', 'ws'), publicKey: hub.publicKey }
  assert.equal(await fetchPeerFrontier(stranger, frontier), {
    kind: 'Failed',
    url: `${server.url}${path}.json`,
    status: 404,
    reason: 'peer returned HTTP 404',
  })
  server.serve(`${path}.json`, file.text)
  const unsigned = await fetchPeerFrontier(stranger, frontier)
  assert.ok(unsigned.kind === 'Fetched' && unsigned.signer === undefined)
  assert.is((await fetchPeerFrontier(registered, frontier)).kind, 'Failed')
  server.serve(`${path}.sig`, vela.signManifestFile(frontier, Buffer.from(file.text), signer(9)))
  assert.is((await fetchPeerFrontier(registered, frontier)).kind, 'Failed')
  server.serve(`${path}.sig`, vela.signManifestFile(frontier, Buffer.from(file.text), hub))
  const signed = await fetchPeerFrontier(registered, frontier)
  assert.ok(signed.kind === 'Fetched' && signed.signer === hub.publicKey)
})

test('a certificate of an unknown authority is refused', async () => {
  await using folder = await scratch()
  const [key, cert] = [folder.join('key.pem'), folder.join('cert.pem')]
  const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert]
  if (childProcess.spawnSync('openssl', [...words.split(' '), ...names]).status !== 0)
    return skip('a certificate of an unknown authority is refused', 'there is no openssl command')
  const pem = { key: fs.readFileSync(key, 'utf8'), cert: fs.readFileSync(cert, 'utf8') }
  const server = https.createServer(pem, (_, response) => response.writeHead(404).end())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  try {
    const hub = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    const refused = await discoverPeerFrontier(hub, frontier, { ownerKey: undefined })
    assert.ok(refused.kind === 'Unreachable' && /self.signed certificate/.test(refused.error))
    const trusted = await discoverPeerFrontier(hub, frontier, { ownerKey: undefined, ca: pem.cert })
    assert.is(trusted.kind, 'EntryNotFound')
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test.run()
