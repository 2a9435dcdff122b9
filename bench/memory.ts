// How much memory this process has had at most: resident pages, those of mapped files included, as the kernel counts them.

import * as fs from 'node:fs'

/** VmHWM where there is /proc; else what getrusage says, which can't be reset. Bytes. */
export function peakRssBytes(): number {
  try {
    const line = /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))
    if (line !== null) return Number(line[1]) * 1024
  } catch {
    // No /proc on this system.
  }
  return process.resourceUsage().maxRSS * 1024
}

/** Starts the peak anew from what is resident now. No effect where the kernel can't. */
export function resetPeakRss(): void {
  try {
    fs.writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // The peak then counts from the start of the process.
  }
}
