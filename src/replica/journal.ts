// The replica's own observations, never sent to peers: peers added and removed, keys rotated, registries adopted, syncs that
// changed something, forks. An entry is a record under `journal/<frontier>/<number>`; numbers ascend without gaps.

import { type CborValue, decodeCbor, encodeCbor } from '../codec/cbor.ts'
import type { Records } from '../store/store.ts'

const DIGITS = 12
const PAGE = 256

export interface JournalEntry {
  readonly number: number
  /** RFC 3339, this machine's clock. */
  readonly at: string
  readonly kind: string
  readonly facts: { readonly [name: string]: CborValue }
}

export class Journal {
  readonly #records: Records
  readonly #clock: () => Date
  readonly #next = new Map<string, number>()
  #tail: Promise<unknown> = Promise.resolve()

  constructor(records: Records, clock: () => Date) {
    this.#records = records
    this.#clock = clock
  }

  /** Durable when it returns. Entries of all frontiers are written one after another. */
  write(frontier: string, kind: string, facts: JournalEntry['facts']): Promise<void> {
    const at = this.#clock().toISOString()
    const run = this.#tail.then(async () => {
      const number = this.#next.get(frontier) ?? (await this.#end(frontier))
      await this.#records.write([{ key: keyOf(frontier, number), value: encodeCbor({ at, kind, facts }) }])
      this.#next.set(frontier, number + 1)
    })
    this.#tail = run.catch(() => {})
    return run
  }

  /** Entries in order, after number `after`, at most `limit`. */
  async list(frontier: string, options: { after?: number; limit: number }): Promise<JournalEntry[]> {
    const { after, limit } = options
    const from = after === undefined ? {} : { after: keyOf(frontier, after) }
    const rows = await this.#records.list(prefixOf(frontier), { ...from, limit })
    return rows.map(({ key, value }) => {
      const entry = decodeCbor(value) as { at: string; kind: string; facts: JournalEntry['facts'] }
      return { number: Number(key.slice(-DIGITS)), ...entry }
    })
  }

  async #end(frontier: string): Promise<number> {
    let after: number | undefined
    for (;;) {
      const page = await this.list(frontier, { ...(after === undefined ? {} : { after }), limit: PAGE })
      const last = page.at(-1)
      if (last === undefined) return after === undefined ? 0 : after + 1
      after = last.number
    }
  }
}

function prefixOf(frontier: string): string {
  return `journal/${frontier}/`
}

function keyOf(frontier: string, number: number): string {
  return `${prefixOf(frontier)}${String(number).padStart(DIGITS, '0')}`
}
