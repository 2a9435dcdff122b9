// Time as a session needs it: an alarm that rings once after a while and can be set back. Tests bring alarms of their
// own, so that no test waits for a real one.

export interface Timer {
  /** Starts the while again. */
  restart(): void
  stop(): void
}

export type SetTimer = (ms: number, ring: () => void) => Timer

export const systemTimer: SetTimer = (ms, ring) => {
  const timer = setTimeout(ring, ms)
  return {
    restart() {
      timer.refresh()
    },
    stop() {
      clearTimeout(timer)
    },
  }
}
