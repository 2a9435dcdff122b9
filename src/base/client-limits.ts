// Limits on what the clients of a hub may take. The rules of limits.ts hold here too. Spec:
// protocol/limits.md.

/** Connections and sessions of clients, by address. Spec: protocol/clients.md. */
export const CLIENT_LIMITS = {
  /** Count: connections of one client address without a registered key → its oldest is closed. */
  placesPerAddressMax: 64,
  /**
   * Count: connections before the client proof → the oldest of the address with the most places is
   * closed.
   */
  unprovenMax: 512,
  /** Count: the same, per client address → its oldest is closed. */
  unprovenPerAddressMax: 16,
  /** Count: sessions of unregistered keys from one client address → its oldest is closed. */
  strangersPerAddressMax: 32,
  /**
   * Count: one of this many connections is kept for registered keys → the oldest other one is
   * closed.
   */
  reservedPart: 8,
  /** ms: session of an unregistered key without a frame of the protocol → closed with 1001. */
  strangerIdleMsMax: 600_000,
  /** ms: session of an unregistered key → closed with 1001. */
  strangerMsMax: 3_600_000,
  /**
   * Bytes: send buffers of all connections without a registered key, shared evenly → nothing new
   * above the share.
   */
  strangersShareBytes: 16 * 1024 * 1024,
  /** ms: interval at which such sessions are examined → no error: fixed interval. */
  strangerCheckMs: 10_000,
  /** Count: addresses read from one forwarding header → the others are not read. */
  forwardedHopsMax: 32,
  /** ms: interval between two alarms about closed connections → no error: they are counted. */
  evictionAlarmMs: 60_000,
  /** Count: connections to the listener for health → the TCP connection is dropped. */
  healthConnectionsMax: 64,
  /** Count: log lines of one code about sessions of one address, per window → they are counted. */
  logLinesPerClient: 2,
  /** Count: the same, of all addresses → they are counted. */
  logLinesPerCode: 20,
  /** Count: addresses counted for one code → lines of further ones are left out. */
  logClientsMax: 1_024,
  /** ms: window of the log limits → no error: fixed interval. */
  logWindowMs: 60_000,
  /** ms: one turn of work for requests of strangers → the work continues in a later turn. */
  workTurnMsMax: 4,
  /** ms: after an input of a registered session: strangers rest as long as they work → no error. */
  registeredMs: 1_000,
  /** ms: work that one handshake counts as, apart from its upgrade → no error: fixed value. */
  handshakeWorkMs: 2,
  /** Count: remembered addresses of registered keys → the least recently used is forgotten. */
  knownAddressesMax: 4_096,
  /** Count: connections that wait to be accepted → the system drops them. */
  backlogMax: 4_096,
  /** ms: token bucket per client address: work in a burst → ERR_HTTP_BUSY. */
  workBurstMs: 4_000,
  /** Count: token bucket: 1 ms refilled per this many ms → ERR_HTTP_BUSY. */
  workPart: 4,
  /** Count: addresses whose time is remembered → the least recently used is forgotten. */
  workClientsMax: 4_096,
  /** Count: nodes that a registered key may push to a frontier in a minute → ERR_SYNC_BUSY. */
  nodesPerMinuteMax: 1_200_000,
  /** Count: heads that a registered key may add to a frontier in a burst → ERR_SYNC_BUSY. */
  newHeadsMax: 2_048,
  /** Count: the same, that a minute refills → ERR_SYNC_BUSY. */
  newHeadsPerMinute: 60,
  /** Count: keys whose quotas are remembered → the least recently used is forgotten. */
  quotaKeysMax: 4_096,
} as const
