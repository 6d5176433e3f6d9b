import { testModel } from './model-tests.ts'

testModel('overlapping reads')
