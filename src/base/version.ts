// The version of this package, as package.json states it (a test holds the two equal): needed where no file may be read.

export const PACKAGE_VERSION = '0.1.0'
