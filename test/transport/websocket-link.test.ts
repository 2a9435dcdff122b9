// WebSockets as links, over real sockets on this machine.

import * as http from 'node:http'
import * as net from 'node:net'
import { mock } from 'node:test'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/base/bytes.ts'
import { SOCKET_LIMITS, WIRE_LIMITS } from '../../src/base/limits.ts'
import { isLoopback } from '../../src/base/loopback.ts'
import { BUFFERED_HIGH, type Link } from '../../src/transport/link.ts'
import { connect } from '../../src/transport/websocket-link.ts'
import { keyOf } from '../sync/local.ts'
import { RawClient } from '../sync/raw-client.ts'
import { Loopback, until } from './loopback.ts'

const test = suite('transport/websocket-link')
const { frameBytesMax } = WIRE_LIMITS
const { pingMs, pingMissesMax } = SOCKET_LIMITS

const code = (error: { code?: string }): string | undefined => error.code

test('frames cross in order, and both ends know the same host', async () => {
  await using loopback = await Loopback.listen()
  const { near, far } = await loopback.pair()
  assert.is(near.host, far.host)
  assert.equal([near.loopback, far.loopback, near.binding, far.binding], [true, true, undefined, undefined])
  near.link.send(utf8('one'))
  near.link.send(utf8('two'))
  assert.is(Buffer.from((await far.link.next())!).toString(), 'one')
  assert.is(Buffer.from((await far.link.next())!).toString(), 'two')
  near.link.close(1000, '')
  assert.is(await far.link.next(), undefined)
})

test('a frame as large as may be crosses, and one byte more ends the link at both ends', async () => {
  await using loopback = await Loopback.listen()
  const { near, far } = await loopback.pair()
  near.link.send(Buffer.alloc(frameBytesMax, 7))
  assert.is((await far.link.next())?.length, frameBytesMax)
  near.link.send(Buffer.alloc(frameBytesMax + 1, 7))
  assert.is(await far.link.next().catch(code), 'ERR_SYNC_LIMIT')
  assert.is(await near.link.next().catch(code), 'ERR_SYNC_LIMIT')
})

test('a reader that stops makes the writer wait, and what has arrived stays bounded', async () => {
  await using loopback = await Loopback.listen()
  const { near, far } = await loopback.pair()
  const frame = Buffer.alloc(256 * 1024)
  let sent = 0
  const writing = (async () => {
    for (; sent < 200; sent += 1) {
      await near.link.drained()
      near.link.send(frame)
    }
  })()
  await settled(() => sent)
  assert.ok(sent < 200, 'the writer never waited')
  assert.ok(near.link.buffered <= BUFFERED_HIGH + frame.length, `${near.link.buffered} bytes buffered`)
  for (let i = 0; i < 200; i += 1) await far.link.next()
  await writing
  await until(() => near.link.buffered === 0)
})

/** Waits until a number has not moved for a good many turns of the event loop. */
async function settled(value: () => number): Promise<void> {
  for (let quiet = 0, last = value(); quiet < 3000; quiet += 1) {
    await new Promise(resolve => setImmediate(resolve))
    if (value() !== last) quiet = 0
    last = value()
  }
}

test('the end of a connection releases a writer that waits', async () => {
  await using loopback = await Loopback.listen()
  const { near, far } = await loopback.pair()
  const fill = async (link: Link): Promise<void> => {
    for (let i = 0; i < 100; i += 1) {
      await link.drained()
      link.send(Buffer.alloc(256 * 1024))
    }
  }
  const filling = fill(near.link)
  await settled(() => near.link.buffered)
  far.link.close(1000, '')
  await filling
})

test('a peer that answers no pings and sends nothing is let go, and one that does either is not', async () => {
  mock.timers.enable({ apis: ['setInterval'] })
  try {
    await using loopback = await Loopback.listen()
    const { near, far: other } = await loopback.pair()
    const deaf = await RawClient.connect(loopback.url, keyOf('deaf'))
    const far = await loopback.accept()
    const slow = await RawClient.connect(loopback.url, keyOf('slow'))
    const { link } = await loopback.accept()
    const failures: { deaf?: string | undefined; slow?: string | undefined } = {}
    far.link.next().catch(error => {
      failures.deaf = code(error)
    })
    link.next().catch(error => {
      failures.slow = code(error)
    })
    deaf.pause()
    slow.pause()
    const beat = async (): Promise<void> => {
      const before = link.receivedBytes
      slow.sendPart(Buffer.alloc(10))
      await until(() => link.receivedBytes >= before + 10)
      mock.timers.tick(pingMs)
      await turns(200)
    }
    for (let i = 0; i < pingMissesMax; i += 1) await beat()
    assert.equal(failures, {})
    await beat()
    await until(() => failures.deaf !== undefined)
    for (let i = 0; i < 2 * pingMissesMax; i += 1) await beat()
    assert.equal(failures, { deaf: 'ERR_SYNC_TIMEOUT' })
    near.link.send(utf8('still here'))
    assert.is((await other.link.next())?.length, 10)
    // What lies behind the pings has not arrived; once they are answered it has, and pongs are no messages.
    assert.is(link.isBackedUp, true)
    const before = link.receivedBytes
    slow.resume()
    await until(() => !link.isBackedUp)
    assert.is(link.receivedBytes, before)
    deaf.terminate()
    slow.terminate()
  } finally {
    mock.timers.reset()
  }
})

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise(resolve => setImmediate(resolve))
}

test('an address that is none, or not of this kind, is refused before anything is dialled', async () => {
  assert.is(await connect('not an address').catch(code), 'ERR_PEER_URL')
  assert.is(await connect('ftp://hub.example').catch(code), 'ERR_PEER_URL')
})

test('nobody there, somebody else there, and no room there are told apart', async () => {
  const server = http.createServer((_request, response) => response.end('hello'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `ws://127.0.0.1:${(server.address() as net.AddressInfo).port}`
  server.on('upgrade', (request, socket) => {
    const status = request.url === '/full' ? '503 Service Unavailable' : '404 Not Found'
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`)
  })
  assert.is(await connect(`${url}/full`).catch(code), 'ERR_SYNC_BUSY')
  assert.is(await connect(`${url}/other`).catch(code), 'ERR_SYNC_CONNECT')
  await new Promise(resolve => server.close(resolve))
  assert.is(await connect(url).catch(code), 'ERR_SYNC_CONNECT')
})

test('connecting can be given up, before and in the middle', async () => {
  assert.is(await connect('ws://127.0.0.1:1', { signal: AbortSignal.abort() }).catch(code), 'ERR_ABORTED')
  const silent = net.createServer()
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  const stop = new AbortController()
  const sockets: net.Socket[] = []
  silent.on('connection', socket => {
    sockets.push(socket)
    stop.abort()
  })
  const { port } = silent.address() as net.AddressInfo
  assert.is(await connect(`ws://127.0.0.1:${port}`, { signal: stop.signal }).catch(code), 'ERR_ABORTED')
  for (const socket of sockets) socket.destroy()
  await new Promise(resolve => silent.close(resolve))
})

test('loopback addresses are known as such', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopback(address), address)
  for (const address of ['10.0.0.1', '::2', undefined, '127.0.0.1.example']) {
    assert.not.ok(isLoopback(address), String(address))
  }
})

test.run()
