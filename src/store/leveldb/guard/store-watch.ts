// Looks at the folder and the disk of an open store twice a second, and tells the health of the
// store. Spec: protocol/store.md, T30 and T31.

import { STORE_LIMITS } from '../../../base/limits.ts'
import type { StoreHealth } from '../../store-health.ts'
import { roomFault, roomIn } from './disk-room.ts'
import type { FolderGuard } from './folder-guard.ts'

/** The watch of one open store. */
export class StoreWatch {
  readonly #guard: FolderGuard
  readonly #health: StoreHealth
  #timer: NodeJS.Timeout | undefined

  constructor({ guard, health }: { guard: FolderGuard; health: StoreHealth }) {
    this.#guard = guard
    this.#health = health
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), STORE_LIMITS.watchMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Looks once. */
  look(): void {
    const health = this.#health
    const replaced = this.#guard.fault()
    if (replaced !== undefined) return health.refuse({ cause: 'folder', error: replaced })
    if (health.refusal?.cause === 'failed') return
    const error = roomFault(roomIn(this.#guard.path), { isLow: health.refusal?.cause === 'space' })
    if (error === undefined) health.allow()
    else health.refuse({ cause: 'space', error })
  }
}
