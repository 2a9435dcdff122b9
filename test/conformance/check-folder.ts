// Chooses the check for each file of a folder of data and stated values. The form of a file
// decides, and its name only if the form does not, so other files of the same kinds get the same
// checks. An unknown file is skipped; a file named .json that is not JSON fails.

import { checkExpected } from './expected-checks.ts'
import { checkFixture, checkFixtureManifest } from './fixture-checks.ts'
import { type DataFile, Folder, isObject } from './folder.ts'
import { checkLock } from './lock-checks.ts'
import { checkLog, checkPasses, checkProof, checkSignatures, eventsOf, logBeside } from './log-checks.ts'
import * as peers from './peer-checks.ts'
import * as real from './real-checks.ts'
import * as state from './state-checks.ts'
import * as suites from './suite-checks.ts'
import { Tally } from './tally.ts'
import * as vectors from './vector-checks.ts'

export interface FileResult {
  readonly file: string
  readonly result: 'ok' | 'FAIL' | 'skip'
  readonly passed: number
  readonly failed: number
  readonly failures: readonly string[]
  readonly notes: readonly string[]
}

const EXPECTED = 'expected.json'

type Check = (tally: Tally, file: DataFile, folder: Folder) => void

/**
 * Checks every file of a folder, in byte order of paths; expected.json last, after its values were
 * read.
 */
export function* checkFolder(root: string): Generator<FileResult> {
  const folder = new Folder(root)
  for (const name of folder.files) if (name !== EXPECTED) yield checkFile(folder, name)
  if (folder.files.includes(EXPECTED)) yield checkFile(folder, EXPECTED)
}

function checkFile(folder: Folder, name: string): FileResult {
  const tally = new Tally()
  let known = true
  try {
    const file = folder.open(name)!
    const check = checkOf(file)
    known = check !== undefined
    check?.(tally, file, folder)
  } catch (error) {
    // An unexpected error is a failure of this file; the other files are still checked.
    tally.fail(error instanceof Error ? `${error.name}: ${error.message}` : String(error))
  }
  const { passed, failed, failures, notes } = tally
  if (!known)
    return { file: name, result: 'skip', passed, failed, failures, notes: ['nothing in it that a check knows'] }
  const idle = passed + failed === 0
  const result = failed > 0 ? 'FAIL' : idle ? 'skip' : 'ok'
  return {
    file: name,
    result,
    passed,
    failed,
    failures,
    notes: idle && notes.length === 0 ? ['nothing to check'] : notes,
  }
}

function checkOf(file: DataFile): Check | undefined {
  if (file.base.endsWith('.json') && file.plain === undefined) return tally => tally.fail('it is no JSON')
  if (file.path === EXPECTED) return (tally, _, folder) => checkExpected(tally, folder)
  if (/^vela\.lock/.test(file.base)) return checkLock
  if (file.base.endsWith('.jsonl')) return linesCheck(file)
  if (!file.base.endsWith('.json')) return undefined
  const value = file.plain
  if (Array.isArray(value)) return listCheck(value)
  return isObject(value) ? objectCheck(value) : undefined
}

function linesCheck({ base }: DataFile): Check | undefined {
  if (!/^(?:events\.manifest|replay\.trace)\.jsonl$/.test(base)) return undefined
  return (tally, file, folder) => {
    const events = logBeside(folder, file)
    if (events === undefined) tally.note('no events beside it')
    else checkProof(tally, file, events)
  }
}

/** Chooses by the members of the first item that has all of them. */
const LISTS: readonly { members: readonly string[]; prefix?: string; check: Check }[] = [
  { members: ['text', 'ok', 'computed_id'], check: vectors.checkRawEvents },
  { members: ['text', 'ok'], check: vectors.checkCanonical },
  { members: ['our_events', 'peer_events', 'expected'], check: vectors.checkCausalSets },
  { members: ['ours', 'theirs', 'expected'], check: vectors.checkPairs },
  { members: ['kind', 'payload', 'reference_accepts'], check: vectors.checkPayloads },
  { members: ['peer', 'reference_accepts'], check: peers.checkPeerCases },
  { members: ['event_timestamp', 'revoked_at'], check: vectors.checkRevocations },
  { members: ['entry', 'verifies'], check: vectors.checkEntries },
  { members: ['id', 'kind', 'timestamp', 'target'], check: checkEvents },
  { members: ['id', 'kind', 'target'], prefix: 'vpr_', check: state.checkProposals },
  { members: ['id', 'assertion', 'confidence'], check: state.checkFindings },
  { members: ['id', 'url', 'public_key'], check: peers.checkPeerList },
  { members: ['id', 'public_key', 'created_at'], check: peers.checkActorList },
  { members: ['id', 'all_three'], check: real.checkActorTypes },
  { members: ['file', 'sha256', 'versions'], check: real.checkVersionHashes },
]

function listCheck(list: readonly unknown[]): Check | undefined {
  const items = list.filter(isObject)
  const fits = ({ members, prefix = '' }: (typeof LISTS)[number]) =>
    items.some(item => members.every(name => name in item) && String(item.id ?? '').startsWith(prefix))
  return LISTS.find(fits)?.check
}

function objectCheck(value: Record<string, unknown>): Check | undefined {
  const has = (...names: string[]): boolean => names.every(name => name in value)
  const [first] = Array.isArray(value.cases) ? value.cases.filter(isObject) : []
  if (has('event_log', 'expected_states')) return checkFixture
  if (has('fixtures')) return checkFixtureManifest
  if (has('exchanges')) return real.checkExchanges
  if (has('findings', 'frontier', 'stats')) return state.checkFrontier
  if (has('latest_packet')) return state.checkProofState
  if (has('vectors')) return suites.checkCanonicalVectors
  if (has('proposal', 'signature_hex', 'pubkey_hex')) return suites.checkSignedProposal
  if (Object.values(value).some(member => isObject(member) && 'vfr_id' in member && 'path' in member))
    return suites.checkCrossFrontier
  if (first === undefined) return undefined
  if ('event' in first && 'public_key' in first) return vectors.checkEventSignatures
  return 'input' in first && 'expected_output' in first ? suites.checkSuite : undefined
}

function checkEvents(tally: Tally, file: DataFile, folder: Folder): void {
  const stated = folder.stated(file)
  const events = eventsOf(file.bytes)
  checkLog(tally, events, stated?.log)
  checkPasses(tally, events, folder)
  const actors = folder.beside(file, 'actors.json')?.plain
  if (isObject(stated?.signatures))
    checkSignatures(tally, events, { actors: Array.isArray(actors) ? actors : [], stated: stated.signatures })
}
