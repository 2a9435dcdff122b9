// What a hub that is not honest does to its own frames: it runs the real program, so it gets as deep into a session as any,
// and then loses, repeats, swaps, forges and spoils what it sends, says things of other sessions, or stops saying anything.

import { sha256, utf8 } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../../src/cbor/dag-cbor.ts'
import { encodeMessage } from '../../src/sync/message.ts'
import type { Link } from '../../src/transport/link.ts'
import { chain, keyOf } from './local.ts'
import type { Random } from './random.ts'

/** Frames kept to be said again elsewhere. */
const MEMORY_MAX = 64

export class Byzantine {
  readonly #random: Random
  readonly #memory: Uint8Array[] = []
  /** Frames that were not what the program wanted to send. */
  lies = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** The same link, with lies on it. */
  between(link: Link): Link {
    const rate = this.#random.pick([0.01, 0.05, 0.2, 0.5])
    let isSilent = false
    const send = (frame: Uint8Array): void => {
      if (isSilent) return
      if (this.#memory.length < MEMORY_MAX) this.#memory.push(frame)
      else this.#memory[this.#random.below(MEMORY_MAX)] = frame
      if (!this.#random.chance(rate)) return link.send(frame)
      this.lies += 1
      if (this.#random.chance(0.05)) isSilent = true
      for (const lie of this.#instead(frame)) link.send(lie)
    }
    return {
      remote: link.remote,
      get buffered() {
        return link.buffered
      },
      get receivedBytes() {
        return link.receivedBytes
      },
      isBackedUp: false,
      send,
      drained: () => link.drained(),
      next: () => link.next(),
      close: (code, reason) => link.close(code, reason),
    }
  }

  #instead(frame: Uint8Array): Uint8Array[] {
    const random = this.#random
    switch (random.below(8)) {
      case 0:
        return []
      case 1:
        return [frame, frame]
      case 2:
        return [flipped(frame, random)]
      case 3:
        return [frame.subarray(0, random.below(frame.length))]
      case 4:
        return [random.pick(this.#memory), frame]
      case 5:
        return [frame, this.#forged()]
      case 6:
        return [sha256(utf8(String(random.next())))]
      default:
        return [this.#altered(frame)]
    }
  }

  /** Nodes that nobody asked for: of a stranger, on parents that nobody has, with a signature that isn't one. */
  #forged(): Uint8Array {
    const random = this.#random
    const key = keyOf(random.chance(0.5) ? 'stranger' : 'byzantine')
    const made = chain(key, `forged ${random.next()}`, 1 + random.below(3)).map(({ bytes }) => bytes)
    const nodes = random.chance(0.5) ? made.slice(1) : made
    const spoilt = nodes.map(node => (random.chance(0.3) ? flipped(node, random) : node))
    return encodeMessage({ t: 'blocks', ch: 1 + random.below(2), nodes: spoilt.length === 0 ? made : spoilt })
  }

  /** A message with one of its fields made another. */
  #altered(frame: Uint8Array): Uint8Array {
    const random = this.#random
    const message = decoded(frame)
    if (message === undefined) return flipped(frame, random)
    const name = random.pick(Object.keys(message))
    const value = message[name]!
    return encodeCbor({ ...message, [name]: other(value, random) })
  }
}

function decoded(frame: Uint8Array): { [key: string]: CborValue } | undefined {
  try {
    return decodeCbor(frame) as { [key: string]: CborValue }
  } catch (error) {
    if (hasCode(error, 'ERR_CBOR')) return undefined // a lie about to be told twice
    throw error
  }
}

function other(value: CborValue, random: Random): CborValue {
  if (typeof value === 'number') return Math.max(0, value + random.pick([-1, 1, 1000, 2 ** 40]))
  if (typeof value === 'boolean') return !value
  if (value instanceof Uint8Array) return value.length === 0 ? utf8('x') : flipped(value, random)
  if (Array.isArray(value)) return random.chance(0.5) ? [...value, ...value] : value.slice(1)
  return typeof value === 'string' ? random.pick(['end', 'blocks', 'ack', 'report', 'stop', 'both', value]) : null
}

function flipped(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[random.below(copy.length)]! ^= 1 << random.below(8)
  return copy
}
