// Reads the initial state of replay: findings of the base document that no event brings, its
// actors, and linked proposals. At each update only new nodes are examined; the log is read again
// only if they can change the result. Spec: protocol/frontier.md, F23.

import { founderKeys } from '../admission/founder.ts'
import { asBuffer } from '../base/bytes.ts'
import { hasCode } from '../base/errors.ts'
import { checkEvent } from '../event/event.ts'
import { printJson } from '../json/json.ts'
import type { Json } from '../json/value.ts'
import { decodeNode } from '../node/node.ts'
import type { Frontier } from '../replica/frontier.ts'
import { readFindings } from '../vela/files/frontier-file.ts'
import { payloadOf } from '../vela/payloads.ts'
import { type ActorRecord, readActors } from '../vela/resolution/authority.ts'
import { genesisOf } from '../vela/state/base-findings.ts'
import { idOf, listOf } from './files/base-document.ts'
import { selectBase } from './files/base-selection.ts'
import { proposalsIn } from './files/join.ts'
import { readLogContents } from './files/log-events.ts'
import type { InitialState } from './replayer.ts'

interface Known {
  /** Number of examined nodes. */
  readonly nodes: number
  /** `Frontier.textChanges` when the nodes were read. */
  readonly texts: number
  /** Keys of the frontier's owner, sorted. */
  readonly owner: string
  readonly initialState: InitialState
  /** Ids of the findings that no event brought. */
  readonly genesis: ReadonlySet<string>
}

const NOTHING: InitialState = { genesis: [], proposals: [], actors: [] }

/** Reads and caches the initial state of one frontier. */
export class InitialStateReader {
  readonly #frontier: Frontier
  #known: Known = { nodes: 0, texts: 0, owner: '', initialState: NOTHING, genesis: new Set() }

  constructor(frontier: Frontier) {
    this.#frontier = frontier
  }

  /** Returns the same object as long as nothing of it changes. */
  async read(): Promise<InitialState> {
    const frontier = this.#frontier
    const { nodes } = frontier.log
    const texts = frontier.textChanges
    const owner = [...(await founderKeys(frontier))].sort().join()
    const before = this.#known
    if (before.nodes === nodes && before.texts === texts && before.owner === owner) return before.initialState
    const differs =
      (before.nodes > 0 && (before.owner !== owner || before.texts !== texts)) ||
      (await mayDiffer(frontier, { from: before.nodes, to: nodes, genesis: before.genesis }))
    const now = differs ? await readSeeds(frontier) : before
    this.#known = { ...now, nodes, texts, owner }
    return now.initialState
  }
}

/** Kinds that bring a finding, in canonical text. */
const BRINGERS = ['"kind":"finding.asserted"', '"kind":"finding.superseded"']

/**
 * Returns whether nodes of this range link documents, or bring findings that were taken from the
 * base document.
 */
async function mayDiffer(
  { log }: Frontier,
  range: { from: number; to: number; genesis: ReadonlySet<string> },
): Promise<boolean> {
  for await (const rows of log.scan(range)) {
    for (const { bytes } of rows) {
      const { links, text } = decodeNode(bytes)
      if (links.length > 0 || (range.genesis.size > 0 && text !== undefined && brings(text, range.genesis))) return true
    }
  }
  return false
}

/** Returns whether the event brings one of these findings, by its target or its replacement. */
function brings(event: Uint8Array, findings: ReadonlySet<string>): boolean {
  const text = asBuffer(event)
  if (!BRINGERS.some(kind => text.includes(kind))) return false
  const payload = payloadOf(event)
  const replacement = payload instanceof Map ? payload.get('new_finding_id') : undefined
  return findings.has(checkEvent(event).target.id) || (typeof replacement === 'string' && findings.has(replacement))
}

async function readSeeds(frontier: Frontier): Promise<Omit<Known, 'nodes' | 'texts' | 'owner'>> {
  const log = await readLogContents(frontier)
  const { members } = selectBase(log)
  const proposals = [...listOf(members, 'proposals'), ...proposalsIn(log.documents.values())]
  const seen = new Set<string>()
  const initialState = proposals.flatMap((proposal): { id: string; payload: Json }[] => {
    const id = idOf(proposal)
    if (id === undefined || seen.has(id)) return []
    seen.add(id)
    return [{ id, payload: (proposal as Map<string, Json>).get('payload') ?? null }]
  })
  const genesis = genesisOf(readFindings(listOf(members, 'findings'), []), log.events)
  const actors = actorsIn(members)
  const isNothing = genesis.length === 0 && initialState.length === 0 && actors?.length === 0
  return {
    initialState: isNothing ? NOTHING : { genesis, proposals: initialState, actors },
    genesis: new Set(genesis.flatMap(body => idOf(new Map(body)) ?? [])),
  }
}

/** Returns the registered actors; undefined if the list can't be read. */
export function actorsIn(members: ReadonlyMap<string, Json>): ActorRecord[] | undefined {
  const actors = members.get('actors')
  if (actors === undefined) return []
  try {
    return readActors(printJson(actors))
  } catch (error) {
    if (!hasCode(error, 'ERR_ACTOR', 'ERR_JSON')) throw error
    return undefined
  }
}
