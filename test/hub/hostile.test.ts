// Requests that nobody honest sends, over real sockets, against one hub that has to stay up: paths, methods, lengths, bodies
// that come slowly or never, and the torture files of JSON parsers. One test waits for a real limit of fifteen seconds.

import { once } from 'node:events'
import * as fs from 'node:fs'
import * as net from 'node:net'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HTTP_LIMITS, SOCKET_LIMITS } from '../../src/base/limits.ts'
import { shared, skip } from '../shared-data.ts'
import { answerTo, type Json, request, type Served, serve } from './site.ts'

const test = suite('hub/hostile')

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0)

async function isUp(site: Served): Promise<void> {
  assert.is((await site.get('/healthz')).status, 200)
  assert.is((await site.get(`/entries/${site.frontier}`)).status, 200)
}

// Begun now, looked at last.
const slowSite = serve()
const slowBody = slowSite.then(async site => {
  const started = performance.now()
  const head = request('POST /entries HTTP/1.1', 'Content-Type: application/json', 'Content-Length: 100')
  const answer = await answerTo(site.base, head, '{"slow":')
  return { answer, ms: performance.now() - started }
})

test('a path that names nothing is not found, whatever it is made of', async () => {
  await using site = await serve()
  const paths = [
    '/entries/',
    '//entries',
    '/entries//',
    `/entries/${site.frontier}/`,
    `/entries/${site.frontier}/snapshot/`,
    `//${site.frontier}`,
    '/x/../entries',
    '/x/%2e%2e/entries',
    '/entries/%00',
    '/entries%00',
    '/entries;x=1',
    '/Entries',
    '/entries/../../etc/passwd',
    '/manifest/../key',
    '/manifest/.json',
    '/manifest/.sig',
    `/manifest/${site.frontier}`,
    `/manifest/${site.frontier}.json.sig`,
    `/manifest/${site.frontier}%2fx.json`,
    '/blocks/',
    '/blocks/..',
    '/blocks/%2e%2e%2f%2e%2e%2fkey',
    '/frontiers/heads',
    '/.well-known',
    '/.well-known/',
    '/.git/config',
    '/key',
    '/%ff',
    '/%',
    '/%zz',
    '/%e0%a4%a',
    '/entries/%F0%9F%92%A9',
    `/${'a'.repeat(7000)}`,
    `/${'a/'.repeat(3500)}`,
    `/entries/${'%41'.repeat(2000)}`,
    `/entries?${'a=1&'.repeat(HTTP_LIMITS.parametersMax)}b=1`,
    '/entries?limit=%',
    '/entries?limit=1&limit=1',
    '/entries?__proto__=1&__proto__=2',
  ]
  for (const target of paths) {
    const answer = await answerTo(site.base, request(`GET ${target} HTTP/1.1`))
    const status = statusOf(answer)
    assert.ok(status === 400 || status === 404, `${target.slice(0, 60)}: ${answer.slice(0, 80)}`)
    assert.match(answer, 'application/problem+json')
    const problem = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Json
    assert.is(problem.status, status)
    assert.match(problem.code, /^ERR_/)
    assert.ok(JSON.stringify(problem).length < 600, target.slice(0, 60))
  }
  await isUp(site)
})

test('the absolute form of a target names the same path, and other forms name none', async () => {
  await using site = await serve()
  const ask = async (target: string): Promise<number> =>
    statusOf(await answerTo(site.base, request(`GET ${target} HTTP/1.1`)))
  assert.is(await ask(`http://other.example/entries/${site.frontier}`), 200)
  assert.is(await ask('HTTPS://[::1]:7/healthz?x'), 200)
  assert.is(await ask('/%65ntries'), 200)
  for (const target of ['*', 'http://', 'http:///healthz', 'ftp://x/healthz', 'healthz', '/healthz#x', '?x'])
    assert.ok([0, 400, 404].includes(await ask(target)), target)
  await isUp(site)
})

