// One frontier as file and as repository: an export of either is imported as the same frontier,
// also with later events.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/base/bytes.ts'
import { importFrontier } from '../../src/projection/files/import-file.ts'
import { exportFrontier, exportRepository } from '../../src/projection/files/snapshot.ts'
import {
  type RepositoryFile,
  type SplitFrontier,
  splitFrontier,
  splitRepository,
} from '../../src/projection/files/split.ts'
import { Replica } from '../../src/replica/replica.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import * as vela from '../../src/vela/index.ts'
import { finding } from '../vela/state/logs.ts'

const test = suite('projection/frontier-forms')

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')
const frontier = 'vfr_00000000000000ff'
const about = { target: { type: 'finding', id: 'vf_1' }, actor: { id: 'reviewer:ada' }, reason: 'r' }

/**
 * Returns a frontier file with records of several kinds, and a configuration that needs quoting.
 */
function small(): { text: string; dependency: Record<string, string | null> } {
  const dependency = { name: "B's: #1", source: 'vela.hub', version: null, vfr_id: 'vfr_00000000000000bb' }
  const meta = {
    name: 'Small "one"',
    description: 'a\\b\n# c',
    compiled_at: '2026-01-03T00:00:00Z',
    compiler: 'test/1',
  }
  const asserted = vela.makeEvent({
    ...about,
    kind: 'finding.asserted',
    timestamp: '2026-01-02T00:00:00Z',
    payload: {},
  })
  const members = vela.toJson({
    vela_version: '0.10.0',
    schema: 'https://vela.science/schema/finding-bundle/v0.10.0',
    frontier_id: frontier,
    frontier: { ...meta, papers_processed: 3, errors: 0, dependencies: [dependency] },
    stats: {},
    findings: [finding('vf_1'), finding('vf_2')],
    artifacts: [{ id: 'va_1', kind: 'code' }],
    events: [vela.parseJson(asserted.text)],
  })
  return { text: vela.printJson(members), dependency }
}

/** Imports a frontier, and exports it as file and as repository. */
async function through(parts: SplitFrontier): Promise<{ replica: Replica; text: string; files: RepositoryFile[] }> {
  const replica = await Replica.open({ location: new MemoryStore() })
  await importFrontier(replica, { frontier, parts })
  const { text } = await exportFrontier(replica, frontier)
  return { replica, text: textOf(text), files: await exportRepository(replica, frontier) }
}

test('the repository of a frontier file gives the same frontier without its frontier.json', async () => {
  const { text, dependency } = small()
  const one = await through(splitFrontier(utf8(text)))
  await using _ = one.replica
  const parts = splitRepository(one.files.filter(({ path }) => path !== 'frontier.json'))
  assert.is(parts.frontier, frontier)
  const two = await through(parts)
  await using __ = two.replica
  const [first, second] = [one, two].map(({ text: own }) => JSON.parse(own))
  for (const member of ['frontier', 'events', 'artifacts', 'vela_version', 'schema'])
    assert.equal(second[member], first[member], member)
  // Empty members are written for a frontier made here.
  const hashes = (own: string) => vela.readFrontier(own).findings.map(({ body }) => vela.findingHash(body))
  assert.equal(hashes(two.text), hashes(one.text))
  assert.equal(second.frontier.dependencies, [dependency])
  assert.equal([second.stats.findings, second.stats.event_count, second.stats.proposal_count], [2, 1, 0])
})

test('a frontier.yaml written here has the members that the reference requires', async () => {
  const { replica, files } = await through(splitFrontier(utf8(small().text)))
  await using _ = replica
  const yaml = textOf(files.find(({ path }) => path === 'frontier.yaml')!.bytes)
  const members = yaml.split('\n').flatMap(line => /^(\w+):/.exec(line)?.[1] ?? [])
  for (const name of ['schema', 'layout', 'name', 'carina', 'vela', 'paths']) assert.ok(members.includes(name), name)
  // The compiler of this file names no version of the reference.
  assert.match(yaml, /^vela:\n {2}reducer: vela@0\.700\.0$/m)
  assert.match(yaml, /^paths:\n {2}state: frontier\.json\n/m)
})

test('a repository without frontier.json has the objects of its events, and is counted', async () => {
  const bring = { kind: 'negative_result.asserted', timestamp: '2026-01-01T00:00:00Z' }
  const made = ['vnr_b', 'vnr_a'].map(id =>
    vela.makeEvent({ ...about, ...bring, payload: { negative_result: { id } } }),
  )
  const files = made.map(({ head, text }) => ({ path: `.vela/events/${head.id}.json`, bytes: text }))
  const { replica, text } = await through(splitRepository(files))
  await using _ = replica
  const { negative_results, stats } = JSON.parse(text)
  assert.equal(
    negative_results.map(({ id }: { id: string }) => id),
    ['vnr_a', 'vnr_b'],
  )
  assert.is(stats.event_count, 2)
})

test('a changed frontier is the same from its repository and from its file', async () => {
  const withFile = await through(splitFrontier(utf8(small().text)))
  await using first = withFile.replica
  const without = await through(splitRepository(withFile.files.filter(({ path }) => path !== 'frontier.json')))
  const beside = await through(splitRepository(withFile.files))
  await using second = without.replica
  await using third = beside.replica
  for (const replica of [first, second, third]) {
    const add = (kind: string, payload: object, timestamp: string) =>
      replica.append(frontier, { ...about, kind, payload, timestamp })
    await add('attestation.recorded', {}, '2026-03-01T00:00:00Z')
    await add('finding.noted', { annotation_id: 'ann_1', text: 'older by its clock' }, '2020-01-01T00:00:00Z')
    await add('artifact.asserted', { artifact: { id: 'va_0', kind: 'data' } }, '2026-03-02T00:00:00Z')
    await add('trajectory.created', { trajectory: { id: 'vtr_1', steps: [] } }, '2026-03-03T00:00:00Z')
    const { text } = await exportFrontier(replica, frontier)
    const files = await exportRepository(replica, frontier)
    for (const parts of [splitRepository(files), splitFrontier(text)]) {
      const again = await through(parts)
      await using _ = again.replica
      assert.is(again.text, textOf(text))
    }
  }
})

test.run()
