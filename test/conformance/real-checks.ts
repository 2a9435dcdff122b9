// Checks of what real Vela programs wrote and said: recorded exchanges with a hub, and the hashes
// that each version computes of a file.

import * as path from 'node:path'
import { verify } from '../../src/crypto/ed25519.ts'
import * as vela from '../../src/vela/index.ts'
import { type DataFile, type Folder, isObject, type Plain } from './folder.ts'
import type { Tally } from './tally.ts'

/** Checks the accepted entries of recorded exchanges: their signatures, and the hashes of promoted content. */
export function checkExchanges(tally: Tally, file: DataFile): void {
  for (const exchange of (file.plain as Plain).exchanges as Plain[]) {
    const { method, status, request, response } = exchange
    if (method !== 'POST' || exchange.path !== '/entries' || Number(status) >= 300) continue
    const body = bodyOf(request)
    const answer = bodyOf(response)
    if (body === undefined) continue
    let entry: vela.RegistryEntry
    try {
      entry = vela.readEntry(vela.printJson(new Map([...body].filter(([name]) => name !== 'substrate'))))
    } catch {
      tally.note('an entry that a hub accepted is refused here')
      continue
    }
    tally.same('the signature of an accepted entry verifies', vela.verifyEntry(entry, verify), true)
    const content = body.get('substrate')
    if (content === undefined || answer?.get('event_first_promoted') !== true) continue
    const frontier = vela.readFrontier(Buffer.from(vela.printJson(content)), { broken: 'keep' })
    tally.same('snapshot hash', vela.snapshotHash(frontier, { reader: '0.40' }), entry.latest_snapshot_hash)
    tally.same('log hash', vela.eventLogHash(frontier.events, 'full'), entry.latest_event_log_hash)
  }
}

function bodyOf(side: unknown): Map<string, vela.Json> | undefined {
  const text = isObject(side) ? side.body : undefined
  if (typeof text !== 'string') return undefined
  const value = vela.parseJson(text, { numbers: 'exact' })
  return value instanceof Map ? value : undefined
}

/** Checks the types of actors in events and proposals; the type in events as the latest version has it. */
export function checkActorTypes(tally: Tally, file: DataFile): void {
  for (const row of file.plain as readonly unknown[]) {
    if (!isObject(row)) continue
    const id = String(row.id)
    const said = row.all_three ?? row['0.735.0']
    if (!isObject(said)) continue
    const inEvent = said.actor_in_event
    if (typeof inEvent === 'string') tally.same(`type of ${id}`, `${id}|${vela.actorType(id)}`, inEvent)
    if (typeof said.actor_type_in_proposal !== 'string' || id.trim() === '') continue
    const draft = {
      kind: 'finding.add',
      target: { type: 'finding', id: 'vf_1' },
      actor: { id },
      reason: 'r',
      payload: {},
    }
    const { actor } = vela.makeProposal({ ...draft, created_at: '2026-12-01T10:00:00Z' })
    tally.same(`type of ${id} in a proposal`, actor.type, said.actor_type_in_proposal)
  }
}

/** Checks the hashes that versions up to 0.700 computed of files, and that a pull of theirs verified. */
export function checkVersionHashes(tally: Tally, file: DataFile, folder: Folder): void {
  for (const row of file.plain as readonly unknown[]) {
    if (!isObject(row) || !isObject(row.versions)) continue
    const named = String(row.file)
    const at = named.startsWith('shared:') ? named.slice('shared:'.length) : path.join(file.folder, named)
    const stated = folder.open(at)
    if (stated === undefined) {
      tally.note(`not here: ${named}`)
      continue
    }
    const frontier = vela.readFrontier(stated.bytes, { broken: 'keep' })
    for (const [version, values] of Object.entries(row.versions)) {
      if (!isObject(values) || values.pull_with_these_hashes === undefined) continue
      const found = vela.snapshotHash(frontier, { reader: '0.40' })
      tally.same(`${named} in ${version}: snapshot hash`, found, values.snapshot_hash)
      const log = vela.eventLogHash(frontier.events, 'full')
      tally.same(`${named} in ${version}: log hash`, log, values.event_log_hash)
    }
  }
}
