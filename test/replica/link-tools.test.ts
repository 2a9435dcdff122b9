// How long links wait: the bounds of the waits, and which refusals wait longest.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ErrorCode, ReplicaError } from '../../src/errors.ts'
import { LINK_LIMITS } from '../../src/limits.ts'
import { refusedMs, reopenMs, retryMs } from '../../src/replica/link-tools.ts'

const test = suite('replica/link-tools')

const { retryMsMin, retryMsMax, reopenMsMin, reopenMsMax } = LINK_LIMITS
const least = (): number => 0
const most = (): number => 1 - 2 ** -53
const down = new ReplicaError('ERR_SYNC_CONNECT', 'down')

test('a wait is at least the least, and its bound doubles up to the most', () => {
  const bounds = Array.from({ length: 12 }, (_, failures) => Math.round(retryMs(failures, down, most)))
  assert.equal(bounds.slice(0, 8), [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000])
  assert.ok(bounds.slice(7).every(ms => ms === retryMsMax))
  for (const failures of [0, 5, 1_000_000]) assert.is(retryMs(failures, down, least), retryMsMin)
})

test('what only a person can change is asked for again after about the longest wait', () => {
  const lasting: ErrorCode[] = ['ERR_SYNC_AUTH', 'ERR_SYNC_FORBIDDEN', 'ERR_SYNC_VERSION', 'ERR_PEER_URL']
  for (const code of lasting) {
    const ms = retryMs(0, new ReplicaError(code, 'no'), least)
    assert.is(ms, 0.75 * retryMsMax, code)
  }
  assert.ok(refusedMs(most) <= retryMsMax)
})

test('channels are opened again within their bounds', () => {
  assert.is(reopenMs(least), reopenMsMin)
  assert.ok(reopenMs(most) <= reopenMsMax)
})

test.run()
