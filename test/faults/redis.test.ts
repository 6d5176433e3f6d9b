import { redisStore } from '../../src/stores/redis.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { faultScenarios } from './scenarios.ts'

const { logger } = recordingLogger()

faultScenarios({
  kind: 'redis',
  open: (url, operationTimeoutMs) => redisStore({ url, operationTimeoutMs, logger }),
})
