import { postgresStore } from '../../src/stores/postgres.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { faultScenarios } from './scenarios.ts'

const { logger } = recordingLogger()

faultScenarios({
  kind: 'postgres',
  open: (url, operationTimeoutMs) => postgresStore({ connectionString: url, operationTimeoutMs, logger }),
})
