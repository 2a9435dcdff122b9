// A store engine of your own. This one wraps another engine and counts its commits. An engine from scratch implements the
// same interfaces: `MemoryStore` is the reference, and test/store/conformance.ts has the tests that every engine must pass.

import { Replica } from 'frontier-replica'
import { type FrontierStore, MemoryStore, type NodeEntry, type RecordChange, type Store } from 'frontier-replica/store'

class MeteredStore implements Store {
  commits = 0
  nodes = 0
  readonly #inner: Store
  readonly #logs = new Map<string, FrontierStore>()

  constructor(inner: Store) {
    this.#inner = inner
  }

  get id(): Uint8Array {
    return this.#inner.id
  }

  get records(): Store['records'] {
    return this.#inner.records
  }

  get held(): Store['held'] {
    return this.#inner.held
  }

  frontiers(): string[] {
    return this.#inner.frontiers()
  }

  async track(name: string): Promise<FrontierStore> {
    return this.#metered(await this.#inner.track(name))
  }

  frontier(name: string): FrontierStore {
    return this.#metered(this.#inner.frontier(name))
  }

  verify(options?: Parameters<Store['verify']>[0]): ReturnType<Store['verify']> {
    return this.#inner.verify(options)
  }

  diskBytes(): Promise<number> {
    return this.#inner.diskBytes()
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Returns the same handle for a frontier at each call. */
  #metered(log: FrontierStore): FrontierStore {
    const known = this.#logs.get(log.name)
    if (known !== undefined) return known
    const onCommit = (nodes: number): void => {
      this.commits += 1
      this.nodes += nodes
    }
    const metered = new MeteredLog(log, onCommit)
    this.#logs.set(log.name, metered)
    return metered
  }
}

class MeteredLog implements FrontierStore {
  readonly #log: FrontierStore
  readonly #onCommit: (nodes: number) => void

  constructor(log: FrontierStore, onCommit: (nodes: number) => void) {
    this.#log = log
    this.#onCommit = onCommit
  }

  async commit(nodes: readonly NodeEntry[], records?: readonly RecordChange[]): Promise<number> {
    const first = await this.#log.commit(nodes, records)
    this.#onCommit(nodes.length) // after the commit: a commit that fails does not count
    return first
  }

  get name(): string {
    return this.#log.name
  }

  get nodes(): number {
    return this.#log.nodes
  }

  get events(): number {
    return this.#log.events
  }

  get headCount(): number {
    return this.#log.headCount
  }

  get documents(): FrontierStore['documents'] {
    return this.#log.documents
  }

  texts(): ReturnType<FrontierStore['texts']> {
    return this.#log.texts()
  }

  absent(...args: Parameters<FrontierStore['absent']>): ReturnType<FrontierStore['absent']> {
    return this.#log.absent(...args)
  }

  setTexts(...args: Parameters<FrontierStore['setTexts']>): ReturnType<FrontierStore['setTexts']> {
    return this.#log.setTexts(...args)
  }

  heads(): ReturnType<FrontierStore['heads']> {
    return this.#log.heads()
  }

  headsDigest(): ReturnType<FrontierStore['headsDigest']> {
    return this.#log.headsDigest()
  }

  locate(digests: Parameters<FrontierStore['locate']>[0]): ReturnType<FrontierStore['locate']> {
    return this.#log.locate(digests)
  }

  read(seqs: readonly number[]): ReturnType<FrontierStore['read']> {
    return this.#log.read(seqs)
  }

  scan(options: Parameters<FrontierStore['scan']>[0]): ReturnType<FrontierStore['scan']> {
    return this.#log.scan(options)
  }

  snapshot(nodes: number): ReturnType<FrontierStore['snapshot']> {
    return this.#log.snapshot(nodes)
  }

  findByLabel(label: Uint8Array): Promise<number[]> {
    return this.#log.findByLabel(label)
  }

  sharedLabels(): AsyncIterable<Uint8Array> {
    return this.#log.sharedLabels()
  }

  findByEvent(events: Parameters<FrontierStore['findByEvent']>[0]): ReturnType<FrontierStore['findByEvent']> {
    return this.#log.findByEvent(events)
  }
}

const store = new MeteredStore(new MemoryStore())
const replica = await Replica.open({ location: store })
const { frontier } = await replica.createFrontier({ name: 'Blood-brain barrier' })
const target = { type: 'finding', id: 'vf_04f7f6513eaa1b4d' }
for (const reason of ['one', 'two', 'three']) {
  await replica.append(frontier, { kind: 'finding.noted', target, actor: { id: 'reviewer:ada' }, reason })
}
console.log(store.commits, store.nodes, replica.heads(frontier).length) // → 4 4 1
await replica.close() // closes the store too
