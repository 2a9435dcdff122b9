// What a reader was told of last, for what it asks next: who has read an entry gets the snapshot that it is about, and who has
// read a frontier file gets the signature over it, also when events came in between. A reader is known by its address and its
// program: both may be shared, so this is a help and no promise, but what was told stays good for a while, however often
// it is asked for. HEAD changes nothing. Specification: protocol/http.md, H11.

import { sha256, utf8 } from '../base/bytes.ts'
import { HTTP_LIMITS } from '../base/limits.ts'
import { namesTag } from './response.ts'
import type { RequestContext } from './router.ts'
import type { Snapshot } from './snapshot-cache.ts'

const READERS_MAX = 4096
const PROGRAMS_MAX = 16

/** A capture by its file's hash, and how to make it again. */
export interface Promised {
  readonly hash: string
  readonly nodes: number
}

interface Told extends Promised {
  readonly at: number
}

export class Handed {
  readonly #clock: () => number
  readonly #last = new Map<string, Told>()

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock
  }

  tell(capture: Snapshot, asked: Asker): void {
    if (asked.request.method === 'HEAD') return
    const { frontier, fileHash: hash, nodes } = capture
    const key = keyOf(frontier, asked)
    this.#last.delete(key)
    this.#last.set(key, { hash, nodes, at: this.#clock() })
    const [oldest] = this.#last.keys()
    if (this.#last.size > READERS_MAX && oldest !== undefined) this.#last.delete(oldest)
  }

  /** What this reader was told of last. Who names the tag of that has it, and asks for what is now. */
  of(frontier: string, asked: Asker, tag: Tag): Promised | undefined {
    const told = this.#last.get(keyOf(frontier, asked))
    if (told === undefined || this.#clock() - told.at > HTTP_LIMITS.captureMsMax) return undefined
    return namesTag(asked.request, tag(told.hash)) ? undefined : told
  }
}

type Asker = Pick<RequestContext, 'request' | 'address'>

/** The tag, with its quotes, of what is asked for about the capture with this hash. */
export type Tag = (fileHash: string) => string

/** Programs are told apart by a few bits, so that one address can't push the others' out. */
function keyOf(frontier: string, { request, address }: Asker): string {
  const [bits] = sha256(utf8(request.headers['user-agent'] ?? ''))
  return `${frontier} ${address} ${bits! % PROGRAMS_MAX}`
}