test('a method that a path does not answer is told which it does', async () => {
  await using site = await serve()
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND', 'QUERY']) {
    const answer = await answerTo(
      site.base,
      request(`${method} /entries/${site.frontier} HTTP/1.1`, 'Content-Length: 0'),
    )
    if (statusOf(answer) === 400) continue // a method that this Node's parser doesn't know
    assert.is(statusOf(answer), 405, method)
    assert.match(answer, 'allow: GET, HEAD, OPTIONS\r\n')
  }
  assert.match(await answerTo(site.base, request('DELETE /entries HTTP/1.1')), 'allow: GET, HEAD, OPTIONS, POST\r\n')
  for (const line of [
    'BREW /entries HTTP/1.1',
    'GET /entries HTTP/9.9',
    'GET /entries',
    'get /entries HTTP/1.1',
    '\0\0\0',
  ]) {
    const answer = await answerTo(site.base, request(line))
    assert.ok([0, 200, 400, 405, 505].includes(statusOf(answer)), `${line}: ${answer.slice(0, 60)}`)
  }
  const connect = await answerTo(site.base, request('CONNECT x:1 HTTP/1.1'))
  assert.ok([0, 400, 404, 405].includes(statusOf(connect)), connect.slice(0, 60))
  await isUp(site)
})

test('wrong lengths, broken chunks and smuggled requests end the connection and nothing else', async () => {
  await using site = await serve()
  const post = (...headers: string[]): string =>
    request('POST /entries HTTP/1.1', 'Content-Type: application/json', ...headers)
  const cases: [string, ...string[]][] = [
    [post('Content-Length: -1'), '{}'],
    [post('Content-Length: 1e3'), '{}'],
    [post('Content-Length: 2', 'Content-Length: 3'), '{}'],
    [post('Content-Length: 2', 'Transfer-Encoding: chunked'), '0\r\n\r\n'],
    [post('Content-Length: 99999999999999999999'), '{}'],
    [post(`Content-Length: ${HTTP_LIMITS.publishBytesMax + 1}`), '{}'],
    [post('Transfer-Encoding: chunked'), 'zz\r\n{}\r\n0\r\n\r\n'],
    [post('Transfer-Encoding: chunked'), 'ffffffffffffffff\r\n{}'],
    [post('Transfer-Encoding: chunked'), '-1\r\n{}\r\n0\r\n\r\n'],
    [post('Transfer-Encoding: gzip, chunked'), '2\r\n{}\r\n0\r\n\r\n'],
    [post('Transfer-Encoding: xchunked'), '2\r\n{}\r\n0\r\n\r\n'],
    [post('Content-Length: 2', 'Content-Encoding: gzip'), '{}'],
    [post('Content-Length: 0')],
    [request('GET /healthz HTTP/1.1', 'Content-Length: 70000'), 'x'.repeat(70_000)],
    [request('POST /nothing HTTP/1.1', 'Content-Length: 100000'), 'x'.repeat(SOCKET_LIMITS.bodyBytesMax + 10)],
  ]
  for (const [head, ...rest] of cases) {
    const answer = await answerTo(site.base, head, ...rest)
    assert.ok([0, 200, 400, 404, 408, 413, 501].includes(statusOf(answer)), `${head}: ${answer.slice(0, 100)}`)
    assert.ok((answer.match(/HTTP\/1\.1 /g) ?? []).length <= 1, `one answer: ${answer.slice(0, 200)}`)
  }
  await isUp(site)
})

test('no file that JSON parsers fail on is taken for an entry', async () => {
  const folder = shared('vectors/json-test-suite/test_parsing')
  if (folder === undefined)
    return skip('no file that JSON parsers fail on is taken for an entry', '../shared is absent')
  await using site = await serve()
  let asked = 0
  for (const name of fs.readdirSync(folder)) {
    const body = fs.readFileSync(path.join(folder, name))
    const around = Buffer.concat([
      Buffer.from('{"substrate":'),
      body,
      Buffer.from(',"schema":"vela.registry-entry.v0.1"}'),
    ])
    for (const sent of [body, around]) {
      const answer = await site.post('/entries', sent)
      assert.is(answer.status, 400, name)
      assert.match(((await answer.json()) as Json).code, /^ERR_(?:JSON|ENTRY)$/, name)
      asked += 1
    }
  }
  assert.ok(asked > 600)
  await isUp(site)
})

