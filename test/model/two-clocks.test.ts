import { testModel } from './model-tests.ts'

testModel('two clocks')
