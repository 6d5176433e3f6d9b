import type { Logger } from '../shared/logger.ts'
import { databases } from './databases.ts'
import type { DatabaseName, TableChoice } from './databases.ts'

/** Opens the store, which makes or upgrades its tables, and returns the statements that took. */
export async function applySchema(database: DatabaseName, url: string, choice: TableChoice): Promise<string[]> {
  const ran: string[] = []
  const store = databases[database].store(url, choice, listening(ran))
  try {
    // Promises nobody anything: no instance is started.
    await store.init({ maxStalenessMs: 0 })
  } finally {
    await store.close()
  }
  return ran
}

function listening(ran: string[]): Logger {
  const ignore = (): void => {}
  return {
    debug: ignore,
    info: (fields) => void ran.push(...('statements' in fields ? (fields.statements as string[]) : [])),
    warn: ignore,
    error: ignore,
  }
}
