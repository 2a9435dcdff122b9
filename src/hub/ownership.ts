// Whose word stands for a frontier here, and the entries that owners have published, one for each frontier. A frontier is
// its hub's own when the first node stored of it is; otherwise its owner is the key of that node, and publishes here.
// Nobody else's entry changes anything. Specification: protocol/http.md, H13 and H14.

import { fromHex, toHex } from '../bytes.ts'
import { decodeNode } from '../codec/node.ts'
import { ReplicaError } from '../errors.ts'
import { HTTP_LIMITS } from '../limits.ts'
import type { Frontier } from '../replica/frontier.ts'
import type { Home } from '../replica/home.ts'
import { verify } from '../trust/verify.ts'
import { parseInstant } from '../vela/instant.ts'
import { type Ownership, replayOwnership } from '../vela/ownership.ts'
import { judgePublication } from '../vela/publish.ts'
import type { RegistryEntry } from '../vela/registry-entry.ts'
import { Published } from './published.ts'

/** What came with an entry, read when the entry's own claims hold. */
export type ReadContent = () => NonNullable<Parameters<typeof judgePublication>[1]['content']>

export class Owners {
  readonly #home: Home
  readonly #first = new Map<string, string>()
  readonly published: Published
  #turn: Promise<unknown> = Promise.resolve()

  constructor(home: Home) {
    this.#home = home
    this.published = new Published(home.store.records)
  }

  /** The key of the first node stored: 64 hex digits. @throws ReplicaError ERR_NOT_FOUND for a frontier without nodes */
  async ownerOf({ log }: Frontier): Promise<string> {
    const known = this.#first.get(log.name)
    if (known !== undefined) return known
    if (log.nodes === 0) throw new ReplicaError('ERR_NOT_FOUND', `${log.name} has no events here yet`)
    const [row] = await log.read([0])
    const key = toHex(decodeNode(row!.bytes).key)
    this.#first.set(log.name, key)
    return key
  }

  /** Whether this hub signs entries for the frontier: its owner is this replica, under its present key or one that was never cut off. */
  async isOwn(frontier: Frontier): Promise<boolean> {
    const owner = await this.ownerOf(frontier)
    return this.#home.ownKeys.has(owner) && frontier.registry.verdict(fromHex(owner)!) === 'registered'
  }

  /**
   * Takes an entry over what stands, when its owner published it; publications are judged one after another.
   * @throws ReplicaError as judgePublication; ERR_INSTANT for a time to come; ERR_FRONTIER_UNKNOWN, ERR_NOT_FOUND
   */
  publish(entry: RegistryEntry, content: ReadContent | undefined): Promise<'first' | 'next' | 'duplicate'> {
    const run = this.#turn.then(() => this.#publish(entry, content))
    this.#turn = run.catch(() => {})
    return run
  }

  async #publish(entry: RegistryEntry, read: ReadContent | undefined): Promise<'first' | 'next' | 'duplicate'> {
    const frontier = this.#home.at(entry.vfr_id)
    const name = frontier.log.name
    const ownership: Ownership = replayOwnership(await this.ownerOf(frontier), [], { frontier: name, verify })
    const live = (await this.published.of(name))?.latest
    const publication = { live, ownership, verify }
    const verdict = judgePublication(entry, { ...publication, content: undefined })
    checkTime(entry, this.#home.now())
    if (read !== undefined) judgePublication(entry, { ...publication, content: read() })
    if (verdict === 'duplicate') return verdict
    await this.published.add(entry)
    return verdict
  }
}

/** An entry from the far future would stand until then. */
function checkTime(entry: RegistryEntry, now: string): void {
  const ahead = parseInstant(entry.signed_publish_at).seconds - parseInstant(now).seconds
  if (ahead * 1000 > HTTP_LIMITS.publishAheadMsMax)
    throw new ReplicaError('ERR_INSTANT', 'the entry is of a time to come: compare the clocks')
}
