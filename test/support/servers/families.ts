import { existsSync } from 'node:fs'
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { giveToServers } from './server-user.ts'
import type { FoundServer } from './find-server.ts'
import type { ServerFamily, ServerKind } from './kinds.ts'
import type { ServerOptions } from './server.ts'
import type { ServerProcess, StartPlan } from './server-process.ts'

export interface Preparation {
  kind: ServerKind
  found: FoundServer
  server: ServerProcess
  directory: string
  dataDir: string
  port: number
  options: ServerOptions
}

/** How servers of one family are set up, started and addressed. */
export interface Family {
  /** Makes the data directory and the configuration. */
  prepare(preparation: Preparation): Promise<StartPlan>
  url(port: number): string
}

/** With all rights. PostgreSQL's own name for it: that database is there from the start. */
const users = { postgres: 'postgres', mysql: 'sallyport' }
const password = 'sallyport'

export const families: Record<ServerFamily, Family> = {
  postgres: {
    prepare: preparePostgres,
    url: (port) => `postgres://${users.postgres}:${password}@127.0.0.1:${port}/${users.postgres}`,
  },
  mysql: {
    prepare: prepareMysql,
    url: (port) => `mysql://${users.mysql}:${password}@127.0.0.1:${port}/${users.mysql}`,
  },
  redis: {
    prepare: prepareRedis,
    url: (port) => `redis://127.0.0.1:${port}`,
  },
}

async function preparePostgres({ found, server, directory, dataDir, port, options }: Preparation): Promise<StartPlan> {
  const passwordFile = join(directory, 'password')
  await writeFile(passwordFile, password)
  const account = [`--username=${users.postgres}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  const data = [`--pgdata=${dataDir}`, '--encoding=UTF8', '--no-locale', '--no-sync', '--no-instructions']
  await server.run(found.initdb!, [...account, ...data])
  const lines = [
    `port = ${port}`,
    `listen_addresses = '127.0.0.1'`,
    `unix_socket_directories = ''`,
    // In files of its directory: what a killed one leaves in /dev/shm nobody removes.
    'dynamic_shared_memory_type = mmap',
    ...(options.durable ? [] : ['fsync = off', 'full_page_writes = off']),
    ...(options.config ?? []),
  ]
  await appendFile(join(dataDir, 'postgresql.conf'), `${lines.join('\n')}\n`)
  return {
    command: found.server,
    args: ['-D', dataDir],
    ready: /database system is ready to accept connections/,
    shutDown: 'SIGINT',
  }
}

async function prepareMysql({
  kind,
  found,
  server,
  directory,
  dataDir,
  port,
  options,
}: Preparation): Promise<StartPlan> {
  const configFile = join(directory, 'server.cnf')
  // Its own: as it starts, it removes from there what looks as if it had left it.
  const tmpdir = join(directory, 'tmp')
  await mkdir(tmpdir)
  await giveToServers(tmpdir)
  const lines = [
    '[mysqld]',
    `basedir = ${found.home}`,
    `datadir = ${dataDir}`,
    `tmpdir = ${tmpdir}`,
    `port = ${port}`,
    'bind-address = 127.0.0.1',
    // Relative to the data, as the path of a socket must be short.
    'socket = socket',
    'pid-file = pid',
    'skip-name-resolve',
    ...(kind === 'mysql'
      ? ['mysqlx = OFF', 'secure-file-priv = NULL']
      : [`plugin-dir = ${join(found.home, 'lib/mysql/plugin')}`]),
    ...(options.durable ? [] : ['innodb_flush_log_at_trx_commit = 2', 'sync_binlog = 0']),
    ...(options.config ?? []),
  ]
  await writeFile(configFile, `${lines.join('\n')}\n`)
  const args = [`--defaults-file=${configFile}`]
  if (kind === 'mysql') {
    const setUp = join(directory, 'set-up.sql')
    await writeFile(setUp, accountStatements)
    await server.run(found.server, [...args, '--initialize-insecure', `--init-file=${setUp}`])
  } else {
    await server.run(found.server, [...args, '--bootstrap'], await mariadbTables(found.home))
  }
  return { command: found.server, args, ready: /ready for connections/, shutDown: 'SIGTERM' }
}

const accountStatements = [
  `CREATE DATABASE ${users.mysql};`,
  `CREATE USER '${users.mysql}'@'%' IDENTIFIED BY '${password}';`,
  `GRANT ALL PRIVILEGES ON *.* TO '${users.mysql}'@'%' WITH GRANT OPTION;`,
  '',
].join('\n')

/** What MariaDB's own script for new data directories feeds it, less the help texts. That one needs its client too. */
async function mariadbTables(home: string): Promise<string> {
  const names = ['system_tables', 'performance_tables', 'system_tables_data']
  const tables = await Promise.all(names.map((name) => readFirst(home, [`mariadb_${name}.sql`, `mysql_${name}.sql`])))
  const start = ['CREATE DATABASE mysql;', 'USE mysql;', 'SET @auth_root_socket=NULL;']
  return [...start, ...tables, 'FLUSH PRIVILEGES;', accountStatements].join('\n')
}

async function readFirst(home: string, names: readonly string[]): Promise<string> {
  const paths = ['share/mysql', 'share/mariadb'].flatMap((folder) => names.map((name) => join(home, folder, name)))
  const path = paths.find((it) => existsSync(it))
  if (path === undefined) throw new Error(`MariaDB's ${names.join(' or ')} is not below ${home}`)
  return readFile(path, 'utf8')
}

async function prepareRedis({ found, directory, port, options }: Preparation): Promise<StartPlan> {
  const configFile = join(directory, 'server.conf')
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    'dir ./',
    ...(options.durable || options.sentinel ? [] : ['save ""', 'appendfsync no']),
    ...(options.config ?? []),
  ]
  await writeFile(configFile, `${lines.join('\n')}\n`)
  // A Sentinel writes down there what it learns.
  await giveToServers(configFile)
  return {
    command: found.server,
    args: [configFile, ...(options.sentinel ? ['--sentinel'] : [])],
    ready: options.sentinel ? /Sentinel ID is/ : /Ready to accept connections/,
    shutDown: 'SIGTERM',
  }
}
