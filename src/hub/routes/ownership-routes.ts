// Accepts and serves owner records of frontiers: key rotation, deprecation and maintainers. Each is
// a signed record that is judged completely before anything changes. Spec: protocol/http.md, H21
// and H22.

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
import { checkTime } from '../published-entries.ts'
import { jsonResponse, type RouteResponse, uncachedJson } from '../response.ts'
import type { Handler, RequestContext } from '../router.ts'

const SCHEMAS = {
  'rotate-owner': ROTATION_SCHEMA,
  deprecate: DEPRECATION_SCHEMA,
  maintainers: MAINTAINER_SCHEMA,
} as const
export type RecordPath = keyof typeof SCHEMAS

/** Returns the handler for one kind of records. Its responses have the form of Vela hubs. */
export function acceptRecords(hub: HubContext, path: RecordPath): Handler {
  return async ({ message, params }) => {
    checkJsonBody(message)
    const frontier = hub.context.frontier(params[0]!)
    const body = await readBody(message, SOCKET_LIMITS.bodyBytesMax)
    try {
      return await accept(hub, frontier, readRecord(body, { path, frontier: frontier.log.name }))
    } catch (error) {
      if (hasCode(error, 'ERR_ENTRY') || hasCode(error, 'ERR_JSON') || hasCode(error, 'ERR_INSTANT'))
        return problemOf(error, { status: 422 })
      if (!hasCode(error, 'ERR_ENTRY_SIGNATURE')) throw error
      return problemOf(error, { status: 401, headers: { 'www-authenticate': 'Vela-Record' } })
    }
  }
}

function readRecord(body: Uint8Array, expected: { path: RecordPath; frontier: string }): OwnershipRecord {
  const record = readOwnershipRecord(body)
  if (record.schema !== SCHEMAS[expected.path])
    throw new ReplicaError('ERR_ENTRY', 'records of this schema belong to another path')
  if (record.vfr_id !== expected.frontier) throw new ReplicaError('ERR_ENTRY', 'the record is for another frontier')
  return record
}

async function accept(
  { context, owners }: HubContext,
  frontier: Frontier,
  record: OwnershipRecord,
): Promise<RouteResponse> {
  const { name } = frontier.log
  checkTime(timeOf(record), context.now())
  const verdict = await owners.take(frontier, record)
  const message = `${verdict === 'taken' ? 'accepted a record' : 'received a known record'} of ${name}`
  context.emit({ kind: 'session', message, facts: { frontier: name, schema: record.schema, verdict } })
  const { owner, deprecation } = await owners.of(frontier)
  const members = {
    ok: true,
    duplicate: verdict === 'duplicate',
    vfr_id: name,
    owner_pubkey: owner,
    deprecated: deprecation !== undefined,
  }
  return uncachedJson(members)
}

function timeOf(record: OwnershipRecord): string {
  if (record.schema === ROTATION_SCHEMA) return record.rotated_at
  return record.schema === DEPRECATION_SCHEMA ? record.deprecated_at : record.authorized_at
}

/** Returns the current maintainers. */
export async function maintainers({ context, owners }: HubContext, { params }: RequestContext): Promise<RouteResponse> {
  const frontier = context.frontier(params[0]!)
  const { maintainers: keys } = await owners.of(frontier)
  return jsonResponse(printJson(toJson({ vfr_id: frontier.log.name, maintainers: [...keys] })))
}

/** Returns the owner's key, and the deprecation if there is one. */
export async function status({ context, owners }: HubContext, { params }: RequestContext): Promise<RouteResponse> {
  const frontier = context.frontier(params[0]!)
  const { owner, deprecation } = await owners.of(frontier)
  const record = deprecation === undefined ? 'null' : printOwnershipRecord(deprecation)
  const key = owner === '' ? 'null' : JSON.stringify(owner)
  const state = deprecation === undefined ? 'live' : 'deprecated'
  return jsonResponse(
    `{"deprecation":${record},"owner_pubkey":${key},"status":"${state}","vfr_id":"${frontier.log.name}"}`,
  )
}
