// One session between two replicas over an in-memory link, from hello to the end, with what crossed it.

import type { SetTimer } from '../../src/base/timer.ts'
import type { Channel } from '../../src/sync/connection.ts'
import { unpackBlocks } from '../../src/sync/frame-packing.ts'
import type { Message, Mode } from '../../src/sync/message.ts'
import { decodeMessage } from '../../src/sync/message.ts'
import { type LinkFault, memoryLinkPair } from '../../src/transport/link.ts'
import { type ReplicaPort, Session, type SessionStats } from '../../src/transport/session.ts'
import { clientConfig, FRONTIER, hubConfig, type Local, logOf } from './local.ts'

export interface Meeting {
  readonly client: Local
  readonly hub: Local
  readonly mode: Mode
  readonly frontier?: string
  readonly fate?: (frame: Uint8Array, from: 'a' | 'b', index: number) => LinkFault | Promise<LinkFault>
  readonly setTimer?: SetTimer
  /** Around the services of either side. */
  readonly wrap?: (services: ReplicaPort, at: Local) => ReplicaPort
  readonly compress?: boolean
}

export interface Met {
  /** Undefined when the session failed. */
  readonly channel: Channel | undefined
  /** Codes of what ended either side out of order. */
  readonly errors: readonly string[]
  /** As the client counted. */
  readonly stats: SessionStats
}

export async function meet(meeting: Meeting): Promise<Met> {
  const { client, hub, mode, frontier = FRONTIER, fate, setTimer, wrap = services => services } = meeting
  const [a, b] = memoryLinkPair(fate === undefined ? {} : { fate })
  const { compress = false } = meeting
  const dialled = new Session(a, clientConfig(client, hub, { compress }), wrap(client.services, client), {
    setTimer,
  })
  const served = new Session(b, hubConfig(hub, { compress }), wrap(hub.services, hub), { setTimer })
  const errors: string[] = []
  const note = (error: { code?: string }): undefined => {
    errors.push(error.code ?? String(error))
  }
  let channel: Channel | undefined
  try {
    await dialled.ready
    channel = await dialled.open(frontier, mode)
    dialled.close()
  } catch (error) {
    note(error as { code?: string })
  }
  await Promise.all([dialled.done.catch(note), served.done.catch(note)])
  return { channel, errors, stats: dialled.stats }
}

/** Services that fail a session in which a node comes that is stored already. */
export function wantsNothingTwice(services: ReplicaPort, at: Local): ReplicaPort {
  return {
    ...services,
    async admit(frontier, blocks, peer) {
      const stored = await logOf(at, frontier).locate(blocks.map(({ digest }) => digest))
      const twice = stored.filter(place => place !== undefined).length
      if (twice > 0) throw new TypeError(`${twice} of ${blocks.length} nodes are stored at ${at.name} already`)
      return services.admit(frontier, blocks, peer)
    },
  }
}

/** A note of each frame that crosses a link: who sent it, what it was, how many nodes it had. */
export class Tape {
  readonly frames: { readonly from: 'client' | 'hub'; readonly message: Message; readonly bytes: number }[] = []

  readonly fate = (frame: Uint8Array, from: 'a' | 'b'): LinkFault => {
    this.frames.push({ from: from === 'a' ? 'client' : 'hub', message: decodeMessage(frame), bytes: frame.length })
    return 'deliver'
  }

  count(type: Message['t']): number {
    return this.frames.filter(({ message }) => message.t === type).length
  }

  get bytes(): number {
    return this.frames.reduce((sum, frame) => sum + frame.bytes, 0)
  }

  /** Bytes of everything but the nodes themselves. */
  get overhead(): number {
    return this.bytes - this.nodeBytes
  }

  get nodes(): number {
    return this.#nodes().length
  }

  get nodeBytes(): number {
    return this.#nodes().reduce((sum, node) => sum + node.length, 0)
  }

  #nodes(): Uint8Array[] {
    return this.frames.flatMap(({ message }) =>
      message.t === 'blocks' || message.t === 'packed' ? [...unpackBlocks(message)] : [],
    )
  }
}
