// Tells this machine from others.

/**
 * Whether `host` is `localhost` or a loopback address: as a socket reports it (`127.0.0.1`, `::1`,
 * `::ffff:127.0.0.1`) or as the URL parser writes it (`[::1]`). False for undefined.
 */
export function isLoopback(host: string | undefined): boolean {
  return host !== undefined && /^(localhost|::1|\[::1\]|(::ffff:)?127\.\d+\.\d+\.\d+)$/.test(host)
}
