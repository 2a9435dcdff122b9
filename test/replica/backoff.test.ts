// Delays of links: their bounds, and the refusals with the longest delays.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ErrorCode, ReplicaError } from '../../src/base/errors.ts'
import { LINK_LIMITS } from '../../src/base/limits.ts'
import { reconnectDelayMs, reopenDelayMs } from '../../src/replica/links/backoff.ts'
import { SuspensionWatch } from '../../src/replica/links/suspension-watch.ts'

const test = suite('replica/backoff')

const { retryMsMin, retryMsMax, patientMsMax, refusedMsMax, reopenMsMin, reopenMsMax } = LINK_LIMITS
const least = (): number => 0
const most = (): number => 1 - 2 ** -53
const down = new ReplicaError('ERR_SYNC_CONNECT', 'down')

test('a delay is at least the minimum and jittered, and its bound doubles up to the maximum', () => {
  const bounds = Array.from({ length: 12 }, (_, failures) => Math.round(reconnectDelayMs(failures, down, most)))
  assert.equal(bounds.slice(0, 4), [1000, 2000, 4000, 4000])
  assert.ok(bounds.slice(2).every(ms => ms === retryMsMax))
  assert.ok(retryMsMax < 5000, 'a link is back within 5 s of its peer')
  for (const failures of [0, 5, 1_000_000]) assert.is(reconnectDelayMs(failures, down, least), retryMsMin)
})

test('an unregistered peer retries soon, and then with delays well below half a minute', () => {
  for (const code of ['ERR_SYNC_FORBIDDEN', 'ERR_FRONTIER_UNKNOWN'] as const) {
    const refused = new ReplicaError(code, 'not yet')
    const bounds = Array.from({ length: 8 }, (_, refusals) => Math.round(reconnectDelayMs(refusals, refused, most)))
    assert.equal(bounds, [1000, 2000, 4000, 8000, refusedMsMax, refusedMsMax, refusedMsMax, refusedMsMax], code)
    assert.is(reconnectDelayMs(9, refused, least), retryMsMin)
  }
  assert.ok(refusedMsMax <= 20_000)
})

test('a peer without a free place is dialed with delays up to a minute', () => {
  const busy = new ReplicaError('ERR_SYNC_BUSY', 'full')
  const bounds = Array.from({ length: 8 }, (_, failures) => Math.round(reconnectDelayMs(failures, busy, most)))
  assert.equal(bounds, [1000, 2000, 4000, 8000, 16_000, 32_000, patientMsMax, patientMsMax])
})

test('a refusal that only a person can change is retried after about the longest delay', () => {
  const lasting: ErrorCode[] = ['ERR_SYNC_AUTH', 'ERR_SYNC_REMOTE', 'ERR_SYNC_VERSION', 'ERR_PEER_URL']
  for (const code of lasting) {
    const error = new ReplicaError(code, 'no')
    assert.is(reconnectDelayMs(0, error, least), 0.75 * patientMsMax, code)
    assert.ok(reconnectDelayMs(0, error, most) <= patientMsMax, code)
  }
})

test('a look at the clock that is 5 s late is a suspension, and is told once', () => {
  let wallMs = 1_000_000
  let resumed = 0
  let fire = (): void => {}
  const timer = { restart: () => {}, stop: () => {} }
  const setTimer = (_: number, onTimeout: () => void) => {
    fire = onTimeout
    return timer
  }
  const watch = new SuspensionWatch({ setTimer, wallMs: () => wallMs }, () => {
    resumed += 1
  })
  watch.start()
  const look = (ms: number): number => {
    wallMs += ms
    fire()
    return resumed
  }
  assert.equal([1000, 1000, 5900, 1000, 6000, 1000, 3_600_000, 1000].map(look), [0, 0, 0, 0, 1, 1, 2, 2])
  watch.stop()
})

test('channels are reopened within their bounds', () => {
  assert.is(reopenDelayMs(least), reopenMsMin)
  assert.ok(reopenDelayMs(most) <= reopenMsMax)
})

test.run()
