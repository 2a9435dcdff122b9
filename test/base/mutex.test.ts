// Order, failure and end of tasks under a mutex; pending requests by name.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/base/errors.ts'
import { Deferred, Mutex, PendingRequests } from '../../src/base/mutex.ts'

const test = suite('base/mutex')

test('a mutex runs tasks one at a time, in the order of the calls', async () => {
  const mutex = new Mutex()
  const first = new Deferred<void>()
  const log: string[] = []
  const runs = [
    mutex.run(async () => {
      log.push('first starts')
      await first.promise
      log.push('first ends')
      return 1
    }),
    mutex.run(async () => {
      log.push('second')
      return 2
    }),
  ]
  await Promise.resolve()
  assert.equal(log, ['first starts'])
  first.resolve()
  assert.equal(await Promise.all(runs), [1, 2])
  assert.equal(log, ['first starts', 'first ends', 'second'])
})

test('a failed task rejects its own caller only', async () => {
  const mutex = new Mutex()
  const fault = new TypeError('no')
  const failed = mutex.run(async () => {
    throw fault
  })
  const next = mutex.run(async () => 'done')
  assert.equal(await Promise.allSettled([failed, next]), [
    { status: 'rejected', reason: fault },
    { status: 'fulfilled', value: 'done' },
  ])
})

test('a closed mutex ends earlier tasks, runs its last one once, and rejects later ones', async () => {
  const mutex = new Mutex()
  const log: string[] = []
  mutex.assertOpen()
  const run = mutex.run(async () => void log.push('task'))
  const closed = mutex.close(async () => void log.push('close'))
  assert.is(
    mutex.close(async () => void log.push('again')),
    closed,
  )
  assert.throws(
    () => mutex.assertOpen(),
    (error: unknown) => hasCode(error, 'ERR_STORE_CLOSED'),
  )
  const late = await mutex.run(async () => {}).catch((error: unknown) => error)
  assert.ok(hasCode(late, 'ERR_STORE_CLOSED'))
  await Promise.all([run, closed])
  assert.equal(log, ['task', 'close'])
})

test('pending requests settle by name, once', async () => {
  const pending = new PendingRequests()
  const [a, b, c] = [pending.add<number>('a'), pending.add('b'), pending.add('c')]
  assert.ok(pending.has('a'))
  assert.is(pending.size, 3)
  pending.resolve('a', 7)
  pending.resolve('a', 8)
  pending.resolve('unknown', 9)
  pending.reject('b', new TypeError('b'))
  pending.rejectAll(new TypeError('all'))
  const settled = await Promise.allSettled([a, b, c])
  assert.equal(
    settled.map(one => (one.status === 'fulfilled' ? one.value : one.reason.message)),
    [7, 'b', 'all'],
  )
  assert.is(pending.size, 0)
})

test.run()
