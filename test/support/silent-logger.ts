import type { Logger } from '../../src/index.ts'

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
