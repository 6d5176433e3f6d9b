import { testModel } from './model-tests.ts'

testModel('refresh lease')
