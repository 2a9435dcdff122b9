// Web pages of other sites at a hub on a loopback address: names, origins, WebSockets.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { answerTo, type Served, serve } from './site.ts'

const test = suite('hub/browser')

async function statusOf(site: Served, headers: readonly string[], method = 'GET'): Promise<number> {
  const answer = await answerTo(
    site.base,
    [`${method} /entries HTTP/1.1`, ...headers, 'Connection: close', '', ''].join('\r\n'),
  )
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
}

const UPGRADE = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  'Sec-WebSocket-Protocol: replica.sync.v1',
]

async function upgradeOf(site: Served, headers: readonly string[]): Promise<number> {
  const text = ['GET / HTTP/1.1', ...headers, ...UPGRADE, '', ''].join('\r\n')
  const socket = await fetchStatusLine(site.base, text)
  return Number(/^HTTP\/1\.1 (\d+)/.exec(socket)?.[1])
}

/** Returns the first bytes of the answer. */
async function fetchStatusLine(base: string, text: string): Promise<string> {
  const net = await import('node:net')
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(new URL(base).port), '127.0.0.1', () => socket.write(text))
    socket.once('data', bytes => {
      resolve(bytes.toString('latin1'))
      socket.destroy()
    })
    socket.once('error', reject)
  })
}

test('a hub on loopback has loopback names and those that its operator gives it', async () => {
  await using site = await serve({ allowHosts: ['Lab.local', 'hub.example'] })
  const { port } = new URL(site.base)
  for (const host of [`127.0.0.1:${port}`, 'localhost', '[::1]:80', 'hub.example', 'HUB.example:443', 'lab.local']) {
    assert.is(await statusOf(site, [`Host: ${host}`]), 200, host)
  }
  for (const host of ['rebound.example', 'hub.example.evil', '127.0.0.1.evil.example', '']) {
    assert.is(await statusOf(site, [`Host: ${host}`]), 421, host)
  }
  assert.is(await upgradeOf(site, ['Host: rebound.example']), 421)
})

test('two Host headers are refused at every hub', async () => {
  await using site = await serve()
  assert.is(await statusOf(site, ['Host: localhost', 'Host: localhost']), 400)
})

test('a page of another site reads nothing from a hub on loopback unless its origin is allowed', async () => {
  await using site = await serve({ allowOrigins: ['https://desk.example'] })
  const read = async (origin: string) =>
    (await site.get('/entries', { origin })).headers.get('access-control-allow-origin')
  assert.is(await read('https://other.example'), null)
  assert.is(await read('https://desk.example'), 'https://desk.example')
  assert.is((await site.get('/entries', { origin: 'https://desk.example' })).headers.get('vary'), 'Origin')
})

test('a page of another site may neither publish nor open a WebSocket', async () => {
  await using site = await serve({ allowOrigins: ['https://desk.example'] })
  const host = `Host: ${new URL(site.base).host}`
  const json = { 'content-type': 'application/json' }
  const post = async (origin: string) => (await site.post('/entries', '{}', { ...json, origin })).status
  assert.is(await post('https://other.example'), 403)
  assert.is(await post('null'), 403)
  assert.is.not(await post(site.base), 403)
  assert.is.not(await post('https://desk.example'), 403)
  assert.is(await upgradeOf(site, [host, 'Origin: https://other.example']), 403)
  assert.is(await upgradeOf(site, [host, 'Origin: https://desk.example']), 101)
  assert.is(await upgradeOf(site, [host]), 101)
})

test.run()
