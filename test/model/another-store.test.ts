import { testModel } from './model-tests.ts'

testModel('another store, touch')
testModel('another store, removal')
testModel('another store, another key')
