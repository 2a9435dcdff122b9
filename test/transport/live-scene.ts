// Replicas joined by real sockets, for tests of live channels: each may dial and be dialled, and writes events on the heads
// that it sees.

import { appendEvent } from '../../src/replica/append.ts'
import type { SessionOptions } from '../../src/transport/session.ts'
import { type ReplicaPort, Session } from '../../src/transport/session.ts'
import { clientConfig, FRONTIER, hubConfig, type Local, logOf } from '../sync/local.ts'
import type { Loopback } from './loopback.ts'

export interface Joined {
  /** The client's end. */
  readonly dialled: Session
  readonly served: Session
}

export interface JoinOptions {
  readonly services?: { readonly client?: Partial<ReplicaPort>; readonly hub?: Partial<ReplicaPort> }
  readonly client?: SessionOptions
  readonly hub?: SessionOptions
}

/** A session over a socket, after the handshake. */
export async function join(loopback: Loopback, client: Local, hub: Local, options: JoinOptions = {}): Promise<Joined> {
  const { near, far } = await loopback.pair()
  const { services = {} } = options
  const config = clientConfig(client, hub, { host: near.host })
  const dialled = new Session(near.link, config, { ...client.services, ...services.client }, options.client)
  const hubServices = { ...hub.services, ...services.hub }
  const served = new Session(far.link, hubConfig(hub, { host: far.host }), hubServices, options.hub)
  await dialled.ready
  return { dialled, served }
}

/** Makes events one after the other. */
export async function write(at: Local, label: string, count: number, bytes = 0): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await appendEvent(at.context, {
      frontier: FRONTIER,
      event: {
        kind: 'finding.noted',
        target: { type: 'finding', id: 'vf_1' },
        actor: { id: 'reviewer:one', type: 'human' },
        reason: `${label} ${i}`,
        timestamp: '2026-01-01T00:00:00.000Z',
        payload: { text: 'x'.repeat(bytes) },
      },
    })
  }
}

/** Whether all have the same heads and so many nodes. */
export function areEqual(nodes: number, ...all: readonly Local[]): boolean {
  const [first] = all
  return all.every(at => logOf(at).nodes === nodes && digestOf(at) === digestOf(first!))
}

function digestOf(at: Local): string {
  return Buffer.from(logOf(at).headsDigest()).toString('hex')
}
