/** The servers that tests run against. */
export type ServerKind = 'postgres' | 'postgres18' | 'mariadb' | 'mysql' | 'redis' | 'valkey'

export type SourceName = 'installed' | 'debian' | 'docker' | 'package'

export type ServerFamily = 'postgres' | 'mysql' | 'redis'

/** Where a kind of server comes from, and how to get it by hand. */
export interface KindFacts {
  family: ServerFamily
  /** The file to look for. */
  program: string
  /** The first that has it wins. One installed may be of any version, so that those who name one don't take it. */
  sources: readonly SourceName[]
  /** Debian's packages, of the machine's own release unless `suite` says otherwise. */
  debian?: { packages: readonly string[]; suite?: 'backports' | 'sid' }
  /** Tested only if `--with=…` or a URL in the environment names it. */
  onDemand?: true
  image?: string
  install: string
}

export const kinds: Record<ServerKind, KindFacts> = {
  postgres: {
    family: 'postgres',
    program: 'postgres',
    sources: ['installed', 'debian', 'package'],
    debian: { packages: ['postgresql'] },
    install: 'sudo apt-get install postgresql',
  },
  postgres18: {
    family: 'postgres',
    program: 'postgres',
    sources: ['package'],
    install: 'npm ci --include=optional',
  },
  mariadb: {
    family: 'mysql',
    program: 'mariadbd',
    sources: ['installed', 'debian', 'docker'],
    debian: { packages: ['mariadb-server-core'] },
    image: 'mariadb:10.11',
    install: 'sudo apt-get install mariadb-server',
  },
  mysql: {
    family: 'mysql',
    program: 'mysqld',
    sources: ['debian', 'docker'],
    debian: { packages: ['mysql-server-core'], suite: 'sid' },
    onDemand: true,
    image: 'mysql:9',
    install: 'sudo apt-get install -t sid mysql-server-core',
  },
  redis: {
    family: 'redis',
    program: 'redis-server',
    sources: ['installed', 'debian', 'docker'],
    debian: { packages: ['redis-server'] },
    image: 'redis:7',
    install: 'sudo apt-get install redis-server',
  },
  valkey: {
    family: 'redis',
    program: 'valkey-server',
    sources: ['installed', 'debian', 'docker'],
    debian: { packages: ['valkey-server', 'valkey-tools'], suite: 'backports' },
    image: 'valkey/valkey:8',
    install: 'sudo apt-get install -t "$(lsb_release -cs)-backports" valkey-server',
  },
}

export function isServerKind(name: string): name is ServerKind {
  return Object.hasOwn(kinds, name)
}

/** `SALLYPORT_TEST_POSTGRES_URL` and so on: a server that is there already, which tests use but neither stop nor kill. */
export function urlVariable(kind: ServerKind): string {
  return `SALLYPORT_TEST_${kind.toUpperCase()}_URL`
}
