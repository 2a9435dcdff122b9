// Published frontiers, read in place if they are present: facts from their READMEs and logs that no
// file states as a value. test/conformance checks the stated values.

import * as fs from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/base/errors.ts'
import * as vela from '../../src/vela/index.ts'
import { shared, skip } from '../shared-data.ts'

const test = suite('vela/frontier-data')

const ours = shared('vela/real-sync/ours.bbb-alzheimer.json')
if (ours === undefined) skip('the load clock of a real pass', 'vela/real-sync is not at hand')
else {
  test('a real pass of sync recorded the hash that its file has at the time it was loaded', () => {
    const known = JSON.parse(fs.readFileSync(shared('vela/expected.json')!, 'utf8')).real_sync
    const frontier = vela.readFrontier(fs.readFileSync(ours))
    const meta = new Map(frontier.members.get('frontier') as Map<string, vela.Json>)
    meta.set('compiled_at', '2026-04-27T23:53:34.832570+00:00')
    const members = new Map(frontier.members).set('frontier', meta).set('frontier_id', 'vfr_c686164a56697706')
    assert.is(vela.snapshotHash({ members }), known.snapshot_hash_ours_with_load_clock_of_third_sync)
  })

  test('real findings have the ids of their claims', () => {
    const bundle = vela.parseJson(fs.readFileSync(shared('vela/bbb-flagship.findings.json')!)) as vela.Json[]
    const findings = [...vela.readFrontier(fs.readFileSync(ours)).findings, ...bundle.map(vela.readFinding)]
    assert.ok(findings.length > 250)
    assert.equal(
      findings.filter(({ id, body }) => vela.findingId(body) !== id).map(({ id }) => id),
      [],
    )
  })
}

test('a frontier with one byte too many, or that is none, is refused with a code', () => {
  const refused = (text: string, code: 'ERR_FRONTIER' | 'ERR_JSON') =>
    assert.throws(
      () => vela.readFrontier(text),
      (error: unknown) => hasCode(error, code),
    )
  refused('[]', 'ERR_FRONTIER')
  refused('{}', 'ERR_FRONTIER')
  refused('{"schema":1,', 'ERR_JSON')
  refused('['.repeat(200), 'ERR_JSON')
  refused(`{"x":${'['.repeat(127)}${']'.repeat(127)}}`, 'ERR_JSON')
})

test.run()
