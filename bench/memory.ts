// Peak memory of this process: resident pages, those of mapped files included, as the kernel counts
// them.

import * as fs from 'node:fs'

/** VmHWM from /proc if it exists, else getrusage, which cannot be reset. Bytes. */
export function peakRssBytes(): number {
  try {
    const line = /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))
    if (line !== null) return Number(line[1]) * 1024
  } catch {
    // No /proc on this system.
  }
  return process.resourceUsage().maxRSS * 1024
}

/** Resets the peak to the current resident size. No effect if the kernel does not support it. */
export function resetPeakRss(): void {
  try {
    fs.writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // The peak then counts from the start of the process.
  }
}
