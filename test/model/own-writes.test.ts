import { testModel } from './model-tests.ts'

testModel('own writes')
