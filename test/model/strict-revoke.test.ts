import { testModel } from './model-tests.ts'

testModel('strict revoke')
