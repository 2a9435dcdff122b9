// Records what this replica observed, and never sends it to peers: changed peers and keys, adopted
// registries, syncs, opened conflicts, comparisons, forks. An entry is a record under
// `journal/<frontier>/<number>`. Numbers ascend without gaps, and a further record says where the
// journal ends. Spec: protocol/journal.md.

import { type Digest, sha256, toHex } from '../base/bytes.ts'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { JOURNAL_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import { decodeCbor, encodeCbor } from '../cbor/dag-cbor.ts'
import type { Key } from '../crypto/key.ts'
import type { LoggedEvent } from '../event/event.ts'
import { checkEvent } from '../event/event.ts'
import type { RecordChange, Records, StoreSharing } from '../store/store.ts'
import {
  checkEntry,
  type JournalEntry,
  type JournalFacts,
  makeEntry,
  type Observation,
  readJournalEntry,
} from './journal-entry.ts'

export type { JournalEntry, JournalFacts, Observation }

const DIGITS = 12
const PAGE = 256

/** Number of entries, and the hash of the last. */
interface End {
  readonly count: number
  readonly last: Digest | undefined
}

export class Journal {
  readonly #records: Records
  readonly #clock: () => Date
  readonly #key: () => Key
  readonly #sharing: StoreSharing | undefined
  readonly #ends = new Map<string, End>()
  readonly #mutex = new Mutex()

  /** `key` returns the replica's key at the time of the call. */
  constructor(
    records: Records,
    options: { readonly clock: () => Date; readonly key: () => Key; readonly sharing?: StoreSharing | undefined },
  ) {
    this.#records = records
    this.#sharing = options.sharing
    this.#clock = options.clock
    this.#key = options.key
  }

  /**
   * Writes an entry, with the canonical JSON of a federation event if it records one. Durable when
   * it returns. Entries of all frontiers are written one after another.
   * @throws ReplicaError ERR_JOURNAL, ERR_EVENT_…
   */
  async write(frontier: string, kind: string, facts: JournalFacts, event?: Uint8Array): Promise<void> {
    await this.writeAll(frontier, [{ kind, facts, event }])
  }

  /**
   * Writes several entries in one batch: all, or none if it throws.
   * @throws ReplicaError ERR_JOURNAL, ERR_EVENT_…
   */
  writeAll(frontier: string, observed: readonly Observation[]): Promise<void> {
    const at = this.#clock().toISOString()
    return this.#exclusive(frontier, async () => {
      let { count, last } = this.#ends.get(frontier) ?? (await this.#end(frontier))
      const changes: RecordChange[] = []
      for (const one of observed) {
        const value = makeEntry({ ...one, at }, { frontier, number: count, prev: last }, this.#key())
        changes.push({ key: keyOf(frontier, count), value })
        count += 1
        last = sha256(value)
      }
      if (last === undefined || changes.length === 0) return
      await this.#records.write([...changes, { key: endKey(frontier), value: encodeCbor({ count, last }) }])
      // Other processes write to the journal of a shared store.
      if (this.#sharing === undefined) this.#ends.set(frontier, { count, last })
    })
  }

  #exclusive(frontier: string, task: () => Promise<void>): Promise<void> {
    const sharing = this.#sharing
    return this.#mutex.run(() => (sharing === undefined ? task() : sharing.exclusive(`journal/${frontier}`, task)))
  }

  /**
   * Returns entries in order, after number `after`, at most `limit`.
   * @throws ReplicaError ERR_JOURNAL for an entry that can't be read
   */
  async list(frontier: string, options: { after?: number; limit: number }): Promise<JournalEntry[]> {
    const rows = await rowsOf(this.#records, frontier, options)
    return rows.map(({ number, value }) => readJournalEntry(value, number))
  }

  /**
   * Yields the federation events that entries record, oldest first.
   * @throws ReplicaError ERR_JOURNAL, ERR_EVENT_…
   */
  async *events(frontier: string): AsyncGenerator<LoggedEvent> {
    for await (const { number, value } of allRows(this.#records, frontier)) {
      const { event } = readJournalEntry(value, number)
      if (event !== undefined) yield { text: event, head: checkEvent(event) }
    }
  }

  /** Reads the end record. A journal from before there was one is counted. */
  async #end(frontier: string): Promise<End> {
    const stored = await storedEnd(this.#records, frontier)
    if (stored !== undefined) return stored
    let end: End = { count: 0, last: undefined }
    for await (const { number, value } of allRows(this.#records, frontier))
      end = { count: number + 1, last: sha256(value) }
    return end
  }
}

/**
 * Returns the faults of a frontier's journal, at most `JOURNAL_LIMITS.faultsMax`. `ownKeys`: 64 hex
 * digits each.
 */
export async function verifyJournal(
  records: Records,
  frontier: string,
  ownKeys: ReadonlySet<string>,
): Promise<string[]> {
  const faults: string[] = []
  const note = (fault: string): void => {
    if (faults.length < JOURNAL_LIMITS.faultsMax) faults.push(fault)
  }
  let next = 0
  let prev: Digest | undefined
  let mayBeUnsigned = true
  for await (const { number, value } of allRows(records, frontier)) {
    if (number !== next) note(`journal entry ${next} is missing`)
    try {
      const { key } = checkEntry(value, { frontier, number, prev, ownKeys, mayBeUnsigned })
      mayBeUnsigned &&= key === undefined
    } catch (error) {
      if (!hasCode(error)) throw error
      note(`journal entry ${number}: ${error.message}`)
    }
    prev = sha256(value)
    next = number + 1
  }
  const end = await storedEnd(records, frontier)
  const sameEnd = end === undefined ? mayBeUnsigned : end.count === next && sameHash(end.last, prev)
  if (!sameEnd) note(`the journal does not end at entry ${(end?.count ?? next) - 1} as recorded`)
  return faults
}

interface Row {
  readonly number: number
  readonly value: Uint8Array
}

async function* allRows(records: Records, frontier: string): AsyncGenerator<Row> {
  let after: number | undefined
  for (;;) {
    const page = await rowsOf(records, frontier, { ...(after === undefined ? {} : { after }), limit: PAGE })
    yield* page
    after = page.at(-1)?.number
    if (after === undefined) return
  }
}

async function rowsOf(
  records: Records,
  frontier: string,
  { after, limit }: { after?: number; limit: number },
): Promise<Row[]> {
  const from = after === undefined ? {} : { after: keyOf(frontier, after) }
  const rows = await records.list(prefixOf(frontier), { ...from, limit })
  return rows.map(({ key, value }) => ({ number: Number(key.slice(-DIGITS)), value }))
}

async function storedEnd(records: Records, frontier: string): Promise<End | undefined> {
  const value = await records.get(endKey(frontier))
  if (value === undefined) return undefined
  const end = decodeCbor(value) as { count?: unknown; last?: unknown }
  if (typeof end.count === 'number' && end.last instanceof Uint8Array) return { count: end.count, last: end.last }
  throw new ReplicaError('ERR_JOURNAL', 'the record of the end of the journal is damaged')
}

function sameHash(a: Digest | undefined, b: Digest | undefined): boolean {
  return a !== undefined && b !== undefined && toHex(a) === toHex(b)
}

function endKey(frontier: string): string {
  return `journal-end/${frontier}`
}

function prefixOf(frontier: string): string {
  return `journal/${frontier}/`
}

function keyOf(frontier: string, number: number): string {
  return `${prefixOf(frontier)}${String(number).padStart(DIGITS, '0')}`
}
