// Concurrent tasks under a semaphore, and tasks that a tracker counts.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Deferred } from '../../src/base/mutex.ts'
import { Semaphore, TaskTracker } from '../../src/base/semaphore.ts'

const test = suite('base/semaphore')

test('a semaphore starts waiters in order, as permits become free', async () => {
  const semaphore = new Semaphore(2)
  const started: string[] = []
  const third = new Deferred<void>()
  semaphore.acquire(() => started.push('a'))
  semaphore.acquire(() => started.push('b'))
  semaphore.acquire(() => {
    started.push('c')
    third.resolve()
  })
  semaphore.acquire(() => started.push('d'))
  assert.equal(started, ['a', 'b'])
  semaphore.release()
  assert.equal(started, ['a', 'b'])
  await third.promise
  assert.equal(started, ['a', 'b', 'c'])
})

test('a permit that nobody waits for can be taken again', () => {
  const semaphore = new Semaphore(1)
  let starts = 0
  semaphore.acquire(() => starts++)
  semaphore.release()
  semaphore.acquire(() => starts++)
  assert.is(starts, 2)
})

test('a tracker counts running tasks and waits for spawned ones', async () => {
  const tracker = new TaskTracker()
  const task = new Deferred<string>()
  const outcomes: string[] = []
  const tracked = tracker.track(() => task.promise)
  tracker.spawn(
    () => task.promise,
    outcome => outcomes.push(`${outcome}, ${tracker.count} running`),
    () => {},
  )
  tracker.spawn(
    () => Promise.reject(new TypeError('no')),
    () => {},
    error => outcomes.push(`${error}`),
  )
  assert.is(tracker.count, 3)
  task.resolve('done')
  await tracker.settled()
  assert.is(await tracked, 'done')
  assert.is(tracker.count, 0)
  assert.equal(outcomes, ['TypeError: no', 'done, 0 running'])
})

test.run()
