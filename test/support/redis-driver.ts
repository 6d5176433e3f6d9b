import { createSentinel } from 'redis'

const sentinels = createSentinel({ name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port: 26379 }] })

/** Version 5 of the driver can do less; `npm run test:drivers` runs the tests through it. */
export const isRedis5: boolean = !('duplicate' in sentinels)
