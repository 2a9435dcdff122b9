// A folder of data with stated values, as the checks see it: its files, read once and only as far as bounds allow, and what
// its expected.json says about each. Links are not followed.

import * as fs from 'node:fs'
import * as path from 'node:path'
import * as vela from '../../src/vela/index.ts'
import { isObject, type Plain } from './plain.ts'
import { Watched } from './watched.ts'

export { isObject, type Plain }

const FILES_MAX = 20_000
const FILE_BYTES_MAX = 256 * 1024 * 1024
const DEPTH_MAX = 8

/** Values of one log, frontier or fixture in expected.json; which members there are differs. */
export type Stated = Plain & { readonly log?: Plain; readonly chains?: Plain; readonly replay?: Plain }

export class DataFile {
  /** Below the folder, with `/` between names. */
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

  /** The value as JavaScript has it; undefined for what is no JSON. Numbers that are compared are read by `lossless`. */
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

/** A pass of sync as a log records it, and how many of its events come out again from what they say. */
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
  /** The values of expected.json; what is read of them is known to `unseen`. */
  readonly expected: Plain
  /** The same, to be read unnoticed. */
  readonly raw: Plain
  /** Passes of sync that logs here hold, for what is stated of them. */
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

  /** The members of expected.json that are objects; the others stay unread. */
  sections(): Plain[] {
    const names = Object.keys(this.raw).filter(name => isObject(this.raw[name]))
    return names.map(name => this.expected[name] as Plain)
  }

  isSeen(path: readonly string[]): boolean {
    return this.#watched.isSeen(path)
  }

  /** Paths of the values of expected.json that no check has looked at. */
  unseen(): string[][] {
    return this.#watched.unseen()
  }

  /** A file below the folder; undefined where there is none of that name in the listing. */
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
   * What expected.json states of a file, by the names it may go under: its path, its name, the first part of its name, with
   * the folder before it, or the folder's name for the parts of a frontier that has a folder of its own.
   */
  stated(file: DataFile): Stated | undefined {
    const stem = file.base.split('.')[0]!
    const folder = path.posix.basename(file.folder)
    const names = [file.path, file.base, `${file.folder}/${stem}`, `${folder}/${stem}`, stem, folder]
    const sections = [this.expected, ...this.sections()]
    for (const name of names) {
      for (const section of sections) {
        // Without the watch: what turns out to be something else stays unseen.
        const value: unknown = Object.getOwnPropertyDescriptor(section, name)?.value
        if (isSubject(value)) return section[name] as Stated
      }
    }
    return undefined
  }
}

/** Whether these are values of one log, frontier or fixture. */
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
