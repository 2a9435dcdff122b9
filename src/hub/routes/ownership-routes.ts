// What owners say of their frontiers besides entries: rotations of their key, deprecation, maintainers, each a signed record that is
// judged before anything changes. Specification: protocol/http.md, H21 and H22.

import { hasCode, ReplicaError } from '../../base/errors.ts'
import { SOCKET_LIMITS } from '../../base/limits.ts'
import { printJson, toJson } from '../../json/json.ts'
import type { Frontier } from '../../replica/frontier.ts'
import {
  DEPRECATION_SCHEMA,
  MAINTAINER_SCHEMA,
  type OwnershipRecord,
  printOwnershipRecord,
  ROTATION_SCHEMA,
  readOwnershipRecord,
} from '../../vela/federation/ownership.ts'
import type { HubContext } from '../hub-context.ts'
import { problemOf } from '../problem.ts'
import { checkJsonBody, readBody } from '../publication-body.ts'
import { checkTime } from '../publishing.ts'
import { jsonAnswer, type RouteResponse } from '../response.ts'
import type { Handler, RequestContext } from '../router.ts'

const SCHEMAS = {
  'rotate-owner': ROTATION_SCHEMA,
  deprecate: DEPRECATION_SCHEMA,
  maintainers: MAINTAINER_SCHEMA,
} as const
export type RecordPath = keyof typeof SCHEMAS

/** Takes the records of one kind, as Vela hubs answer them. */
export function takesRecords(site: HubContext, path: RecordPath): Handler {
  return async asked => {
    checkJsonBody(asked.request)
    const frontier = site.home.frontier(asked.names[0]!)
    const body = await readBody(asked.request, SOCKET_LIMITS.bodyBytesMax)
    try {
      return await take(site, frontier, readRecord(body, { path, frontier: frontier.log.name }))
    } catch (error) {
      if (hasCode(error, 'ERR_ENTRY') || hasCode(error, 'ERR_JSON') || hasCode(error, 'ERR_INSTANT'))
        return problemOf(error, { status: 422 })
      if (!hasCode(error, 'ERR_ENTRY_SIGNATURE')) throw error
      return problemOf(error, { status: 401, headers: { 'www-authenticate': 'Vela-Record' } })
    }
  }
}

function readRecord(body: Uint8Array, wanted: { path: RecordPath; frontier: string }): OwnershipRecord {
  const record = readOwnershipRecord(body)
  if (record.schema !== SCHEMAS[wanted.path]) throw new ReplicaError('ERR_ENTRY', 'such a record goes to another path')
  if (record.vfr_id !== wanted.frontier) throw new ReplicaError('ERR_ENTRY', 'the record is of another frontier')
  return record
}

async function take({ home, owners }: HubContext, frontier: Frontier, record: OwnershipRecord): Promise<RouteResponse> {
  const { name } = frontier.log
  checkTime(timeOf(record), home.now())
  const verdict = await owners.take(frontier, record)
  const message = `a record of ${name} was ${verdict === 'taken' ? 'taken' : 'known'}`
  home.emit({ kind: 'session', message, facts: { frontier: name, schema: record.schema, verdict } })
  const { owner, deprecation } = await owners.of(frontier)
  const members = {
    ok: true,
    duplicate: verdict === 'duplicate',
    vfr_id: name,
    owner_pubkey: owner,
    deprecated: deprecation !== undefined,
  }
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  return { status: 200, headers, body: `${JSON.stringify(members)}\n` }
}

function timeOf(record: OwnershipRecord): string {
  if (record.schema === ROTATION_SCHEMA) return record.rotated_at
  return record.schema === DEPRECATION_SCHEMA ? record.deprecated_at : record.authorized_at
}

/** The keys that are maintainers now. */
export async function maintainers({ home, owners }: HubContext, { names }: RequestContext): Promise<RouteResponse> {
  const frontier = home.frontier(names[0]!)
  const { maintainers: keys } = await owners.of(frontier)
  return jsonAnswer(printJson(toJson({ vfr_id: frontier.log.name, maintainers: [...keys] })))
}

/** Who the owner is, and whether the frontier is deprecated. */
export async function status({ home, owners }: HubContext, { names }: RequestContext): Promise<RouteResponse> {
  const frontier = home.frontier(names[0]!)
  const { owner, deprecation } = await owners.of(frontier)
  const record = deprecation === undefined ? 'null' : printOwnershipRecord(deprecation)
  const key = owner === '' ? 'null' : JSON.stringify(owner)
  const state = deprecation === undefined ? 'live' : 'deprecated'
  return jsonAnswer(
    `{"deprecation":${record},"owner_pubkey":${key},"status":"${state}","vfr_id":"${frontier.log.name}"}`,
  )
}
