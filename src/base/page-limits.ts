// Limits of the pages for browsers. The rules of limits.ts hold here too. Spec:
// protocol/limits.md.

/** The pages of a hub. Spec: protocol/http.md. */
export const PAGE_LIMITS = {
  /** Count: frontiers on the first page → the list is cut, and says so. */
  pageFrontiersMax: 200,
  /** Count: findings on the page of a frontier → the list is cut, and says so. */
  pageFindingsMax: 500,
  /** Count: conflicts on a page → the list is cut, and says so. */
  pageConflictsMax: 20,
  /** Count: nodes in the picture of a frontier → older nodes are left out. */
  pageNodesMax: 40,
  /** Count: events in the history of a finding → older events are left out. */
  pageHistoryMax: 200,
  /** Count: nodes examined for the history of a finding, from the end → older ones are left out. */
  pageScannedMax: 20_000,
  /** Characters: one text on a page → the text is cut. */
  pageTextMax: 2_000,
} as const
