// The bounds of a hub on strangers, at the limit and one past it, over real sockets: connections without a proof, headers,
// requests that never end, and sockets that nobody owns. One of these waits for a real limit of ten seconds; it is started first.

import { once } from 'node:events'
import * as net from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CLIENT_LIMITS } from '../../src/base/client-limits.ts'
import { SOCKET_LIMITS } from '../../src/base/limits.ts'
import { Hub } from '../../src/hub/hub.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { connect } from '../../src/transport/websocket-link.ts'
import { keyOf } from '../sync/local.ts'
import { RawClient } from '../sync/raw-client.ts'
import { until } from './loopback.ts'

const test = suite('transport/hub-limits')
const { headerBytesMax, headerMsMax, connectionsMax, bodyBytesMax } = SOCKET_LIMITS
const { unprovenPerAddressMax } = CLIENT_LIMITS

const code = (error: { code?: string }): string => error.code ?? String(error)

function listen(): Promise<Hub> {
  return Hub.listen({ location: new MemoryStore(), port: 0, key: keyOf('main') })
}

function portOf(hub: Hub): number {
  return Number(new URL(hub.url).port)
}

/** What a hub answers to these bytes until it ends the connection, and how long that took. */
async function answerTo(hub: Hub, bytes: string): Promise<{ answer: string; ms: number }> {
  const started = performance.now()
  const socket = net.connect(portOf(hub), '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', text => {
    answer += text
  })
  socket.on('error', () => {})
  socket.write(bytes)
  await closed(socket)
  return { answer, ms: performance.now() - started }
}

/** Not `once`, which fails when the end is a reset. */
function closed(socket: net.Socket): Promise<void> {
  return new Promise(resolve => socket.on('close', () => resolve()))
}

// Begun now, looked at last.
const slowHub = listen()
const slowHeader = slowHub.then(hub => answerTo(hub, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Half-'))

test('beyond the unproven connections of one address its oldest one makes room', async () => {
  await using hub = await listen()
  const waiting = []
  for (let i = 0; i < unprovenPerAddressMax; i += 1)
    waiting.push(await RawClient.connect(hub.url, keyOf(`client ${i}`)))
  assert.is(hub.sessions, unprovenPerAddressMax)
  const [first, second] = waiting
  await first!.greet()
  first!.prove()
  first!.send({ t: 'list' })
  await first!.next('frontiers')
  await RawClient.connect(hub.url, keyOf('takes the place of the first'))
  await RawClient.ready(hub.url, keyOf('takes the place of the second'))
  assert.ok((await second!.closed).code !== 1000)
  first!.send({ t: 'list' })
  await first!.next('frontiers')
  for (const client of waiting) client.terminate()
})

test('a thousand sockets of one address take nobody’s place', async () => {
  await using hub = await listen()
  const sockets: net.Socket[] = []
  for (let i = 0; i < connectionsMax; i += 1) {
    const socket = net.connect(portOf(hub), '127.0.0.1')
    socket.on('error', () => {})
    sockets.push(socket)
    if (i % 100 === 99) await once(socket, 'connect')
  }
  const request = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
  assert.match((await answerTo(hub, request)).answer, /^HTTP\/1\.1 200 /)
  await RawClient.ready(hub.url, keyOf('client'))
  for (const socket of sockets) socket.destroy()
})

test('headers of exactly as many bytes as may be are read, and one more is refused', async () => {
  await using hub = await listen()
  for (const path of ['/healthz', '/healthz?x=1', `/healthz?${'x'.repeat(3000)}`]) {
    // What counts: the target, and each header's name and value.
    const counted = [path, 'Host', 'localhost', 'Connection', 'close', 'X'].join('').length
    const request = (bytes: number): string =>
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: ${'a'.repeat(bytes - counted)}\r\n\r\n`
    assert.match((await answerTo(hub, request(headerBytesMax))).answer, /^HTTP\/1\.1 [24]00 /)
    const { answer } = await answerTo(hub, request(headerBytesMax + 1))
    assert.ok(answer === '' || answer.startsWith('HTTP/1.1 431 '), answer)
  }
})

test('a body of exactly as many bytes as may be is dropped where nobody reads it, and one more is refused at once', async () => {
  await using hub = await listen()
  const head = (method: string, target: string, bytes: number): string =>
    `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${bytes}\r\n\r\n`
  for (const [method, path, status] of [
    ['GET', '/healthz', 200],
    ['OPTIONS', '/entries', 204],
    ['POST', '/healthz', 405],
    ['GET', '/nowhere', 404],
  ] as const) {
    const most = await answerTo(hub, head(method, path, bodyBytesMax) + 'a'.repeat(bodyBytesMax))
    assert.match(most.answer, new RegExp(`^HTTP/1\\.1 ${status} `))
    // Not a byte of it is sent: the announcement is enough.
    const more = await answerTo(hub, head(method, path, bodyBytesMax + 1))
    assert.match(more.answer, /^HTTP\/1\.1 413 /)
  }
})

test('an upgrade without the subprotocol is refused, also when its sender is gone before the answer', async () => {
  await using hub = await listen()
  const upgrade = [
    'GET / HTTP/1.1',
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    '\r\n',
  ].join('\r\n')
  assert.match((await answerTo(hub, upgrade)).answer, /^HTTP\/1\.1 400 /)
  for (let i = 0; i < 20; i += 1) {
    const socket = net.connect(portOf(hub), '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(upgrade)
    socket.resetAndDestroy()
  }
  const badKey = upgrade
    .replace('Host: localhost', 'Host: localhost\r\nSec-WebSocket-Protocol: replica.sync.v1')
    .replace('dGhl', '')
  assert.match((await answerTo(hub, badKey)).answer, /^HTTP\/1\.1 400 /)
  const client = await RawClient.ready(hub.url, keyOf('client'))
  client.close()
  await client.closed
  await until(() => hub.sessions === 0)
})

test('a request for a path that is no path is answered and harms nobody', async () => {
  await using hub = await listen()
  for (const path of ['//', '//[', '/%', 'http://', '*', '/healthz/../x']) {
    const { answer } = await answerTo(hub, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 4\d\d /, path)
  }
  const { answer } = await answerTo(hub, 'GET /healthz?x=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  assert.match(answer, /^HTTP\/1\.1 200 /)
})

test('a hub that stops ends its sessions with 1001 and takes no more', async () => {
  const hub = await listen()
  const client = await RawClient.ready(hub.url, keyOf('client'))
  client.send({ t: 'list' })
  await client.next('frontiers')
  const { url } = hub
  const closing = hub.close()
  assert.equal(await client.closed, { code: 1001, error: undefined })
  await closing
  assert.is(await connect(url).catch(code), 'ERR_SYNC_CONNECT')
})

test('headers that never end are let go when their time is over', async () => {
  const { answer, ms } = await slowHeader
  assert.ok(answer === '' || answer.startsWith('HTTP/1.1 408 '), answer)
  assert.ok(ms > headerMsMax - 1000 && ms < headerMsMax + 5000, `${ms} ms`)
  await (await slowHub).close()
})

test.run()
