import { testModel } from './model-tests.ts'

testModel('another store')
