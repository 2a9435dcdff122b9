// The specification of a command: its name, arguments and options. The parser and the help use
// nothing else.

export interface OptionSpec {
  readonly name: string
  /** One letter, for `-n`. */
  readonly short?: string
  /** The placeholder of the value in help; an option without one is a flag. */
  readonly value?: string
  readonly required?: boolean
  readonly repeated?: boolean
  readonly help: string
}

export interface ArgumentSpec {
  readonly name: string
  readonly optional?: boolean
  /** Takes all further words; only for the last argument. */
  readonly repeated?: boolean
  readonly help: string
}

/** The name, parameters and help of a command. */
export interface CommandSpec {
  /** One word, or two: `peer add`. */
  readonly name: string
  readonly group: 'store' | 'peers' | 'log' | 'sync' | 'look' | 'other'
  /** Marks the command that its first word alone selects: `conflicts` is `conflicts list`. */
  readonly isDefault?: boolean
  /** One line, without a full stop. */
  readonly summary: string
  /** Further paragraphs of help; the printer wraps them. */
  readonly about?: readonly string[]
  readonly arguments?: readonly ArgumentSpec[]
  readonly options?: readonly OptionSpec[]
  readonly examples?: readonly string[]
}

/** Options of every command. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'dir',
    value: 'folder',
    help: 'the store or its parent folder (default: REPLICA_DIR, else search from here upwards)',
  },
  {
    name: 'store',
    value: 'url',
    help: 'postgres://…: use this database instead of the one that the folder remembers',
  },
  { name: 'json', help: 'print one JSON object on stdout' },
  { name: 'quiet', short: 'q', help: 'print no progress and no notices on stderr' },
  { name: 'help', short: 'h', help: 'print this help' },
]

/** The option that most commands share. */
export const FRONTIER_OPTION: OptionSpec = {
  name: 'frontier',
  value: 'vfr',
  help: 'frontier to use; optional if the store has only one',
}
