import type { createClient } from 'redis'
import { sendable } from './driver.ts'
import type { Address, Driver, DriverConnection, OnClose } from './driver.ts'
import { loaded } from '../rules/driver.ts'

type Client = ReturnType<typeof createClient>

/** The options of a client, as far as they matter here. */
export interface ClientOptions {
  database?: number
  socket?: object
}

/** RESP2's type byte of a text: the driver hands it over as it came. */
const textsAsBuffers = { 36: Buffer } as const

/** Said with each command: version 5.0 of the driver forgets its own settings. */
const perCommand = { typeMapping: textsAsBuffers }

/** The driver for a URL: the package `redis`, which is imported when it is first needed. */
export function nodeRedisAt(url: string): Driver {
  return driverFor({ url, database: Number(new URL(url).pathname.slice(1)) })
}

/** The driver for a client of the user's, which itself is never used. */
export function likeNodeRedis(client: unknown): Driver {
  const prototype = client as Client
  const { socket, database = 0 } = (prototype.options ?? {}) as ClientOptions
  return {
    database,
    open: async (ms, onClose, at) => connection(prototype.duplicate(settings(socket, ms, at)), onClose),
  }
}

/** The driver for options of the user's. */
export function driverFor(options: ClientOptions & { url?: string }): Driver {
  return {
    database: options.database ?? 0,
    async open(ms, onClose, at) {
      const { createClient: create } = await load()
      return connection(create({ ...options, ...settings(options.socket, ms, at) }), onClose)
    },
  }
}

/** What makes a client of one connection that hides nothing and repeats nothing. */
function settings(socket: object | undefined, connectTimeout: number, at?: Address): object {
  const own = { connectTimeout, reconnectStrategy: false, socketTimeout: undefined }
  return {
    ...(at === undefined ? {} : { url: undefined }),
    socket: { ...socket, ...own, ...at },
    RESP: 2,
    commandOptions: { timeout: 0, typeMapping: textsAsBuffers },
    disableOfflineQueue: true,
    commandsQueueMaxLength: undefined,
    maintNotifications: 'disabled',
    clientSideCache: undefined,
    emitInvalidate: false,
    pingInterval: undefined,
    keyPrefix: undefined,
    readonly: false,
    clientInfoTag: 'sallyport',
  }
}

function connection(client: Client, onClose: OnClose): DriverConnection {
  let isGone = false
  let isConnecting = true
  const gone = (reason?: unknown): void => {
    if (isGone) return
    isGone = true
    onClose(reason)
  }

  client.on('error', gone)
  for (const event of ['end', 'terminated', 'sharded-channel-moved']) client.on(event, () => gone())
  const connected = (): void => {
    isConnecting = false
    // Once its greeting is under way, so that this fails.
    if (isGone) process.nextTick(() => cut(client))
  }

  client.on('connect', connected)
  return {
    ready: client
      .connect()
      .finally(connected)
      .then(() => {}),
    send: (command) => client.sendCommand(command.map(sendable), perCommand),
    subscribe: (channel, onMessage, of) =>
      of === 'shard' ? client.sSubscribe(channel, onMessage, true) : client.subscribe(channel, onMessage, true),
    destroy() {
      isGone = true
      // The driver has nothing to destroy before its socket is connected, and would keep what it gets then.
      if (!isConnecting) cut(client)
    },
  }
}

/** Repeatable: version 5 of the driver fails where there is nothing to destroy any more. */
function cut(client: Client): void {
  try {
    client.destroy()
  } catch {
    // It is closed.
  }
}

function load(): Promise<typeof import('redis')> {
  return loaded({ store: 'redisStore', option: 'url', name: 'redis' }, () => import('redis'))
}
