import { ConfigError } from '../../shared/errors.ts'
import type { ClusterWay } from './cluster.ts'
import type { Address, Driver } from './driver.ts'
import { driverFor } from './node-redis.ts'
import type { ClientOptions } from './node-redis.ts'
import { throughSentinels } from './sentinel.ts'

interface SentinelOptions {
  name: string
  sentinelRootNodes: Address[]
  sentinelClientOptions?: ClientOptions
  nodeClientOptions?: ClientOptions
  nodeAddressMap?: AddressMap
}

interface ClusterOptions {
  rootNodes: { url?: string; socket?: Partial<Address> }[]
  defaults?: ClientOptions
  nodeAddressMap?: AddressMap
}

type AddressMap = Record<string, Address> | ((address: string) => Address | undefined)

/** The driver for a Sentinel client of the user's. */
export function likeNodeRedisSentinel(client: object): Driver {
  const options = optionsOf(client) as SentinelOptions
  const { name, sentinelRootNodes, sentinelClientOptions = {}, nodeClientOptions = {}, nodeAddressMap } = options
  return throughSentinels({
    name,
    sentinels: driverFor(sentinelClientOptions),
    addresses: sentinelRootNodes,
    servers: driverFor(nodeClientOptions),
    translate: (address) => translated(address, nodeAddressMap),
  })
}

/** How to get to the servers of a cluster client of the user's. */
export function likeNodeRedisCluster(client: object): ClusterWay {
  const { rootNodes, defaults = {}, nodeAddressMap } = optionsOf(client) as ClusterOptions
  return {
    driver: driverFor(defaults),
    seeds: rootNodes.map(addressOf),
    translate: (address) => translated(address, nodeAddressMap),
  }
}

function addressOf({ url, socket }: ClusterOptions['rootNodes'][number]): Address {
  if (url === undefined) return { host: socket?.host ?? 'localhost', port: socket?.port ?? 6379 }
  const { hostname, port } = new URL(url)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || 6379 }
}

/** The options the user's client was made with. The driver keeps them to itself, but it makes duplicates of them. */
function optionsOf(client: object): object {
  const seen: object[] = []
  const standIn: object = Object.create(client, {
    constructor: {
      value: function (options: object) {
        seen.push(options)
      },
    },
  })
  const { duplicate } = client as { duplicate: () => unknown }
  duplicate.call(Object.create(standIn))
  const [options] = seen
  if (options !== undefined) return options
  throw new ConfigError('redisStore', [{ path: 'client', message: 'is of a version of redis that is not supported' }])
}

function translated(address: Address, map: AddressMap | undefined): Address {
  const name = `${address.host}:${address.port}`
  return (typeof map === 'function' ? map(name) : map?.[name]) ?? address
}
