import { mysqlStore } from '../../src/stores/mysql.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { faultScenarios } from './scenarios.ts'

const { logger } = recordingLogger()

faultScenarios({
  kind: 'mariadb',
  open: (url, operationTimeoutMs) => mysqlStore({ connectionString: url, operationTimeoutMs, logger }),
})
