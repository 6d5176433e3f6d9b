import type { IndexName } from '../../cache/store.ts'

/** The names of a store's keys on a server. */
export class RedisKeys {
  /** How the key of an entry begins. */
  readonly entries: string
  /** How the key of a list begins; `<index>:<hash>` follows. */
  readonly lists: string
  /** The epochs, and who the store is. */
  readonly state: string
  /** Where bumps are announced: channels are shared by all databases of a server. */
  readonly channel: string

  constructor(prefix: string, database: number) {
    this.entries = `${prefix}entry:`
    this.lists = `${prefix}list:`
    this.state = `${prefix}state`
    this.channel = `${prefix}bumps:${database}`
  }

  entry(key: string): string {
    return this.entries + key
  }

  list(index: IndexName, hash: string): string {
    return `${this.lists}${index}:${hash}`
  }
}
