// Replay against other people's logs: the published cascade fixtures give their six arrays exactly, and real frontiers come out of
// their proposals and events, but for the findings that are known not to.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, toHex, utf8 } from '../../../src/bytes.ts'
import * as vela from '../../../src/vela/index.ts'
import { shared, skip } from '../../shared-data.ts'

const test = suite('vela replay of published logs')

function withFile(name: string, file: string, run: (file: string) => void): void {
  const found = shared(file)
  if (found === undefined) skip(name, `${file} is not at hand`)
  else test(name, () => run(found))
}

type Members = Map<string, vela.Json>

const parse = (file: string) => vela.parseJson(fs.readFileSync(file), { numbers: 'exact' })
const events = (text: Uint8Array) =>
  Array.from(vela.readLog(text).events(), ({ text: event }) => vela.importEvent(event))
const isSha256 = /^sha256:[0-9a-f]{64}$/

/** Which expected array is compared with which rows. */
const arrays = {
  expected_states: 'findings',
  expected_negative_results: 'negative_results',
  expected_trajectories: 'trajectories',
  expected_artifacts: 'artifacts',
  expected_replications: 'replications',
  expected_predictions: 'predictions',
} as const

const cascade = shared('vela/cascade')
if (cascade === undefined) skip('cascade fixtures', 'vela/cascade is not at hand')
else {
  const manifest = JSON.parse(fs.readFileSync(path.join(cascade, 'fixtures.manifest.json'), 'utf8'))
  const published = new Map<string, string>(
    manifest.fixtures.map((entry: { path: string; sha256: string }) => [entry.path, entry.sha256]),
  )
  const files = fs.readdirSync(cascade).filter(file => file.startsWith('cascade-fixture-'))

  test('there are cascade fixtures and a manifest of their hashes', () => {
    assert.ok(files.length >= 9)
    for (const hash of published.values()) assert.match(hash, isSha256)
  })

  for (const file of files) {
    test(`${file} is what its manifest says and replays to exactly the expected arrays`, () => {
      const bytes = fs.readFileSync(path.join(cascade, file))
      assert.is(`sha256:${toHex(sha256(bytes))}`, published.get(file))
      const fixture = vela.parseJson(bytes) as Members
      const view = vela.emptyView({ genesis: fixture.get('genesis_findings') as Members[] })
      const log = fixture.get('event_log') as Members[]
      for (const event of log) assert.equal(vela.applyEvent(view, stored(event)).problems, [])
      assert.is(vela.viewLength(view), log.length)
      const rows = vela.viewRows(view)
      for (const [name, table] of Object.entries(arrays)) {
        const own = vela.printJson(vela.toJson(rows[table as keyof vela.ViewRows]))
        assert.is(own, vela.printJson(fixture.get(name)!), name)
      }
      assert.equal([...vela.viewConflicts(view)], [])
    })
  }
}

/** The fixture's event in stored form, with its id re-derived. */
function stored(event: Members): vela.ReplayEvent {
  const reading = vela.importEvent(vela.printJson(event))
  return { text: reading.text }
}

/** Ids of proposals are not always those of their contents; what an assertion takes from one is pinned by its after_hash. */
function seedOf(proposal: Members): { id: string; payload: vela.Json } {
  return { id: proposal.get('id') as string, payload: proposal.get('payload')! }
}

interface Reproduced {
  equal: number
  differ: string[]
  genesis: number
  problems: vela.Problem[]
}

/** Replays in the order of the reference and compares finding by finding. */
function reproduce(parts: { findings: Members[]; proposals: Members[]; log: Uint8Array }): Reproduced {
  const log = events(parts.log)
  const findings = parts.findings.map(vela.readFinding)
  const proposals = parts.proposals.map(seedOf)
  const genesis = vela.genesisOf(findings, log)
  const view = vela.emptyView({ genesis, proposals })
  for (const event of vela.byTimestamp(log)) vela.applyEvent(view, event)
  const differ = findings
    .filter(({ id, body }) => {
      const own = vela.viewObject(view, 'findings', id)
      return own === undefined || vela.findingHash(own) !== vela.findingHash(body)
    })
    .map(({ id }) => id)
  assert.is(vela.viewObjects(view, 'findings').length, findings.length)
  const equal = findings.length - differ.length
  return { equal, differ: differ.sort(), genesis: genesis.length, problems: vela.viewProblems(view) }
}

withFile('bbb-flagship replays to all findings but the eight that are known', 'vela/expected.json', file => {
  const known = JSON.parse(fs.readFileSync(file, 'utf8'))['bbb-flagship'].replay
  const at = (name: string) => path.join(path.dirname(file), `bbb-flagship.${name}.json`)
  const result = reproduce({
    findings: parse(at('findings')) as Members[],
    proposals: parse(at('proposals')) as Members[],
    log: fs.readFileSync(at('events')),
  })
  assert.is(result.equal, known.reproduced)
  assert.equal(result.differ, known.differ)
  assert.is(result.differ.length, 8)
  assert.is(result.genesis, known.taken_as_genesis)
  assert.equal(result.problems, [])
})

for (const name of ['erdos-formalization', 'prover-lane', 'quantum-codes']) {
  withFile(`${name} replays to all of its findings`, `vela/git-frontiers/${name}`, folder => {
    const expected = JSON.parse(fs.readFileSync(path.join(folder, '..', '..', 'expected.json'), 'utf8'))
    const known = expected.git_frontiers[name].replay
    const frontier = parse(path.join(folder, 'frontier.json')) as Members
    const result = reproduce({
      findings: frontier.get('findings') as Members[],
      proposals: frontier.get('proposals') as Members[],
      log: fs.readFileSync(path.join(folder, 'events.json')),
    })
    assert.is(result.equal, known.reproduced)
    assert.equal(result.differ, known.differ)
    assert.is(result.genesis, known.taken_as_genesis)
    assert.equal(result.problems, [])
  })
}

withFile('a frontier that was changed outside of its log is not what replay gives', 'vela/frontiers', folder => {
  const file = path.join(folder, 'will-alzheimer-landscape.json')
  const frontier = parse(file) as Members
  const result = reproduce({
    findings: frontier.get('findings') as Members[],
    proposals: frontier.get('proposals') as Members[],
    log: utf8(vela.printJson(frontier.get('events')!)),
  })
  assert.equal(result.problems, [])
  assert.is(result.genesis, 0)
  assert.is(result.equal, 0)
  assert.is(result.differ.length, 12)
})

test.run()
