// A folder of data with stated values, as the checks see it: its files, read once and within size
// limits, and the statements of its expected.json about each. Links are not followed.

import * as fs from 'node:fs'
import * as path from 'node:path'
import * as vela from '../../src/vela/index.ts'
import { isObject, type Plain } from './plain.ts'
import { Watched } from './watched.ts'

export { isObject, type Plain }

const FILES_MAX = 20_000
const FILE_BYTES_MAX = 256 * 1024 * 1024
const DEPTH_MAX = 8

/** Values of one log, frontier or fixture in expected.json; the members vary. */
export type Stated = Plain & { readonly log?: Plain; readonly chains?: Plain; readonly replay?: Plain }

export class DataFile {
  /** Path below the folder, with `/` between names. */
  readonly path: string
  readonly bytes: Uint8Array

  constructor(name: string, bytes: Uint8Array) {
    this.path = name
    this.bytes = bytes
  }

  get base(): string {
    return path.posix.basename(this.path)
  }

  get folder(): string {
    return path.posix.dirname(this.path)
  }

  get text(): string {
    return Buffer.from(this.bytes).toString('utf8')
  }

  /**
   * The plain value; undefined if the file is not JSON. Compared numbers are read by `lossless`.
   */
  get plain(): unknown {
    try {
      return JSON.parse(this.text)
    } catch (error) {
      if (error instanceof SyntaxError) return undefined
      throw error
    }
  }

  lossless(): vela.Json {
    return vela.parseJson(this.bytes)
  }
}

/** A comparison as a log records it, and how many of its events were reproduced. */
export interface SyncPass {
  readonly target: string
  readonly timestamp: string
  readonly peer: string
  readonly ours: unknown
  readonly theirs: unknown
  readonly divergence: unknown
  readonly events: number
  readonly equal: number
}

export class Folder {
  readonly files: readonly string[]
  /** The values of expected.json; reads are recorded for `unseen`. */
  readonly expected: Plain
  /** The same without recording reads. */
  readonly raw: Plain
  /** Comparisons that the logs record, for the statements about them. */
  readonly passes: SyncPass[] = []
  readonly #watched: Watched
  readonly #root: string

  constructor(root: string) {
    this.#root = root
    this.files = list(root)
    const expected = this.open('expected.json')?.plain
    this.raw = isObject(expected) ? expected : {}
    this.#watched = new Watched(this.raw)
    this.expected = this.#watched.value
  }

  /** The object members of expected.json; the others stay unread. */
  sections(): Plain[] {
    const names = Object.keys(this.raw).filter(name => isObject(this.raw[name]))
    return names.map(name => this.expected[name] as Plain)
  }

  isSeen(path: readonly string[]): boolean {
    return this.#watched.isSeen(path)
  }

  /** Paths of the values of expected.json that no check has read. */
  unseen(): string[][] {
    return this.#watched.unseen()
  }

  /** Returns a file below the folder; undefined if the listing lacks it. */
  open(name: string): DataFile | undefined {
    if (!this.files.includes(name)) return undefined
    const file = path.join(this.#root, name)
    const { size } = fs.statSync(file)
    if (size > FILE_BYTES_MAX) throw new RangeError(`${name} has ${size} bytes; at most ${FILE_BYTES_MAX} are read`)
    return new DataFile(name, fs.readFileSync(file))
  }

  /** A file beside another. */
  beside(file: DataFile, name: string): DataFile | undefined {
    return this.open(path.posix.join(file.folder, name))
  }

  /**
   * Returns the statements of expected.json about a file. Its key may be the path, the name, the
   * first part of the name, these with the folder before them, or the folder's name for the parts
   * of a frontier in its own folder.
   */
  stated(file: DataFile): Stated | undefined {
    const stem = file.base.split('.')[0]!
    const folder = path.posix.basename(file.folder)
    const names = [file.path, file.base, `${file.folder}/${stem}`, `${folder}/${stem}`, stem, folder]
    const sections = [this.expected, ...this.sections()]
    for (const name of names) {
      for (const section of sections) {
        // Without recording: a value of another form stays unread.
        const value: unknown = Object.getOwnPropertyDescriptor(section, name)?.value
        if (isSubject(value)) return section[name] as Stated
      }
    }
    return undefined
  }
}

/** Returns whether these are values of one log, frontier or fixture. */
export function isSubject(value: unknown): value is Plain {
  return isObject(value) && ['log', 'event_log_hash', 'replay', 'chains', 'snapshot_hash'].some(name => name in value)
}

/** Regular files below a folder, in byte order of their paths. */
function list(root: string): string[] {
  const found: string[] = []
  const open = [{ name: '', depth: 0 }]
  for (const { name, depth } of open) {
    for (const entry of fs.readdirSync(path.join(root, name), { withFileTypes: true })) {
      const below = name === '' ? entry.name : `${name}/${entry.name}`
      if (entry.isDirectory() && depth < DEPTH_MAX) open.push({ name: below, depth: depth + 1 })
      else if (entry.isFile()) found.push(below)
      if (found.length > FILES_MAX) throw new RangeError(`more than ${FILES_MAX} files in ${root}`)
    }
  }
  return found.sort()
}
