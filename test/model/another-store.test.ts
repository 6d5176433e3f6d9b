import { testModel } from './model-tests.ts'

testModel('another store, touch')
testModel('another store, update')
testModel('another store, removal')
testModel('another store, removal beside a refresh')
testModel('another store, another key')
