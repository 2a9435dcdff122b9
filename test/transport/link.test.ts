// Links: the in-memory pipe and the inbox that both kinds share.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/base/bytes.ts'
import { BUFFERED_HIGH, closeError, Inbox, memoryLinkPair } from '../../src/transport/link.ts'

const test = suite('transport/link')

const text = (frame: Uint8Array | undefined): string | undefined => frame && Buffer.from(frame).toString('utf8')
const code = (error: { code?: string }): string | undefined => error.code

test('frames arrive in order, both ways', async () => {
  const [a, b] = memoryLinkPair()
  for (const word of ['one', 'two', 'three']) a.send(utf8(word))
  b.send(utf8('back'))
  assert.equal([text(await b.next()), text(await b.next()), text(await b.next())], ['one', 'two', 'three'])
  assert.is(text(await a.next()), 'back')
})

test('what was sent before a close still arrives, and the end says how it was', async () => {
  const [a, b] = memoryLinkPair()
  a.send(utf8('last words'))
  a.close(1000, '')
  a.send(utf8('too late'))
  assert.is(text(await b.next()), 'last words')
  assert.is(await b.next(), undefined)
  assert.is(await a.next(), undefined)
})

test('a close out of order is an error to the other side alone', async () => {
  const [a, b] = memoryLinkPair()
  a.close(4409, 'ERR_SYNC_ORDER')
  const error = await b.next().catch((failure: Error) => failure)
  assert.match((error as Error).message, 'code 4409: ERR_SYNC_ORDER')
  assert.is(await a.next(), undefined)
})

test('a writer waits once much is buffered, until the reader has taken enough', async () => {
  const [a, b] = memoryLinkPair()
  const frame = Buffer.alloc(BUFFERED_HIGH / 2)
  a.send(frame)
  a.send(frame)
  await a.drained()
  a.send(Uint8Array.of(1))
  let isDrained = false
  const drained = a.drained().then(() => {
    isDrained = true
  })
  await new Promise(resolve => setImmediate(resolve))
  assert.is(isDrained, false)
  await b.next()
  await drained
  assert.is(a.buffered, BUFFERED_HIGH / 2 + 1)
})

test('the end of a link releases whoever waits for it to drain', async () => {
  const [a, b] = memoryLinkPair()
  a.send(Buffer.alloc(BUFFERED_HIGH + 1))
  const drained = a.drained()
  b.close(1000, '')
  await drained
})

test('a frame may be lost, come twice, or be the last', async () => {
  const fates = ['drop', 'duplicate', 'deliver', 'cut'] as const
  const [a, b] = memoryLinkPair({ fate: (_frame, _from, index) => fates[index]! })
  for (const word of ['lost', 'twice', 'once', 'never']) a.send(utf8(word))
  assert.equal([text(await b.next()), text(await b.next()), text(await b.next())], ['twice', 'twice', 'once'])
  assert.is(await b.next().catch(code), 'ERR_SYNC_CLOSED')
  assert.is(await a.next().catch(code), 'ERR_SYNC_CLOSED')
})

test('what is lost or comes twice is counted once as buffered', async () => {
  const fates = ['drop', 'duplicate'] as const
  const [a, b] = memoryLinkPair({ fate: (_frame, _from, index) => fates[index]! })
  a.send(Buffer.alloc(100))
  a.send(Buffer.alloc(10))
  await b.next()
  await b.next()
  assert.is(a.buffered, 0)
})

test('an inbox gives frames first and then its end, and has one reader', async () => {
  const inbox = new Inbox()
  inbox.push(utf8('one'))
  const failure = closeError(1006, '')
  inbox.end(failure)
  inbox.push(utf8('after the end'))
  assert.is(text(await inbox.next()), 'one')
  assert.is(await inbox.next().catch(error => error), failure)
  const empty = new Inbox()
  const waiting = empty.next()
  assert.throws(() => empty.next(), /one reader/)
  empty.end(undefined)
  assert.is(await waiting, undefined)
})

test('an inbox counts what tiny frames take besides their bytes', async () => {
  const inbox = new Inbox()
  for (let i = 0; i < 1000; i += 1) inbox.push(Uint8Array.of(1))
  assert.ok(inbox.bytes > 100_000)
  for (let i = 0; i < 1000; i += 1) await inbox.next()
  assert.is(inbox.bytes, 0)
})

test('close codes say what they mean', () => {
  assert.is(closeError(1000, ''), undefined)
  assert.is(closeError(1001, 'stopping'), undefined)
  assert.is(closeError(1009, '')?.code, 'ERR_SYNC_LIMIT')
  assert.is(closeError(1013, '')?.code, 'ERR_SYNC_BUSY')
  assert.is(closeError(4503, '')?.code, 'ERR_SYNC_BUSY')
  assert.is(closeError(1006, '')?.code, 'ERR_SYNC_CLOSED')
})

test.run()
