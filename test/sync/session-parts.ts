// What the sessions for the vectors are made of: two replicas that know each other, at the turn where something happens.

import { compare, type Digest, sha256, utf8 } from '../../src/base/bytes.ts'
import type { ErrorCode } from '../../src/base/errors.ts'
import type { ClientConfig, HubConfig } from '../../src/sync/connection.ts'
import { NO_TRACE } from '../../src/sync/log-trace.ts'
import type { Message, OpenMessage } from '../../src/sync/message.ts'
import { chain, circle, FRONTIER, keyOf, type Local, plant } from './local.ts'
import { Scene } from './scene.ts'

export interface Session {
  /** Name of the vector file, without its ending. */
  readonly file: string
  readonly rule: string
  readonly name: string
  /** The code that the session ends with, or the request or channel. */
  readonly error?: ErrorCode
  readonly run: () => Promise<Scene>
}

export type Blocks = Message & { t: 'blocks' }

/** A laptop (the client) and a main hub that know each other, both empty. */
export async function pair(configs: { client?: Partial<ClientConfig>; hub?: Partial<HubConfig> } = {}): Promise<Parts> {
  const [client, hub] = await circle('laptop', 'main')
  return { client: client!, hub: hub!, scene: new Scene(client!, hub!, configs) }
}

export interface Parts {
  readonly client: Local
  readonly hub: Local
  readonly scene: Scene
}

/** The same after the handshake, with the hub's nodes and the client's. */
export async function ready(hubNodes = 0, clientNodes = 0): Promise<Parts> {
  const parts = await pair()
  const all = chain(keyOf('main'), 'event', Math.max(hubNodes, clientNodes))
  await plant(parts.hub, all.slice(0, hubNodes))
  await plant(parts.client, all.slice(0, clientNodes))
  await parts.scene.shakeHands()
  return parts
}

/** After the handshake: three nodes of both, two more at the hub, one more at the client. */
export async function diverged(): Promise<Parts> {
  const parts = await pair()
  const base = chain(keyOf('main'), 'base', 3)
  for (const at of [parts.client, parts.hub]) await plant(at, base)
  await plant(parts.hub, chain(keyOf('main'), 'on the hub', 2, base.at(-1)))
  await plant(parts.client, chain(keyOf('laptop'), 'on the laptop', 1, base.at(-1)))
  await parts.scene.shakeHands()
  return parts
}

const EMPTY_DIGEST = sha256(new Uint8Array(0))
export const madeUp = (name: string): Digest => sha256(utf8(name))

/** An open as a client with these heads would send it. */
export function openOf(mode: OpenMessage['mode'], fields: Partial<OpenMessage> = {}): OpenMessage {
  const heads = [...(fields.heads ?? [])]
  return {
    t: 'open',
    ch: 1,
    frontier: FRONTIER,
    mode,
    store: sha256(utf8('store of laptop')).subarray(0, 16),
    count: heads.length,
    headCount: heads.length,
    digest: heads.length === 0 ? EMPTY_DIGEST : sha256(Buffer.concat(heads)),
    trace: NO_TRACE,
    registry: madeUp('registry'),
    heads,
    more: false,
    cursor: null,
    ...fields,
  }
}

export const twoHeads = (): Digest[] => [madeUp('one'), madeUp('two')].sort(compare)

export function blocksOf(...nodes: readonly { readonly bytes: Uint8Array }[]): Blocks {
  return { t: 'blocks', ch: 1, nodes: nodes.map(({ bytes }) => bytes) }
}
