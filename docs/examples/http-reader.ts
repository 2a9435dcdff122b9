// Reads a frontier from a hub by HTTP and verifies it: the entry by its signature, each event by its id. Any HTTP client
// can do this; protocol/http.md specifies the paths.

import * as crypto from 'node:crypto'
import { ReplicaError } from 'frontier-replica'
import { importEvent, type Json, parseJson, printJson } from 'frontier-replica/event'
import { Hub } from 'frontier-replica/hub'
import { readEntry, verifyEntry } from 'frontier-replica/vela'

// A hub to read from.
const hub = await Hub.listen({ location: './lab', create: true, port: 0 })
const { frontier } = await hub.replica.createFrontier({ name: 'Blood-brain barrier' })
const target = { type: 'finding', id: 'vf_04f7f6513eaa1b4d' }
for (const reason of ['one', 'two', 'three']) {
  await hub.replica.append(frontier, { kind: 'finding.noted', target, actor: { id: 'reviewer:ada' }, reason })
}

// The reader.
const base = hub.url.replace(/^ws/, 'http')

async function get(path: string): Promise<string> {
  const response = await fetch(base + path, { signal: AbortSignal.timeout(10_000) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${response.status} ${path}: ${text}`)
  return text
}

/** Ed25519. (The library's own rule in protocol/signature.md is stricter about unusual keys.) */
function verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key).toString('base64url') }
  return crypto.verify(null, message, crypto.createPublicKey({ key: jwk, format: 'jwk' }), signature)
}

const entry = readEntry(await get(`/entries/${frontier}`))
const isKnownOwner = entry.owner_pubkey === hub.replica.key.publicKey // from a source that the reader trusts
console.log(entry.name, isKnownOwner && verifyEntry(entry, verify)) // → Blood-brain barrier true

/** Reads a page of events. `parseJson` keeps the spelling of numbers, which the id of an event depends on. */
async function getPage(cursor: string | undefined): Promise<{ events: Json[]; next: string | undefined }> {
  const since = cursor === undefined ? '' : `&since=${cursor}`
  const page = parseJson(await get(`/entries/${frontier}/events?limit=2${since}`)) as Map<string, Json>
  return { events: page.get('events') as Json[], next: (page.get('next_cursor') as string | null) ?? undefined }
}

let cursor: string | undefined
do {
  const { events, next } = await getPage(cursor)
  for (const event of events) {
    const { head } = importEvent(printJson(event)) // throws ERR_EVENT_ID if the id is not that of the content
    console.log(head.kind, head.reason)
  }
  cursor = next
} while (cursor !== undefined)
// → frontier.created frontier compiled
// → finding.noted one
// → finding.noted two
// → finding.noted three

// A changed event is refused.
const { events } = await getPage(undefined)
try {
  importEvent(printJson(events[1]!).replace('"one"', '"two"'))
} catch (error) {
  if (error instanceof ReplicaError) console.log(error.code) // → ERR_EVENT_ID
}

await hub.close()
