import { testModel } from './model-tests.ts'

testModel('one reader')
