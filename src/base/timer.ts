// Time as a session needs it: an alarm that rings once after a while and can be set back. Tests bring alarms of their
// own, so that no test waits for a real one.

export interface Alarm {
  /** Starts the while again. */
  restart(): void
  stop(): void
}

export type SetAlarm = (ms: number, ring: () => void) => Alarm

export const clockAlarm: SetAlarm = (ms, ring) => {
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
