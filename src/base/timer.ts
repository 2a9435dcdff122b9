// An injectable timer, so that a test can replace the clock and never waits for real time.

/** A timer that runs. */
export interface Timer {
  /** Starts the full interval again. */
  restart(): void
  /** Cancels the timer. Has no effect after it fired. */
  stop(): void
}

/** Calls `onTimeout` once after `ms` milliseconds. */
export type SetTimer = (ms: number, onTimeout: () => void) => Timer

/** Timers of the Node event loop. */
export const systemTimer: SetTimer = (ms, onTimeout) => {
  const timer = setTimeout(onTimeout, ms)
  return {
    restart() {
      timer.refresh()
    },
    stop() {
      clearTimeout(timer)
    },
  }
}
