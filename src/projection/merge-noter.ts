// A hub's notes of what others' nodes opened: when a frontier's log has been still for a moment, or has grown for a while, the conflicts
// that are new since the last time go into the journal, whichever way their nodes came. Of a long log only what lies behind its last
// waist is looked at. Specification: protocol/journal.md, J10.

import { VIEW_LIMITS } from '../base/limits.ts'
import type { SetTimer, Timer } from '../base/timer.ts'
import type { Frontier } from '../replica/frontier.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'

const { noteQuietMs, noteMsMax, unaskedNodesMax } = VIEW_LIMITS

interface Watch {
  readonly end: () => void
  /** Rings when the log has been still. */
  quiet: Timer | undefined
  /** Rings when it hasn't, for too long. */
  latest: Timer | undefined
}

export class MergeNoter {
  readonly #home: ReplicaContext
  readonly #setAlarm: SetTimer
  readonly #watches = new Map<Frontier, Watch>()
  #unsubscribe: () => void = () => {}

  constructor(home: ReplicaContext) {
    this.#home = home
    this.#setAlarm = home.linkTools.setAlarm
  }

  /** Watches the frontiers that are kept, and those that will be. */
  start(): void {
    this.#unsubscribe = this.#home.subscribe(() => this.#watchAll())
    this.#watchAll()
  }

  stop(): void {
    this.#unsubscribe()
    for (const watch of this.#watches.values()) {
      watch.end()
      disarm(watch)
    }
    this.#watches.clear()
  }

  #watchAll(): void {
    for (const frontier of this.#home.frontiers.values()) {
      if (this.#watches.has(frontier)) continue
      const end = frontier.subscribe(() => this.#grew(frontier))
      this.#watches.set(frontier, { end, quiet: undefined, latest: undefined })
    }
  }

  #grew(frontier: Frontier): void {
    const watch = this.#watches.get(frontier)
    if (watch === undefined) return
    const note = (): void => this.#note(frontier, watch)
    if (watch.quiet === undefined) watch.quiet = this.#setAlarm(noteQuietMs, note)
    else watch.quiet.restart()
    watch.latest ??= this.#setAlarm(noteMsMax, note)
  }

  #note(frontier: Frontier, watch: Watch): void {
    disarm(watch)
    this.#home
      .runUntilClosed(async () => {
        const { view, log } = frontier
        await (view.isLoaded || log.nodes <= unaskedNodesMax ? view.openedSince() : view.noteBehindWaist())
      })
      .catch((error: Error) => {
        // A store that fails, or a hub that is being closed; nothing is lost but the note.
        const facts = { frontier: frontier.log.name }
        this.#home.emit({ kind: 'alarm', message: `conflicts were not looked for: ${error.message}`, facts })
      })
  }
}

function disarm(watch: Watch): void {
  watch.quiet?.stop()
  watch.latest?.stop()
  watch.quiet = undefined
  watch.latest = undefined
}
