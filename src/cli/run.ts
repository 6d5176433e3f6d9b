import { isSallyportError } from '../shared/errors.ts'
import type { SallyportError } from '../shared/errors.ts'
import { applySchema } from './apply-schema.ts'
import { commandFrom, usage, UsageError } from './command-line.ts'
import type { Command } from './command-line.ts'
import { databases } from './databases.ts'
import { schemaScript } from './schema-script.ts'

/** What a command talks to. */
export interface Surroundings {
  env: NodeJS.ProcessEnv
  print: (text: string) => void
  complain: (text: string) => void
}

/** Runs one command line and returns the exit status. */
export async function run(args: readonly string[], { env, print, complain }: Surroundings): Promise<number> {
  try {
    print(await resultOf(commandFrom(args, env)))
    return 0
  } catch (error) {
    if (error instanceof UsageError) {
      complain(`sallyport: ${error.message}\n\n${usage}`)
      return 2
    }
    complain(`sallyport: ${isSallyportError(error) ? messagesOf(error) : String(error)}`)
    return 1
  }
}

async function resultOf(command: Command): Promise<string> {
  if (command.kind === 'help') return usage
  if (command.kind === 'print') return schemaScript(command.database, command.from, command.choice)
  const { tableName } = command.choice
  const ran = await applySchema(command.database, command.url, command.choice)
  const { title } = databases[command.database]
  if (ran.length === 0) return `nothing to do: the ${title} tables of ${tableName} are as this release needs them`
  const lines = ran.map((statement) => `  ${statement.split('\n', 1)[0]?.replace(/ \($/, '')}`)
  return `ran ${ran.length} statements for the ${title} tables of ${tableName}:\n${lines.join('\n')}`
}

/** What a driver says is told only to who runs the command: it may name a host or a user. */
function messagesOf(error: SallyportError): string {
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message
}
