// Emitter, LRU map, wake-up signal and binary search.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { lowerBound } from '../../src/base/binary-search.ts'
import { Emitter } from '../../src/base/emitter.ts'
import { LruMap } from '../../src/base/lru-map.ts'
import { aborted, Signal } from '../../src/base/signal.ts'

const test = suite('base/primitives')

test('an emitter calls listeners in order, until they unsubscribe', () => {
  const emitter = new Emitter<number>()
  const heard: string[] = []
  const listener = (value: number): void => void heard.push(`a${value}`)
  const off = emitter.on(listener)
  const offAgain = emitter.on(listener)
  emitter.on(value => heard.push(`b${value}`))
  emitter.emit(1)
  off()
  off()
  emitter.emit(2)
  offAgain()
  emitter.emit(3)
  assert.equal(heard, ['a1', 'a1', 'b1', 'a2', 'b2', 'b3'])
})

test('an LRU map drops the entry that was used least recently', () => {
  const map = new LruMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  assert.is(map.get('a'), 1)
  map.set('c', 3)
  assert.is(map.get('b'), undefined)
  assert.is(map.size, 2)
  map.set('a', 0)
  map.set('d', 4)
  assert.ok(map.has('a'))
  assert.not.ok(map.has('c'))
  assert.is(map.get('a'), 0)
})

test('a signal wakes all that wait, and forgets a notification that nobody waits for', async () => {
  const signal = new Signal()
  const woken: string[] = []
  signal.notify()
  const waits = ['a', 'b'].map(name => signal.wait().then(() => woken.push(name)))
  await Promise.resolve()
  assert.equal(woken, [])
  signal.notify()
  await Promise.all(waits)
  assert.equal(woken, ['a', 'b'])
})

test('aborted() resolves whether the signal fires before or after the call', async () => {
  const controller = new AbortController()
  const before = aborted(controller.signal)
  controller.abort()
  await before
  await aborted(controller.signal)
})

test('lowerBound finds the first index that is not before', () => {
  const ascending = [1, 3, 3, 5]
  const found = [0, 1, 2, 3, 4, 5, 6].map(value => lowerBound(ascending.length, index => ascending[index]! < value))
  assert.equal(found, [0, 0, 1, 1, 3, 3, 4])
  assert.is(
    lowerBound(0, () => true),
    0,
  )
})

test.run()
