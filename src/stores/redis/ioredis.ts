import type { Redis } from 'ioredis'
import type { ClusterWay } from './cluster.ts'
import { sendable } from './driver.ts'
import type { Address, Driver, DriverConnection, OnClose } from './driver.ts'
import { loaded } from '../rules/driver.ts'

type Node = string | number | { host?: string; port?: number }

interface ClusterClient {
  /** Those it is connected to. */
  nodes: () => Redis[]
  startupNodes: Node[]
  options: {
    redisOptions?: object
    natMap?: Record<string, Address> | ((address: string) => Address | undefined)
  }
}

/** The driver for an `ioredis` or `iovalkey` client of the user's, which itself is never used. */
export function likeIoredis(client: unknown): Driver {
  const prototype = client as Redis
  const { db = 0, sentinels } = prototype.options
  // The driver asks one Sentinel after the other, and each may use up its time.
  const shares = 1 + (sentinels?.length ?? 0)
  return {
    database: db,
    open: async (ms, onClose, at) => connection(prototype.duplicate(settings(Math.ceil(ms / shares), at)), onClose),
  }
}

/** How to get to the servers of a cluster client of the user's. */
export function likeIoredisCluster(client: object): ClusterWay {
  const cluster = client as ClusterClient
  const { options, startupNodes } = cluster
  const { redisOptions = {}, natMap } = options
  return {
    driver: {
      database: 0,
      async open(ms, onClose, at) {
        const [node] = cluster.nodes()
        if (node !== undefined) return connection(node.duplicate(settings(ms, at)), onClose)
        const Client = await load()
        return connection(new Client({ ...redisOptions, ...settings(ms, at) }), onClose)
      },
    },
    seeds: startupNodes.map(addressOf),
    translate: (address) => {
      const name = `${address.host}:${address.port}`
      return (typeof natMap === 'function' ? natMap(name) : natMap?.[name]) ?? address
    },
  }
}

/** The driver takes a port, a URL, `host:port` or both as an object. */
function addressOf(node: Node): Address {
  if (typeof node === 'object') return { host: node.host ?? '127.0.0.1', port: node.port ?? 6379 }
  if (/^\d+$/.test(String(node))) return { host: '127.0.0.1', port: Number(node) }
  const text = String(node)
  const { hostname, port } = new URL(text.includes('://') ? text : `redis://${text}`)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || 6379 }
}

/** A cluster client that is not connected has no client of a server to make others like it. */
async function load(): Promise<new (options: object) => Redis> {
  const need = 'must be connected, unless it is of ioredis'
  const wanted = { store: 'redisStore', option: 'client', name: 'ioredis', need }
  return (await loaded(wanted, () => import('ioredis'))).Redis
}

/** What makes a client of one connection that hides nothing and repeats nothing. */
function settings(connectTimeout: number, at?: Address): object {
  return {
    ...at,
    ...(at === undefined ? {} : { path: undefined, sentinels: undefined }),
    connectTimeout,
    lazyConnect: true,
    retryStrategy: null,
    sentinelRetryStrategy: null,
    reconnectOnError: null,
    maxRetriesPerRequest: null,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    enableAutoPipelining: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    commandTimeout: undefined,
    socketTimeout: undefined,
    disconnectTimeout: 0,
    keyPrefix: '',
    protocol: 2,
    stringNumbers: false,
    readOnly: false,
    monitor: false,
  }
}

function connection(client: Redis, onClose: OnClose): DriverConnection {
  let isGone = false
  let isCorked = false
  const gone = (reason?: unknown): void => {
    if (isGone) return
    isGone = true
    onClose(reason)
  }

  /** The driver writes each command by itself, a system call and a packet each. */
  const together = (): void => {
    if (isCorked) return
    isCorked = true
    const { stream } = client
    stream?.cork()
    process.nextTick(() => {
      isCorked = false
      stream?.uncork()
    })
  }

  const heard = new Map<string, (message: Buffer) => void>()
  for (const event of ['messageBuffer', 'smessageBuffer']) {
    client.on(event, (channel: Buffer, message: Buffer) => heard.get(String(channel))?.(message))
  }
  // Version 6 says so when a slot moves, earlier ones take it for an error.
  client.on('moved', () => gone())

  return {
    ready: readiness(client, gone),
    send([name = '', ...rest]) {
      together()
      return client.callBuffer(name as string, ...rest.map(sendable))
    },
    async subscribe(channel, onMessage, of) {
      heard.set(channel, onMessage)
      await (of === 'shard' ? client.ssubscribe(channel) : client.subscribe(channel))
    },
    destroy() {
      isGone = true
      client.disconnect()
      // The driver would wait for the other end to say goodbye.
      client.stream?.destroy()
    },
  }
}

/** An error on the way, e.g. a logical database that does not exist, does not keep the driver from being ready. */
function readiness(client: Redis, gone: OnClose): Promise<void> {
  return new Promise((resolve, reject) => {
    client.on('error', (error) => {
      reject(error)
      gone(error)
    })
    client.on('end', () => gone())
    client.on('close', () => gone())
    client.connect().then(resolve, reject)
  })
}
