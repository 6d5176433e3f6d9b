import type { ClusterWay } from './cluster.ts'
import type { Driver } from './driver.ts'
import { likeIoredis, likeIoredisCluster } from './ioredis.ts'
import { likeNodeRedisCluster, likeNodeRedisSentinel } from './node-redis-groups.ts'
import { likeNodeRedis } from './node-redis.ts'

type ClientKind = 'ioredis' | 'ioredis cluster' | 'node-redis' | 'node-redis cluster' | 'node-redis sentinel'

/** Whose client it is, by what it can do; undefined: nobody's we know. */
export function clientKind(client: unknown): ClientKind | undefined {
  if (can(client, 'duplicate', 'callBuffer')) return isCluster(client) ? 'ioredis cluster' : 'ioredis'
  if (!can(client, 'sendCommand', 'withTypeMapping', 'connect')) return undefined
  if ('getMasterNode' in client) return 'node-redis sentinel'
  if (!can(client, 'duplicate')) return undefined
  return 'slots' in client ? 'node-redis cluster' : 'node-redis'
}

export function driverLike(client: object): Driver {
  const kind = clientKind(client)
  if (kind === 'ioredis') return likeIoredis(client)
  return kind === 'node-redis sentinel' ? likeNodeRedisSentinel(client) : likeNodeRedis(client)
}

export function isClusterClient(client: object | undefined): client is object {
  return clientKind(client)?.endsWith('cluster') === true
}

export function clusterLike(client: object): ClusterWay {
  return clientKind(client) === 'ioredis cluster' ? likeIoredisCluster(client) : likeNodeRedisCluster(client)
}

function isCluster(client: object): boolean {
  return 'isCluster' in client && client.isCluster === true
}

function can(client: unknown, ...methods: string[]): client is object {
  if (typeof client !== 'object' || client === null) return false
  return methods.every((name) => typeof (client as Record<string, unknown>)[name] === 'function')
}
