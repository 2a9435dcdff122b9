// Checks of the published suites: canonical vectors, ids, proposals, entries, a signed proposal, and frontiers that refer to one another.
// What the suites say is compared, and what expected.json says of them.

import { sha256, toHex } from '../../src/bytes.ts'
import { verify } from '../../src/trust/verify.ts'
import * as vela from '../../src/vela/index.ts'
import { type DataFile, type Folder, isObject, type Plain } from './folder.ts'
import { hashOf } from './log-checks.ts'
import type { Members } from './state-checks.ts'
import type { Tally } from './tally.ts'

/** Vectors whose inputs stand as JSON in the file: they are read from its text, since numbers are what they are about. */
export function checkCanonicalVectors(tally: Tally, file: DataFile, folder: Folder): void {
  const vectors = (file.lossless() as Map<string, Members[]>).get('vectors')!
  let held = 0
  for (const vector of vectors) {
    const { failed } = tally
    const canonical = vela.printJson(vector.get('input')!)
    tally.same(`canonical form of ${vector.get('name')}`, canonical, vector.get('canonical'))
    tally.same(`hash of ${vector.get('name')}`, hashOf(canonical), vector.get('sha256'))
    if (tally.failed === failed) held += 1
  }
  checkCount(tally, statedOf(file, folder), [held, vectors.length])
}

/** What expected.json states of a file of published vectors. */
function statedOf(file: DataFile, folder: Folder): unknown {
  const { conformance } = folder.expected
  return isObject(conformance) ? conformance[file.base] : undefined
}

/** How many of how many hold, where that is stated. */
function checkCount(tally: Tally, stated: unknown, found: readonly [number, number]): void {
  if (Array.isArray(stated)) tally.same('cases that hold, of all', found, stated)
}

/** The three suites of published cases, told apart by what their inputs are. */
export function checkSuite(tally: Tally, file: DataFile, folder: Folder): void {
  const lossless = (file.lossless() as Map<string, Members[]>).get('cases')!
  const computed = statedOf(file, folder)
  const published: boolean[] = []
  let held = 0
  for (const [index, { name, input, expected_output: wanted }] of casesIn(file).entries()) {
    const { failed } = tally
    const members = lossless[index]!.get('input') as Members
    if ('preimage_sha256' in wanted) {
      tally.same(name, toHex(sha256(vela.entryPreimage(input as never))), wanted.preimage_sha256)
    } else if (members.has('assertion')) {
      tally.same(name, vela.findingId(members), wanted.id)
      checkShape(tally, vela.findingId(members), wanted)
    } else if (members.has('payload')) {
      const id = vela.proposalId({ ...(input as vela.ProposalContent & Plain), payload: members.get('payload')! })
      const other = isObject(computed) ? computed[name] : undefined
      tally.stated(name, id, wanted.id)
      checkShape(tally, id, wanted)
      tally.stated(`${name}: computed id`, id, other)
      if (wanted.id !== undefined) published.push(id === wanted.id)
      else if (other === undefined) tally.note(`no id is stated of '${name}'`)
    } else tally.note(`'${name}' is a case of no known kind`)
    if (tally.failed === failed) held += 1
  }
  checkCount(tally, computed, [held, lossless.length])
  const { conformance } = folder.expected
  const equal = isObject(conformance) ? conformance[`${file.base} published id equal`] : undefined
  tally.stated(
    'published ids equal',
    published.every(one => one),
    equal,
  )
}

function checkShape(tally: Tally, id: string, { id_length: length, prefix }: Plain): void {
  tally.stated(`length of ${id}`, id.length, length)
  if (typeof prefix === 'string') tally.same(`beginning of ${id}`, id.slice(0, prefix.length), prefix)
}

const casesIn = (file: DataFile): SuiteCase[] => (file.plain as { cases: SuiteCase[] }).cases

interface SuiteCase {
  readonly name: string
  readonly input: Plain
  readonly expected_output: Plain
}

export function checkSignedProposal(tally: Tally, file: DataFile, folder: Folder): void {
  const fixture = file.lossless() as Members
  const stated = fixture.get('proposal') as Members
  const [key, signature] = [fixture.get('pubkey_hex') as string, fixture.get('signature_hex') as string]
  const proposal = vela.readProposal(vela.printJson(stated))
  tally.same('proposal id', proposal.id, stated.get('id'))
  const verifies = vela.verifyProposal(proposal, { key, signature }, verify)
  tally.same('signature verifies', verifies, true)
  const computed = statedOf(file, folder)
  if (isObject(computed)) {
    tally.stated('id_equal', proposal.id === stated.get('id'), computed.id_equal)
    tally.stated('signature_verifies', verifies, computed.signature_verifies)
  }
  const changed = { ...proposal, created_at: `${proposal.created_at} ` }
  tally.same('it verifies nothing else', vela.verifyProposal(changed, { key, signature }, verify), false)
}

/** Two frontiers that refer to one another: every member with a path has hashes, and the pin is a snapshot hash. */
export function checkCrossFrontier(tally: Tally, file: DataFile, folder: Folder): void {
  const stated = Object.entries(file.plain as Plain).filter((entry): entry is [string, Plain] => isObject(entry[1]))
  const snapshots = new Map<unknown, string>()
  const { conformance } = folder.expected
  const others = isObject(conformance) ? conformance[file.folder.split('/').at(-1)!] : undefined
  for (const [name, values] of stated.filter(([, values]) => typeof values.path === 'string')) {
    const found = folder.beside(file, values.path as string)
    if (found === undefined) tally.fail(`${name}: there is no ${values.path}`)
    else {
      const frontier = vela.readFrontier(found.bytes)
      snapshots.set(frontier.id, vela.snapshotHash(frontier))
      const own: Plain = {
        vfr_id: frontier.id,
        snapshot_hash: vela.snapshotHash(frontier),
        event_log_hash: vela.eventLogHash(frontier.events, 'full'),
      }
      const computed = isObject(others) ? others[name] : undefined
      for (const [member, value] of Object.entries(own)) {
        tally.same(`${name}: ${member}`, value, values[member])
        if (isObject(computed))
          tally.stated(`${name}: ${member}_equal`, value === values[member], computed[`${member}_equal`])
      }
      tally.same(
        `${name}: finding`,
        frontier.findings.some(({ id }) => id === values.finding_id),
        true,
      )
    }
  }
  for (const [name, values] of stated.filter(([, values]) => 'pinned_snapshot_hash' in values))
    tally.same(`${name}: snapshot hash`, values.pinned_snapshot_hash, snapshots.get(values.vfr_id))
}
