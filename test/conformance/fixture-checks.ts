// Checks of fixtures: a log over genesis findings with the rows that replay must give, and
// manifests of such files.

import { sha256, toHex } from '../../src/base/bytes.ts'
import * as vela from '../../src/vela/index.ts'
import type { DataFile, Folder } from './folder.ts'
import { checkLog, counted, readAny } from './log-checks.ts'
import type { Members } from './state-checks.ts'
import type { Tally } from './tally.ts'

/** The table that each stated list of rows is compared with. */
const ROWS = {
  expected_states: 'findings',
  expected_negative_results: 'negative_results',
  expected_trajectories: 'trajectories',
  expected_artifacts: 'artifacts',
  expected_replications: 'replications',
  expected_predictions: 'predictions',
} as const

/** Checks a fixture: a log over genesis findings and the resulting rows. */
export function checkFixture(tally: Tally, file: DataFile, folder: Folder): void {
  // Numbers keep their spelling: readAny finds the reading that gives an event its id.
  const fixture = vela.parseJson(file.bytes, { numbers: 'exact' }) as Members
  const stated = folder.stated(file)
  if (stated?.file_sha256 !== undefined)
    tally.same('SHA-256 of the file', toHex(sha256(file.bytes)), stated.file_sha256)
  const log = (fixture.get('event_log') as vela.Json[]).map(event => readAny(vela.printJson(event)))
  checkLog(tally, log, stated)
  const view = vela.emptyView({ genesis: (fixture.get('genesis_findings') ?? []) as Members[] })
  for (const { text } of log) vela.applyEvent(view, { text })
  // Not a failure by itself: the rows show the effect.
  const problems = vela.viewProblems(view)
  if (problems.length > 0)
    tally.note(
      `not applied in full: ${problems
        .map(({ event }) => event)
        .join(', ')
        .slice(0, 200)}`,
    )
  const rows = vela.viewRows(view)
  const failed = tally.failed
  for (const [name, table] of Object.entries(ROWS)) {
    if (!fixture.has(name)) {
      tally.note(`no ${name} in it`)
      continue
    }
    const own = vela.printJson(vela.toJson(rows[table as keyof vela.ViewRows]))
    tally.same(name, own, vela.printJson(fixture.get(name)!))
  }
  tally.stated('rows_equal', tally.failed === failed, stated?.rows_equal)
  checkStats(tally, fixture, { log, rows })
  tally.unchecked(Object.fromEntries(fixture), [...FIXTURE_MEMBERS, ...Object.keys(ROWS)])
  tally.stated('scenario', fixture.get('scenario'), stated?.scenario)
}

/** Members that describe the fixture or are checked elsewhere. */
const FIXTURE_MEMBERS = [
  ...[
    'doctrine',
    'event_log',
    'fixture_version',
    'frontier_idx',
    'genesis_findings',
    'scenario',
    'schema_url',
    'stats',
  ],
]

/** Counts over the fixture and its result; counts of other names are only listed. */
function checkStats(
  tally: Tally,
  fixture: Members,
  { log, rows }: { log: readonly vela.EventReading[]; rows: vela.ViewRows },
): void {
  const stats = fixture.get('stats')
  if (!(stats instanceof Map)) return
  const stated = vela.fromJson(stats) as Record<string, unknown>
  const found: Record<string, unknown> = {
    events: log.length,
    kinds_seen: counted(log.map(({ head }) => head.kind)),
    cascade_depth: cascadeDepth(log, stated.cascade_depth),
    ...Object.fromEntries(Object.entries(rows).map(([table, list]) => [table, list.length])),
  }
  for (const [name, value] of Object.entries(found))
    if (name in stated) tally.same(`stats: ${name}`, value, stated[name])
  const others = Object.keys(stated).filter(name => !(name in found))
  tally.unchecked(Object.fromEntries(others.map(name => [`stats.${name}`, null])), [])
}

/** The greatest stated depth, or the number of events: they are equal if a cascade is a chain. */
function cascadeDepth(log: readonly vela.EventReading[], stated: unknown): number {
  const steps = log.filter(({ head }) => head.kind === 'finding.dependency_invalidated')
  const depths = steps.map(({ text }) => Number(JSON.parse(Buffer.from(text).toString('utf8')).payload?.depth ?? 1))
  return stated === steps.length ? steps.length : Math.max(0, ...depths)
}

/** Checks a manifest of fixtures; missing ones are only counted. */
export function checkFixtureManifest(tally: Tally, file: DataFile, folder: Folder): void {
  const { fixtures } = file.plain as { fixtures: { path: string; sha256: string; bytes?: number }[] }
  let absent = 0
  for (const { path, sha256: hash, bytes } of fixtures) {
    const fixture = folder.beside(file, path)
    if (fixture === undefined) {
      absent += 1
      continue
    }
    tally.same(`SHA-256 of ${path}`, `sha256:${toHex(sha256(fixture.bytes))}`, hash)
    if (bytes !== undefined) tally.same(`bytes of ${path}`, fixture.bytes.length, bytes)
  }
  if (absent > 0) tally.note(`${absent} of ${fixtures.length} are not here`)
}
