// A LevelDB store in a temporary folder, for tests that damage its files: the committed nodes,
// copies of the folder as after a crash, and bit flips in the files of one database.

import * as childProcess from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { toHex } from '../../src/base/bytes.ts'
import { createLevelDb, type LevelDbOptions, openLevelDb } from '../../src/store/index.ts'
import type { NodeEntry, Store, Wait } from '../../src/store/store.ts'
import { Scratch, scratch } from '../shared-data.ts'
import { madeChain } from './made-nodes.ts'

export const frontier = 'vfr_0123456789abcdef'

export class StoreFolder {
  readonly #scratch: Scratch
  readonly path: string
  readonly nodes: NodeEntry[] = []

  static async make(): Promise<StoreFolder> {
    return new StoreFolder(await scratch())
  }

  /** Returns the store in a folder that another process has made. */
  static at(folder: string): StoreFolder {
    return new StoreFolder(new Scratch(folder))
  }

  private constructor(folder: Scratch) {
    this.#scratch = folder
    this.path = folder.join('store')
  }

  async create(): Promise<Store> {
    const store = await createLevelDb(this.path)
    await store.track(frontier)
    return store
  }

  open(options?: LevelDbOptions): Promise<Store> {
    return openLevelDb(this.path, options)
  }

  /** Commits the next chunk of a chain, with a record that counts nodes. */
  async commit(store: Store, count: number): Promise<void> {
    const chunk = this.#next(count)
    await store.frontier(frontier).commit(chunk, [{ key: 'nodes', value: Buffer.from(`${this.nodes.length}`) }])
  }

  /** Reads the committed nodes from `store`. */
  know(store: Store): void {
    while (this.nodes.length < store.frontier(frontier).nodes) this.#next(10)
  }

  #next(count: number): NodeEntry[] {
    const chunk = madeChain(`after ${this.nodes.length}`, count, this.nodes.at(-1), { size: 700 })
    this.nodes.push(...chunk)
    return chunk
  }

  /**
   * Makes a store whose first `flushed` commits of ten nodes are in table files, and whose process
   * died after `logged` more.
   */
  async crashed(flushed: number, logged: number): Promise<void> {
    await using store = await this.create()
    for (let at = 0; at < flushed; at++) await this.commit(store, 10)
    await store.close()
    if (logged === 0) return
    this.die(`for (let at = 0; at < ${logged}; at++) await folder.commit(store, 10)`)
    for (let at = 0; at < logged; at++) this.#next(10)
  }

  /** Opens the store in another process, which runs `code` on it and then kills itself. */
  die(code: string): void {
    const script = `import { StoreFolder } from ${JSON.stringify(import.meta.url)}
      const folder = StoreFolder.at(${JSON.stringify(this.#scratch.path)})
      const store = await folder.open()
      folder.know(store)
      ${code}
      process.kill(process.pid, 'SIGKILL')`
    const { signal, stderr } = childProcess.spawnSync(process.execPath, ['--input-type=module', '-e', script])
    if (signal !== 'SIGKILL') throw new TypeError(`the process was to be killed: ${stderr}`)
  }

  /**
   * Puts held nodes with these names and this size, each in a batch of its own, in another process
   * that then kills itself.
   */
  hold(names: readonly string[], wait: Wait, size: number): void {
    this.die(`const { madeHeld } = await import(${JSON.stringify(import.meta.resolve('./made-nodes.js'))})
      const wait = { kind: '${wait.kind}', id: Buffer.from('${toHex(wait.id)}', 'hex') }
      for (const name of ${JSON.stringify(names)}) {
        await store.held.put('${frontier}', [madeHeld(name, wait, { size: ${size} })])
      }`)
  }

  /** Returns the files of a database whose names match, largest first. */
  files(database: 'log' | 'index' | 'held' | 'documents', name: RegExp): string[] {
    const folder = path.join(this.path, database)
    const files = fs.readdirSync(folder).filter(file => name.test(file))
    const sized = files.map(file => path.join(folder, file)).map(file => ({ file, bytes: fs.statSync(file).size }))
    return sized.sort((a, b) => b.bytes - a.bytes).map(({ file }) => file)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]()
  }
}

/** Flips one bit at an offset. A negative offset counts from the end. */
export function flip(file: string, offset: number): void {
  const bytes = fs.readFileSync(file)
  const at = offset < 0 ? bytes.length + offset : offset
  bytes[at]! ^= 0x10
  fs.writeFileSync(file, bytes)
}

/** Flips a bit of `bytes` in the file that contains them. */
export function flipAt(files: readonly string[], bytes: Uint8Array): void {
  for (const file of files) {
    const at = fs.readFileSync(file).indexOf(bytes)
    if (at < 0) continue
    flip(file, at)
    return
  }
  throw new TypeError('no file has these bytes')
}
