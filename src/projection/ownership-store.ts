// Determines the owner of a frontier: first the key of the first node, then the registry, which
// replaces and cuts keys, and the signed records of owners: rotations, maintainers, deprecation. A
// record is judged when it arrives and stored with the owner of that time, so that later changes of
// the registry do not undo it. Spec: protocol/http.md, H13 and H21; protocol/registry-entry.md, E11
// to E16.

import { founderKey } from '../admission/founder.ts'
import { fromHex, utf8 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { HTTP_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import { verify } from '../crypto/ed25519.ts'
import { parseJson, printJson } from '../json/json.ts'
import { decodeNode } from '../node/node.ts'
import type { Frontier } from '../replica/frontier.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import {
  applyOwnershipRecord,
  initialOwnership,
  type Ownership,
  type OwnershipRecord,
  type OwnershipState,
  ownershipFrom,
  printOwnershipRecord,
  readOwnershipRecord,
} from '../vela/federation/ownership.ts'

/** No key is the empty string. */
const NOBODY = ''

export class OwnershipStore {
  readonly #context: ReplicaContext
  readonly #known = new Map<string, Promise<OwnershipState>>()
  readonly #mutex = new Mutex()

  constructor(context: ReplicaContext) {
    this.#context = context
  }

  /**
   * Returns the key that may publish now, 64 hex digits, or an empty string; and the state of the
   * records.
   * @throws ReplicaError ERR_NOT_FOUND for a frontier without nodes
   */
  async of(frontier: Frontier): Promise<Ownership> {
    const ownership = ownershipFrom(await this.#standing(frontier))
    return { ...ownership, owner: this.#successor(frontier, ownership.owner), refused: [] }
  }

  /**
   * Returns whether this replica owns the frontier.
   * @throws ReplicaError ERR_NOT_FOUND
   */
  async isOwn(frontier: Frontier): Promise<boolean> {
    return (await this.of(frontier)).owner === this.#context.key.publicKey
  }

  /**
   * Returns the key whose entries at other hubs are accepted; empty for none. Undefined if the
   * owner is unknown: the frontier has no nodes, or this replica imported it from a file.
   */
  async known(frontier: Frontier): Promise<string | undefined> {
    if (frontier.log.nodes === 0) return undefined
    const { owner } = await this.of(frontier)
    if (owner !== this.#context.key.publicKey) return owner
    const [row] = await frontier.log.read([0])
    return decodeNode(row!.bytes).links.length > 0 ? undefined : owner
  }

  /**
   * Checks and stores a record. Durable when it returns. Calls are serialized.
   * @throws ReplicaError ERR_ENTRY, ERR_ENTRY_SIGNATURE, ERR_ENTRY_OWNER, ERR_ENTRY_STALE,
   * ERR_NOT_FOUND
   */
  take(frontier: Frontier, record: OwnershipRecord): Promise<'taken' | 'duplicate'> {
    return this.#mutex.run(() => this.#take(frontier, record))
  }

  async #take(frontier: Frontier, record: OwnershipRecord): Promise<'taken' | 'duplicate'> {
    const { name } = frontier.log
    const before = await this.#standing(frontier)
    const isCut = typeof frontier.registry.verdict(fromHex(record.signer_pubkey_hex)!) !== 'string'
    const owner = isCut ? NOBODY : this.#successor(frontier, before.owner)
    const after = applyOwnershipRecord(before, record, { frontier: name, verify, owner })
    if (after === before) return 'duplicate'
    const place = before.counted.size
    if (place >= HTTP_LIMITS.ownershipRecordsMax)
      throw new ReplicaError(
        'ERR_ENTRY_STALE',
        `a frontier can have at most ${HTTP_LIMITS.ownershipRecordsMax} records`,
      )
    const value = new Map([
      ['owner', owner],
      ['record', parseJson(printOwnershipRecord(record))],
    ])
    await this.#context.store.records.write([{ key: recordKey(name, place), value: utf8(printJson(value)) }])
    this.#known.set(name, Promise.resolve(after))
    return 'taken'
  }

  #standing(frontier: Frontier): Promise<OwnershipState> {
    const { name } = frontier.log
    let known = this.#known.get(name)
    if (known === undefined) {
      known = this.#read(frontier)
      this.#known.set(name, known)
      known.catch(() => this.#known.delete(name))
    }
    return known
  }

  async #read(frontier: Frontier): Promise<OwnershipState> {
    const { name } = frontier.log
    let standing = initialOwnership(await founderOf(frontier))
    const limit = HTTP_LIMITS.ownershipRecordsMax
    for (const { key, value } of await this.#context.store.records.list(`ownership/${name}/`, { limit })) {
      const kept = parseJson(value)
      const [owner, record] = kept instanceof Map ? [kept.get('owner'), kept.get('record')] : []
      if (typeof owner !== 'string' || !(record instanceof Map))
        throw new ReplicaError('ERR_STORE_CORRUPT', `can't read the record ${key}`)
      standing = applyOwnershipRecord(standing, readOwnershipRecord(printJson(record)), {
        frontier: name,
        verify,
        owner,
      })
    }
    return standing
  }

  /** Returns the key that replaced this one by the registry, or the key itself. */
  #successor({ registry }: Frontier, key: string): string {
    const { ownKeys, key: own } = this.#context
    if (ownKeys.has(key)) return own.publicKey
    const verdict = registry.verdict(fromHex(key)!)
    return typeof verdict === 'string' ? key : (registry.get(verdict.cut.id)?.publicKey ?? NOBODY)
  }
}

/**
 * Returns the founder's key.
 * @throws ReplicaError ERR_NOT_FOUND for a frontier without nodes
 */
async function founderOf({ log }: Frontier): Promise<string> {
  const key = await founderKey(log)
  if (key === undefined) throw new ReplicaError('ERR_NOT_FOUND', `${log.name} has no events here yet`)
  return key
}

function recordKey(frontier: string, place: number): string {
  return `ownership/${frontier}/${String(place).padStart(8, '0')}`
}