test('a body nested without end is refused at once', async () => {
  await using site = await serve()
  for (const piece of ['[', '{"a":']) {
    const answer = await site.post('/entries', piece.repeat(2_000_000))
    assert.is(answer.status, 400)
  }
  await isUp(site)
})

test('readers that ask for whole frontiers and read nothing cost no memory of their own, and so many may', async () => {
  await using site = await serve()
  const text = 'y'.repeat(900_000)
  const target = { type: 'finding', id: 'vf_04f7f6513eaa1b4d' }
  for (let i = 0; i < 20; i += 1) {
    const note = {
      kind: 'finding.noted',
      target,
      actor: { id: 'reviewer:one' },
      reason: `large ${i}`,
      payload: { text },
    }
    await site.hub.replica.append(site.frontier, note)
  }
  const file = `/entries/${site.frontier}/snapshot`
  const whole = (await (await site.get(file)).arrayBuffer()).byteLength
  assert.ok(whole > 18_000_000)
  const sockets: net.Socket[] = []
  const ask = async (): Promise<string> => {
    const socket = net.connect(Number(new URL(site.base).port), '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => {})
    socket.write(request(`GET ${file} HTTP/1.1`))
    await once(socket, 'readable')
    return String(socket.read(12)) // and no more
  }
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < HTTP_LIMITS.answersPerAddressMax; i += 1) assert.is(await ask(), 'HTTP/1.1 200')
  // Each of them whole would be 18 MB: 288 MB in all. What is counted holds the buffers of both ends.
  const grown = process.memoryUsage().arrayBuffers - before
  assert.ok(grown < 60_000_000, `${grown} bytes`)
  assert.is(await ask(), 'HTTP/1.1 503')
  assert.is((await site.get('/healthz')).status, 200)
  for (const socket of sockets) socket.destroy()
  while ((await site.get(`/entries/${site.frontier}`)).status === 503); // the hub has to see their ends first
  await isUp(site)
})

test('what can’t be read as a request is told so, once, and the connection ends', async () => {
  await using site = await serve()
  const cases: [number, ...string[]][] = [
    [400, 'BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    [400, request('GET /healthz HTTP/1.1', 'X: a\0b')],
    [400, request('POST /entries HTTP/1.1', 'Content-Length: 4', 'Transfer-Encoding: chunked'), '0\r\n\r\n'],
    [431, request('GET /healthz HTTP/1.1', ...Array.from({ length: 6000 }, () => 'a: b'))],
  ]
  for (const [status, ...pieces] of cases) {
    const answer = await answerTo(site.base, ...pieces)
    assert.is(statusOf(answer), status, answer)
    assert.is(answer.match(/HTTP\/1\.1 /g)?.length, 1)
    assert.match(answer, 'content-type: application/problem+json\r\n')
    const problem = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Json
    assert.equal([problem.status, problem.code], [status, status === 431 ? 'ERR_HTTP_LIMIT' : 'ERR_HTTP_REQUEST'])
  }
  await isUp(site)
})

test('what can’t be read behind a good request doesn’t spoil its answer', async () => {
  await using site = await serve()
  const good = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const answer = await answerTo(site.base, good, 'BREW / HTTP/1.1\r\n\r\n')
  const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(match => match[1])
  assert.ok(['200,400', '400'].includes(statuses.join()), answer)
  await isUp(site)
})

test('a body that never ends is let go when its time is over', async () => {
  const { answer, ms } = await slowBody
  assert.ok(answer === '' || statusOf(answer) === 408, answer)
  assert.ok(ms > SOCKET_LIMITS.bodyMsMax - 1000 && ms < SOCKET_LIMITS.bodyMsMax + 8000, `${ms} ms`)
  await isUp(await slowSite)
  await (await slowSite).hub.close()
})

test.run()
