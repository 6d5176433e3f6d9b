// Every npm script starts here. Old syntax on purpose: it must run, and explain, on any Node since 12.
'use strict'

var fs = require('fs')
var path = require('path')

var root = path.join(__dirname, '..')
var wanted = [22, 18]

function isNewEnough(version) {
  var parts = version.split('.').map(Number)
  return parts[0] > wanted[0] || (parts[0] === wanted[0] && parts[1] >= wanted[1])
}

function isThere(file) {
  return fs.existsSync(path.join(root, 'node_modules', file))
}

function adviceFor(version) {
  if (!isThere('typescript/package.json')) return ['The dependencies are not installed yet:', '  npm ci']
  if (isNewEnough(version)) return undefined
  var found =
    'Found Node ' + version + ' (' + process.execPath + '), but sallyport needs ' + wanted.join('.') + ' or newer.'
  if (!isThere('node/bin/node') && !isThere('node/bin/node.exe')) {
    return [
      found,
      'The devDependency `node` brings one, but its binary is missing: npm ran with install scripts off.',
      'Let that one package run its script:',
      '  npm rebuild node --ignore-scripts=false',
      'or install Node ' + wanted.join('.') + ' or newer yourself.',
    ]
  }
  return [
    found,
    'The devDependency `node` is a newer one; npm puts it first: start this through `npm run`, or with',
    '  export PATH="$PWD/node_modules/.bin:$PATH"',
  ]
}

var advice = adviceFor(process.versions.node)
if (advice) {
  console.error(advice.join('\n'))
  process.exit(1)
}
