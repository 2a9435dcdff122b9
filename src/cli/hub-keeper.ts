// Keeps a hub serving. After a failed write it opens the store again as soon as the cause is gone;
// until then the hub serves reads. It stops when the folder of the store is no longer its own.
// Spec: protocol/store.md, T30 and T31.

import * as fs from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { hasCode, type ReplicaError } from '../base/errors.ts'
import { STORE_LIMITS } from '../base/limits.ts'
import { Signal } from '../base/signal.ts'
import type { Hub } from '../hub/hub.ts'
import { contextOf } from '../replica/replica.ts'
import { releaseReserve, roomIn, takeReserve } from '../store/leveldb/guard/disk-room.ts'
import type { WriteRefusal } from '../store/store-health.ts'
import type { ControlServer } from './control/control-server.ts'

const { reopenMsMin, reopenMsMax, roomAgainBytesMin } = STORE_LIMITS

/** Longest wait between two looks at the disk or the limit of open files. */
const resourceMsMax = 4 * reopenMsMin

/** A hub that listens, and its control socket. */
export interface RunningHub {
  readonly hub: Hub
  readonly control: ControlServer
}

export interface KeeperParts {
  readonly location: string
  readonly signal: AbortSignal
  /** Opens the hub. @throws ReplicaError as Hub.listen */
  readonly open: () => Promise<RunningHub>
  /** Prints a line for the operator. Must not throw. */
  readonly tell: (line: string) => void
}

/**
 * Serves until the signal aborts.
 *
 * @example
 * const keeper = await HubKeeper.start({ location, signal, open, tell })
 * await keeper.run()
 */
export class HubKeeper {
  readonly #parts: KeeperParts
  #running: RunningHub | undefined
  /** Failures in a row, for the backoff. */
  #failures = 0

  /** Opens the hub. @throws ReplicaError as Hub.listen */
  static async start(parts: KeeperParts): Promise<HubKeeper> {
    return new HubKeeper(parts, await parts.open())
  }

  private constructor(parts: KeeperParts, running: RunningHub) {
    this.#parts = parts
    this.#running = running
  }

  /** The hub; undefined while the store is being opened again. */
  get hub(): Hub | undefined {
    return this.#running?.hub
  }

  /** Resolves after the signal, when the hub is closed. @throws ReplicaError ERR_STORE_REPLACED */
  async run(): Promise<void> {
    try {
      while (this.#running !== undefined) {
        const began = performance.now()
        const refusal = await this.#ended(this.#running.hub)
        if (refusal === undefined) return
        if (refusal.cause === 'folder') return await this.#abandon(refusal.error)
        if (performance.now() - began > reopenMsMax) this.#failures = 0
        await this.#close()
        this.#running = await this.#reopen()
      }
    } finally {
      await this.#close()
    }
  }

  /**
   * Returns undefined after the signal, and the refusal when the store has to be opened again or
   * its folder is lost.
   */
  async #ended(hub: Hub): Promise<WriteRefusal | undefined> {
    const { location, signal } = this.#parts
    const { health } = contextOf(hub.replica).store
    if (health === undefined || health.refusal === undefined) takeReserve(location)
    const changed = new Signal()
    const notify = (): void => changed.notify()
    const unsubscribe = health?.onChange(notify)
    signal.addEventListener('abort', notify)
    try {
      while (!signal.aborted) {
        const news = changed.wait()
        const refusal = health?.refusal
        if (refusal?.cause === 'folder') return refusal
        if (refusal?.cause !== 'failed') await news
        else if (await this.#isGone(refusal, news)) return refusal
      }
      return undefined
    } finally {
      unsubscribe?.()
      signal.removeEventListener('abort', notify)
    }
  }

  /** Waits once, and returns whether the cause of the failed write is gone. */
  async #isGone({ error }: WriteRefusal, news: Promise<void>): Promise<boolean> {
    const { location } = this.#parts
    const errno = String(error.facts.errno)
    const isRoom = errno === 'ENOSPC' || errno === 'EDQUOT'
    const isFiles = errno === 'EMFILE' || errno === 'ENFILE'
    const ms = isRoom || isFiles ? Math.min(this.#backoffMs(), resourceMsMax) : this.#backoffMs()
    if (await this.#isInterrupted(ms, news)) return false
    if (isFiles) return canOpenFiles(location)
    if (!isRoom) return true
    releaseReserve(location)
    return roomIn(location) >= roomAgainBytesMin && takeReserve(location)
  }

  /** Waits for `ms`; returns true at once if the signal aborts or there is news. */
  async #isInterrupted(ms: number, news: Promise<void>): Promise<boolean> {
    const { signal } = this.#parts
    const timer = new AbortController()
    const time = delay(ms, false, { signal: AbortSignal.any([signal, timer.signal]) }).catch(() => true)
    const isInterrupted = await Promise.race([time, news.then(() => true)])
    timer.abort()
    return isInterrupted
  }

  async #reopen(): Promise<RunningHub | undefined> {
    const { open, signal, tell } = this.#parts
    while (!signal.aborted) {
      try {
        this.#failures += 1
        const running = await open()
        tell('the store was opened again after a failed write')
        return running
      } catch (error) {
        if (!hasCode(error, 'ERR_STORE_IO', 'ERR_STORE_LOCKED')) throw error
        tell(`alarm: can't open the store again: ${error.message}`)
      }
      await delay(this.#backoffMs(), undefined, { signal }).catch(() => {}) // aborted: the loop ends
    }
    return undefined
  }

  #backoffMs(): number {
    return Math.min(reopenMsMax, reopenMsMin * 2 ** Math.min(this.#failures, 16))
  }

  /** Ends without a change to the folder, whose files may be those of another store. */
  async #abandon(error: ReplicaError): Promise<void> {
    const running = this.#running
    this.#running = undefined
    await running?.control.close({ keepsSocket: true })
    await running?.hub.close()
    throw error
  }

  async #close(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    await running?.control.close()
    await running?.hub.close()
  }
}

/** Files that the open of a store needs, generously. */
const FILES_NEEDED = 32

function canOpenFiles(folder: string): boolean {
  const opened: number[] = []
  try {
    while (opened.length < FILES_NEEDED) opened.push(fs.openSync(folder, 'r'))
    return true
  } catch {
    return false
  } finally {
    for (const descriptor of opened) fs.closeSync(descriptor)
  }
}
