// Virtual time for a mesh of replicas: what is to happen lies in a queue by its time, and time goes on only when all that
// happened before has come to rest. Nothing waits for a clock, so an hour costs what happens in it, and a seed decides all.

import type { SetTimer } from '../../src/base/timer.ts'
import type { Random } from './random.ts'

/** Turns of the event loop in which nothing moves, until all counts as at rest. */
const QUIET_TURNS = 2

interface Happening {
  readonly at: number
  readonly order: number
  act: (() => void) | undefined
}

export class World {
  readonly random: Random
  /** Virtual milliseconds since the world began. */
  now = 0
  #order = 0
  #moves = 0
  /** A binary heap; the next happening is the first. */
  readonly #queue: Happening[] = []
  readonly #failures: unknown[] = []

  constructor(random: Random) {
    this.random = random
  }

  /** Does this after so many milliseconds; answers how to call it off. */
  after(ms: number, act: () => void): () => void {
    this.#order += 1
    const happening: Happening = { at: this.now + ms, order: this.#order, act }
    this.#push(happening)
    return () => {
      happening.act = undefined
    }
  }

  /** Resolves after so many milliseconds. */
  pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      this.after(ms, resolve)
    })
  }

  readonly setTimer: SetTimer = (ms, ring) => {
    let due = this.now + ms
    let isOver = false
    const look = (): void => {
      if (isOver) return
      if (this.now < due) return void this.after(due - this.now, look)
      isOver = true
      ring()
    }
    this.after(ms, look)
    return {
      restart: () => {
        due = this.now + ms
        if (isOver) this.after(ms, look)
        isOver = false
      },
      stop: () => {
        isOver = true
      },
    }
  }

  /** Something has moved: the world isn't at rest yet. */
  moved(): void {
    this.#moves += 1
  }

  /** Runs beside everything else; what it throws fails the run. */
  start(task: () => Promise<void>): void {
    task()
      .catch(error => this.fail(error))
      .finally(() => this.moved())
  }

  /** The run has failed, which it says as soon as it is at rest. */
  fail(error: unknown): void {
    this.#failures.push(error)
  }

  /** Lets happen what is due until `time`, or until `isDone` says so after something has happened. */
  async run(time: number, isDone: () => boolean = () => false): Promise<void> {
    await this.rest()
    while (!isDone()) {
      const next = this.#queue[0]
      if (next === undefined || next.at > time) break
      this.#pop()
      if (next.act === undefined) continue
      this.now = next.at
      next.act()
      await this.rest()
    }
    this.now = Math.max(this.now, isDone() ? this.now : time)
  }

  /** Waits until nothing moves any more without time going on. @throws what a task threw */
  async rest(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      const before = this.#moves
      await new Promise(resolve => setImmediate(resolve))
      quiet = this.#moves === before ? quiet + 1 : 0
    }
    if (this.#failures.length > 0) throw this.#failures[0]
  }

  #push(one: Happening): void {
    const queue = this.#queue
    let at = queue.push(one) - 1
    while (at > 0) {
      const up = (at - 1) >> 1
      if (isSooner(queue[up]!, one)) break
      queue[at] = queue[up]!
      at = up
    }
    queue[at] = one
  }

  #pop(): void {
    const queue = this.#queue
    const last = queue.pop()!
    if (queue.length === 0) return
    let at = 0
    for (;;) {
      let down = 2 * at + 1
      if (down >= queue.length) break
      if (down + 1 < queue.length && isSooner(queue[down + 1]!, queue[down]!)) down += 1
      if (isSooner(last, queue[down]!)) break
      queue[at] = queue[down]!
      at = down
    }
    queue[at] = last
  }
}

function isSooner(a: Happening, b: Happening): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
