// Signs of life on a connection, and how they keep a session waiting: without sockets and without a clock.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SOCKET_LIMITS } from '../../src/base/limits.ts'
import { KeepAlive } from '../../src/transport/keepalive.ts'
import { SessionTimeouts } from '../../src/transport/session-timeouts.ts'
import { Alarms } from '../sync/raw-peer.ts'

const test = suite('transport/keepalive')
const { pingMissesMax, idleMsMax } = SOCKET_LIMITS
const reading = { isReading: true, drained: 0 }

/** Beats until nothing more is hoped for. */
function beats(keepAlive: KeepAlive, state: (beat: number) => Parameters<KeepAlive['tick']>[0]): number {
  for (let count = 0; count < 20; count += 1) if (keepAlive.tick(state(count)) === undefined) return count
  return Number.POSITIVE_INFINITY
}

test('a side that hears nothing gives up after so many pings, whatever the network takes', () => {
  assert.is(
    beats(new KeepAlive(), () => reading),
    pingMissesMax,
  )
  assert.is(
    beats(new KeepAlive(), beat => ({ isReading: true, drained: beat })),
    pingMissesMax,
  )
})

test('a side that does not read goes on while the network takes what it sends', () => {
  assert.is(
    beats(new KeepAlive(), beat => ({ isReading: false, drained: beat })),
    Number.POSITIVE_INFINITY,
  )
  assert.is(
    beats(new KeepAlive(), () => ({ isReading: false, drained: 7 })),
    pingMissesMax,
  )
})

test('a byte of anything begins the count of misses again', () => {
  const keepAlive = new KeepAlive()
  for (let i = 0; i < 10; i += 1) {
    assert.type(keepAlive.tick(reading), 'number')
    keepAlive.onData(1)
  }
  assert.is(
    beats(keepAlive, () => reading),
    pingMissesMax,
  )
})

test('pings and pongs are no bytes of messages, and the answer to the last ping answers all', () => {
  const keepAlive = new KeepAlive()
  keepAlive.onData(110)
  keepAlive.onControlFrame(10)
  assert.is(keepAlive.messageBytes, 100)
  const [, second] = [keepAlive.tick(reading), keepAlive.tick(reading)]
  assert.is(keepAlive.isBackedUp, true)
  keepAlive.onPong(99) // of a ping that was never sent
  assert.is(keepAlive.isBackedUp, true)
  keepAlive.onPong(second!)
  assert.is(keepAlive.isBackedUp, false)
})

test('a session waits while a message is coming or what was sent is not there, and is late when neither is so', () => {
  const link = { receivedBytes: 0, isBackedUp: false }
  const alarms = new Alarms()
  let late: string | undefined
  const onLate = (error: { code: string }): void => {
    late = error.code
  }
  const timeouts = new SessionTimeouts({ setTimer: alarms.set, link, mayBeSilent: () => false, onTimeout: onLate })
  timeouts.onHandshake()
  link.receivedBytes = 10
  alarms.ring(idleMsMax)
  link.isBackedUp = true
  alarms.ring(idleMsMax)
  alarms.ring(idleMsMax)
  link.isBackedUp = false
  assert.is(late, undefined)
  alarms.ring(idleMsMax)
  assert.is(late, 'ERR_SYNC_TIMEOUT')
  timeouts.stop()
})

test.run()
