// Delays of links: their bounds, and the refusals with the longest delays.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ErrorCode, ReplicaError } from '../../src/base/errors.ts'
import { LINK_LIMITS } from '../../src/base/limits.ts'
import { reconnectDelayMs, reopenDelayMs } from '../../src/replica/links/backoff.ts'

const test = suite('replica/backoff')

const { retryMsMin, retryMsMax, refusedMsMax, reopenMsMin, reopenMsMax } = LINK_LIMITS
const least = (): number => 0
const most = (): number => 1 - 2 ** -53
const down = new ReplicaError('ERR_SYNC_CONNECT', 'down')

test('a delay is at least the minimum and jittered, and its bound doubles up to the maximum', () => {
  const bounds = Array.from({ length: 12 }, (_, failures) => Math.round(reconnectDelayMs(failures, down, most)))
  assert.equal(bounds.slice(0, 7), [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000])
  assert.ok(bounds.slice(6).every(ms => ms === retryMsMax))
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

test('a refusal that only a person can change is retried after about the longest delay', () => {
  const lasting: ErrorCode[] = ['ERR_SYNC_AUTH', 'ERR_SYNC_REMOTE', 'ERR_SYNC_VERSION', 'ERR_PEER_URL']
  for (const code of lasting) {
    const error = new ReplicaError(code, 'no')
    assert.is(reconnectDelayMs(0, error, least), 0.75 * retryMsMax, code)
    assert.ok(reconnectDelayMs(0, error, most) <= retryMsMax, code)
  }
})

test('channels are reopened within their bounds', () => {
  assert.is(reopenDelayMs(least), reopenMsMin)
  assert.ok(reopenDelayMs(most) <= reopenMsMax)
})

test.run()
