import { Cluster } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { eventually } from './eventually.ts'
import { freePort } from './servers/ports.ts'
import { startServer } from './servers/server.ts'
import type { TestServer } from './servers/server.ts'

/** Three primaries, each with a replica if so wanted: the replica of the first one is the fourth, and so on. */
export async function startCluster({ replicas = false } = {}): Promise<TestServer[]> {
  const count = replicas ? 6 : 3
  const busPorts = await Promise.all(Array.from({ length: count }, () => freePort()))
  const servers = await Promise.all(
    busPorts.map((busPort) => {
      const config = ['cluster-enabled yes', `cluster-port ${busPort}`, 'cluster-node-timeout 1000', 'appendonly yes']
      return startServer('redis', {
        config: [...config, 'cluster-require-full-coverage no', 'repl-diskless-sync-delay 0'],
      })
    }),
  )
  try {
    await join(servers, busPorts)
  } catch (error) {
    await Promise.all(servers.map((server) => server.stop()))
    throw error
  }
  return servers
}

/** Makers of clients that know some of the servers, and have to be told of the rest. */
export function clusterClients(servers: readonly TestServer[]): Record<'redis' | 'ioredis', () => object> {
  return {
    redis: () => createCluster({ rootNodes: servers.slice(0, 2).map(({ url }) => ({ url })) }),
    ioredis: () => new Cluster([servers[0]!.port], { lazyConnect: true }),
  }
}

async function join(servers: readonly TestServer[], busPorts: readonly number[]): Promise<void> {
  const ends = [0, 5_461, 10_922, 16_384]
  for (const [i, server] of servers.entries()) {
    if (i < 3) await asked(server, ['CLUSTER', 'ADDSLOTSRANGE', String(ends[i]), String(ends[i + 1]! - 1)])
    await asked(server, ['CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1)])
  }
  // Each meets each: gossip alone takes its time.
  for (const [i, server] of servers.entries()) {
    for (const [j, { port }] of servers.entries()) {
      if (j < i) await asked(server, ['CLUSTER', 'MEET', '127.0.0.1', String(port), String(busPorts[j])])
    }
  }
  for (const server of servers) await untilKnown(server, servers.length)
  for (const [i, replica] of servers.slice(3).entries()) {
    await asked(replica, ['CLUSTER', 'REPLICATE', await asked(servers[i]!, ['CLUSTER', 'MYID'])])
    await eventually(
      () => asked(replica, ['INFO', 'replication']),
      (info) => info.includes('master_link_status:up'),
      { tries: 500 },
    )
  }
}

async function untilKnown(server: TestServer, count: number): Promise<void> {
  const signs = ['cluster_state:ok', `cluster_known_nodes:${count}`, 'cluster_size:3']
  await eventually(
    () => asked(server, ['CLUSTER', 'INFO']),
    (info) => signs.every((sign) => info.includes(`${sign}\r\n`)),
    { tries: 500 },
  )
}

/** Moves a slot with all its keys from the server that has it to another. */
export async function moveSlotOf(tag: string, servers: readonly TestServer[]): Promise<void> {
  const slot = await asked(servers[0]!, ['CLUSTER', 'KEYSLOT', tag])
  const lines = await Promise.all(
    servers.map(async (server) =>
      (await asked(server, ['CLUSTER', 'NODES'])).split('\n').find((line) => line.includes('myself')),
    ),
  )
  const owner = lines.findIndex((line) => holds(line ?? '', Number(slot)))
  const [from, to] = [servers[owner]!, servers[(owner + 1) % servers.length]!]
  const [fromId, toId] = await Promise.all([from, to].map((server) => asked(server, ['CLUSTER', 'MYID'])))
  await asked(to, ['CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId!])
  await asked(from, ['CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId!])
  const keys = (await asked(from, ['CLUSTER', 'GETKEYSINSLOT', slot, '1000'])).split(',')
  for (const key of keys) await asked(from, ['MIGRATE', '127.0.0.1', String(to.port), key, '0', '1000'])
  for (const server of [to, from]) await asked(server, ['CLUSTER', 'SETSLOT', slot, 'NODE', toId!])
}

function holds(line: string, slot: number): boolean {
  return line
    .split(' ')
    .slice(8)
    .some((range) => {
      const [from, to = from] = range.split('-').map(Number)
      return slot >= from! && slot <= to!
    })
}

/** What a server replies to one command, as text. */
export async function asked({ url }: TestServer, command: string[]): Promise<string> {
  const client = createClient({ url })
  await client.connect()
  try {
    return String(await client.sendCommand<string | number | string[]>(command))
  } finally {
    client.destroy()
  }
}
