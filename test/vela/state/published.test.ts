// Replay of a published log that does not agree with its frontier. test/conformance checks the
// stated values of the other published logs and fixtures.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as vela from '../../../src/vela/index.ts'
import { replay } from '../../conformance/state-checks.ts'
import { shared, skip } from '../../shared-data.ts'
import type { Members } from './logs.ts'

const test = suite('vela/state/published')

const folder = shared('vela/frontiers')
if (folder === undefined) skip('a frontier that was changed outside of its log', 'vela/frontiers is not at hand')
else {
  test('a frontier that was changed outside of its log is not what replay gives', () => {
    const bytes = fs.readFileSync(path.join(folder, 'will-alzheimer-landscape.json'))
    const frontier = vela.parseJson(bytes, { numbers: 'exact' }) as Map<string, Members[]>
    const result = replay({
      findings: frontier.get('findings')!,
      proposals: frontier.get('proposals')!,
      log: vela.readFrontier(bytes).events,
    })
    assert.is(result.problems, 0)
    assert.is(result.genesis, 0)
    assert.is(result.equal, 0)
    assert.is(result.differ.length, 12)
  })
}

test.run()
