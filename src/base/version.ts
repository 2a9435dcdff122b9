// Version of this package, for code that must not read a file. A test compares it with
// package.json.

/** Version of this package, as in package.json. */
export const PACKAGE_VERSION = '0.1.0'
