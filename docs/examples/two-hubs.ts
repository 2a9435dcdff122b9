// Two hubs follow each other: an event that is appended at one arrives at the other without a push or a pull.

import { Hub } from 'frontier-replica/hub'

const frontier = 'vfr_228826dc9ec1a4fb'
const north = await Hub.listen({ location: './north', create: true, port: 0, hubId: 'hub:north' })
const south = await Hub.listen({ location: './south', create: true, port: 0, hubId: 'hub:south' })

// Each registers the other. `live: 'pull'` keeps a link over which the nodes of the other one come in.
const entryOf = (hub: Hub) => ({ id: hub.replica.hubId, url: hub.url, publicKey: hub.replica.key.publicKey })
await north.replica.registry(frontier).add({ ...entryOf(south), live: 'pull' })
await south.replica.registry(frontier).add({ ...entryOf(north), live: 'pull' })

// Subscribe before the event is made.
const arrivals = south.replica.changes(frontier, { limit: 1, signal: AbortSignal.timeout(30_000) })

await north.replica.append(frontier, {
  kind: 'finding.noted',
  target: { type: 'finding', id: 'vf_04f7f6513eaa1b4d' },
  actor: { id: 'reviewer:ada' },
  reason: 'first look',
})

for await (const { event, key } of arrivals) {
  console.log(event?.reason) // → first look
  console.log(key === north.replica.key.publicKey) // → true
}
console.log(north.replica.headsDigest(frontier) === south.replica.headsDigest(frontier)) // → true

await Promise.all([north.close(), south.close()])
